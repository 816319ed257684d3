//! A retry budget, as Finagle and Linkerd have: each call pays in a part of a retry.

/// Retries that are there before any call has paid in, and that are saved up at most.
const RESERVE: f64 = 10.0;

/// A retry budget.
#[derive(Debug, Clone)]
pub struct Budget {
    /// What a call pays in; none if retries are free.
    share: Option<f64>,
    saved: f64,
}

impl Budget {
    /// Retries may be this share of the calls, with ten in reserve; as many as there are if absent.
    pub fn new(share: Option<f64>) -> Self {
        let saved = RESERVE;
        Self { share, saved }
    }

    /// A call is made.
    pub fn pay_in(&mut self) {
        if let Some(share) = self.share {
            self.saved = (self.saved + share).min(RESERVE);
        }
    }

    /// Takes a retry, if there is one.
    pub fn take(&mut self) -> bool {
        if self.share.is_none() {
            return true;
        }
        // A retry that is there but for rounding is there.
        let is_there = self.saved >= 1.0 - 1e-9;
        self.saved -= f64::from(u8::from(is_there));
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_calls_and_a_reserve_may_be_tried_again() {
        let mut budget = Budget::new(Some(0.25));
        let calls = 0..400;
        let retried = calls.filter(|_| {
            budget.pay_in();
            budget.take()
        });
        assert_eq!(retried.count(), 109);
        // The first call finds the reserve full: it pays in nothing.
        let mut tenths = Budget::new(Some(0.1));
        let calls = 0..101;
        let retried = calls.filter(|_| {
            tenths.pay_in();
            tenths.take()
        });
        assert_eq!(retried.count(), 10 + 10);
        let mut free = Budget::new(None);
        assert!((0..100).all(|_| free.take()));
    }
}

//! The integral of a step function, added up while it goes on.

/// ∫ f dt over [from, to) up to now; f is 0 before its first value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral {
    to: f64,
    at: f64,
    value: f64,
    sum: f64,
}

impl Integral {
    /// Over [from, to), in seconds.
    pub fn new(from: f64, to: f64) -> Self {
        Self {
            to,
            at: from,
            value: 0.0,
            sum: 0.0,
        }
    }

    /// The value from `time` on; times ascend.
    pub fn set(&mut self, time: f64, value: f64) {
        if value != self.value {
            self.go_to(time);
            self.value = value;
        }
    }

    fn go_to(&mut self, time: f64) {
        let until = time.min(self.to);
        if until > self.at {
            self.sum += self.value * (until - self.at);
            self.at = until;
        }
    }

    /// The integral.
    pub fn finish(mut self) -> f64 {
        self.go_to(self.to);
        self.sum
    }
}

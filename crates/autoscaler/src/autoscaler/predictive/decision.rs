//! Which of the numbers of replicas counts.
//!
//! Upstream: predictive-horizontal-pod-autoscaler's `internal/scalebehavior`,
//! `DecideTargetReplicasByScalingStrategy`.

/// How to choose among what the HPA calculated and what the models predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionType {
    /// The highest: predictions never scale below what the HPA calculated.
    #[default]
    Maximum,
    /// The lowest.
    Minimum,
    /// The mean, rounded half away from zero.
    Mean,
    /// The one in the middle; of two, the integer half of their sum.
    Median,
}

impl DecisionType {
    /// The number of replicas to go on with; 0 if there is none to choose from.
    pub fn decide(self, candidates: &[i32]) -> i32 {
        let mut sorted = candidates.to_vec();
        sorted.sort_unstable();
        let (Some(least), Some(most)) = (sorted.first(), sorted.last()) else {
            return 0;
        };
        match self {
            Self::Maximum => *most,
            Self::Minimum => *least,
            Self::Mean => {
                // Upstream adds up in 32 bits.
                let total = sorted
                    .iter()
                    .fold(0i32, |sum, next| sum.wrapping_add(*next));
                if total <= 0 {
                    return 0;
                }
                (f64::from(total) / sorted.len() as f64).round() as i32
            }
            Self::Median => {
                let half = sorted.len() / 2;
                if sorted.len().is_multiple_of(2) {
                    sorted[half - 1].wrapping_add(sorted[half]) / 2
                } else {
                    sorted[half]
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DecisionType::{Maximum, Mean, Median, Minimum};

    #[test]
    fn halves_and_empty_lists() {
        for kind in [Maximum, Minimum, Mean, Median] {
            assert_eq!(kind.decide(&[]), 0);
        }
        assert_eq!(Mean.decide(&[1, 2]), 2);
        assert_eq!(Mean.decide(&[-5, 2]), 0);
        assert_eq!(Median.decide(&[4, 1]), 2);
        assert_eq!(Median.decide(&[-4, 1]), -1);
        assert_eq!(Median.decide(&[9, 1, 5]), 5);
    }
}

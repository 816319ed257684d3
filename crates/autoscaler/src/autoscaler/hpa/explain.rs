//! A decision in words: each metric's part, then the number before and after each
//! correction, as `nlsim explain` prints it.

use std::fmt;

use super::decision::{Calculation, CurrentMetric, Decision, MetricDecision, Steps};
use super::spec::Resource;
use crate::units::{Quantity, QuantityFormat};

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for metric in &self.metrics {
            writeln!(f, "{metric}")?;
        }
        write!(f, "{}", self.steps)?;
        if !self.reason.is_empty() {
            write!(f, "; {}", self.reason)?;
        }
        if let Some(error) = &self.error {
            write!(f, "\nerror: {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for MetricDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proposal {
            Err(cause) => return write!(f, "no proposal: {cause}"),
            Ok(replicas) => write!(f, "{}: {}, proposes {replicas}", self.name, self.current)?,
        }
        match &self.calculation {
            Some(calculation) => write!(f, " ({calculation})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Calculation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ratio {:.4}", self.ratio)?;
        if let Some(pods) = self.pods {
            write!(f, " over {} ready pods", pods.ready)?;
            for (count, kind) in [
                (pods.unready, "unready"),
                (pods.missing, "without metrics"),
                (pods.ignored, "ignored"),
            ] {
                if count > 0 {
                    write!(f, ", {count} {kind}")?;
                }
            }
        }
        match self.adjusted_ratio {
            Some(ratio) => write!(f, "; with these filled in {ratio:.4}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for CurrentMetric {
    /// The value alone: `84%`, `350m`, `512Mi`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = |milli, format| Quantity::from_millis(milli, format);
        match *self {
            Self::Empty => f.write_str("unknown"),
            Self::Resource {
                utilization: Some(percent),
                ..
            }
            | Self::ContainerResource {
                utilization: Some(percent),
                ..
            } => write!(f, "{percent}%"),
            Self::Resource {
                resource: Resource::Memory,
                average,
                ..
            }
            | Self::ContainerResource {
                resource: Resource::Memory,
                average,
                ..
            } => write!(f, "{} per pod", amount(average, QuantityFormat::BinarySi)),
            Self::Resource { average, .. }
            | Self::ContainerResource { average, .. }
            | Self::Pods { average, .. }
            | Self::Object {
                average: Some(average),
                ..
            }
            | Self::External {
                average: Some(average),
                ..
            } => write!(f, "{} per pod", amount(average, QuantityFormat::DecimalSi)),
            Self::Object { value, .. } | Self::External { value, .. } => {
                let value = value.unwrap_or_default();
                write!(f, "{}", amount(value, QuantityFormat::DecimalSi))
            }
        }
    }
}

impl fmt::Display for Steps {
    /// `8 now, 12 raw, 12 stabilized, 10 after ScaleUpLimit: 10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} now", self.current)?;
        if let Some(raw) = self.raw {
            write!(f, ", {raw} raw")?;
        }
        if let Some(stabilized) = self.stabilized {
            write!(f, ", {stabilized} stabilized")?;
        }
        match (self.limited, self.limit) {
            (Some(limited), Some(limit)) => write!(f, ", {limited} after {limit}")?,
            (Some(limited), None) => write!(f, ", {limited} within limits")?,
            (None, _) => {}
        }
        write!(f, ": {}", self.desired)
    }
}

#[cfg(test)]
mod tests {
    use super::super::conditions::Limit;
    use super::super::decision::PodCounts;
    use super::*;

    #[test]
    fn a_decision_reads_as_the_way_to_its_number() {
        let cpu = MetricDecision {
            proposal: Ok(17),
            name: "cpu resource utilization (percentage of request)".into(),
            current: CurrentMetric::Resource {
                resource: Resource::Cpu,
                utilization: Some(168),
                average: 168,
            },
            calculation: Some(Calculation {
                ratio: 2.4,
                adjusted_ratio: Some(1.68),
                pods: Some(PodCounts {
                    ready: 7,
                    unready: 2,
                    missing: 1,
                    ignored: 0,
                }),
            }),
        };
        let memory = MetricDecision {
            proposal: Ok(8),
            name: "memory resource".into(),
            current: CurrentMetric::Resource {
                resource: Resource::Memory,
                utilization: None,
                average: 536_870_912_000,
            },
            calculation: Some(Calculation {
                ratio: 0.8,
                adjusted_ratio: None,
                pods: Some(PodCounts {
                    ready: 10,
                    ..PodCounts::default()
                }),
            }),
        };
        let failed = MetricDecision {
            proposal: Err("unable to get metric qps: metric not found".to_owned()),
            name: "".into(),
            current: CurrentMetric::Empty,
            calculation: None,
        };
        let decision = Decision {
            metrics: vec![cpu, memory, failed],
            steps: Steps {
                current: 7,
                raw: Some(17),
                stabilized: Some(17),
                limited: Some(14),
                limit: Some(Limit::ScaleUpLimit),
                desired: 14,
            },
            reason: "cpu resource utilization (percentage of request) above target".to_owned(),
            ..Decision::default()
        };
        insta::assert_snapshot!(decision);
    }
}

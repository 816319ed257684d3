//! `cron`: so many replicas between two schedules.

use super::super::cron::{Schedule, load_location};
use super::super::metric::{MetricSpec, MetricTarget, normalize};
use super::super::typed_config::{Param, Params, ScalerConfig};
use crate::sim::Zone;

/// A window in time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cron {
    name: String,
    /// The time zone, or why there is none: it is looked for at each fetch.
    zone: Result<Zone, String>,
    start: Schedule,
    end: Schedule,
    desired_replicas: i64,
}

impl Cron {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        parse(config).map_err(|error| format!("error parsing cron metadata: {error}"))
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        MetricSpec::external(index, &self.name, MetricTarget::whole(kind, 1))
    }

    /// Active if the next end comes no later than the next start. A schedule that never occurs
    /// again counts as long past.
    pub(super) fn measure(&self, unix_time: i64) -> Result<(f64, bool), String> {
        let unable = |error: &String| format!("unable to load timezone: {error}");
        let zone = self.zone.as_ref().map_err(unable)?;
        let start = self.start.next(unix_time, zone);
        let end = self.end.next(unix_time, zone);
        let active = if start < end {
            start.is_none()
        } else {
            start.is_none() || end.is_some()
        };
        let value = if active { self.desired_replicas } else { 0 };
        Ok((value as f64, active))
    }
}

fn parse(config: ScalerConfig) -> Result<Cron, String> {
    let mut params = Params::new(config);
    let start: String = params.read(Param::new(&["start"]));
    let end: String = params.read(Param::new(&["end"]));
    let timezone: String = params.read(Param::new(&["timezone"]));
    let desired_replicas: i64 = params.read(Param::new(&["desiredReplicas"]));
    let schedules = validate(&start, &end, desired_replicas);
    let (start_schedule, end_schedule) = match schedules {
        Ok(schedules) => {
            params.finish(Ok(()))?;
            schedules
        }
        Err(error) => {
            return Err(params.finish(Err(error)).err().unwrap_or_default());
        }
    };
    Ok(Cron {
        name: normalize(&format!(
            "cron-{timezone}-{}-{}",
            shorten(&start),
            shorten(&end)
        )),
        zone: load_location(&timezone),
        start: start_schedule,
        end: end_schedule,
        desired_replicas,
    })
}

fn validate(start: &str, end: &str, desired_replicas: i64) -> Result<(Schedule, Schedule), String> {
    let first =
        Schedule::parse(start).map_err(|error| format!("error parsing start schedule: {error}"))?;
    let last =
        Schedule::parse(end).map_err(|error| format!("error parsing end schedule: {error}"))?;
    if start == end {
        return Err("start and end can not have exactly same time input".to_owned());
    }
    if desired_replicas == 0 {
        return Err("no desiredReplicas specified".to_owned());
    }
    Ok((first, last))
}

/// A schedule without the signs that a metric's name cannot have.
fn shorten(schedule: &str) -> String {
    schedule
        .replace(' ', "")
        .replace('*', "x")
        .replace('/', "Sl")
        .replace('?', "Qm")
        .replace(',', "Cm")
}

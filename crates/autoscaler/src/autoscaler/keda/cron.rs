//! Cron schedules as KEDA reads them: five fields, by the clocks of a time zone.

use crate::sim::Zone;
use crate::sim::cron::{self, split_zone};

/// `time.LoadLocation` on a machine whose own zone is UTC.
pub fn load_location(name: &str) -> Result<Zone, String> {
    let zone = match name {
        "Local" => Some(Zone::default()),
        _ => Zone::named(name),
    };
    zone.ok_or_else(|| format!("unknown time zone {name}"))
}

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    timing: cron::Schedule,
    /// The zone written before the fields as `TZ=…`.
    zone: Option<Zone>,
}

impl Schedule {
    /// Reads `minute hour day month weekday`.
    pub fn parse(spec: &str) -> Result<Self, String> {
        let (zone, fields) = split_zone(spec);
        let zone = zone.filter(|name| *name != "Local").map(|name| {
            load_location(name).map_err(|error| format!("provided bad location {name}: {error}"))
        });
        if fields.starts_with('@') {
            return Err(format!("parser does not accept descriptors: {fields}"));
        }
        Ok(Self {
            zone: zone.transpose()?,
            timing: fields
                .parse()
                .map_err(|error: cron::CronError| error.to_string())?,
        })
    }

    /// The next occurrence strictly after `now`, both in seconds since 1970; none within five
    /// years is `None`. A time that a change of the clocks leaves out does not occur.
    pub fn next(&self, now: i64, default: &Zone) -> Option<i64> {
        let zone = self.zone.as_ref().unwrap_or(default);
        self.timing.next(now, &|time| zone.offset(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(spec: &str, zone: &str, now: i64) -> Option<i64> {
        let zone = load_location(zone).expect("a zone");
        Schedule::parse(spec).expect("a schedule").next(now, &zone)
    }

    #[test]
    fn a_written_zone_wins() {
        let midnight = next("TZ=Asia/Kolkata 0 0 * * *", "UTC", 0);
        assert_eq!(midnight, Some(86_400 - 5 * 3600 - 1800));
        let local = next("TZ=Local 0 0 * * *", "Asia/Kolkata", 0);
        assert_eq!(local, midnight);
    }

    #[test]
    fn a_time_in_the_gap_is_left_out() {
        // 2000-03-26 in Berlin has no 02:30; the 27th has, in summer time.
        let before = 954_028_800;
        let expected = before + 86_400 + 1800;
        assert_eq!(next("30 2 * * *", "Europe/Berlin", before), Some(expected));
    }

    #[test]
    fn descriptors_and_unknown_zones_are_refused() {
        let fault = |spec: &str| Schedule::parse(spec).expect_err(spec);
        let descriptor = "parser does not accept descriptors: @daily";
        assert_eq!(fault("@daily"), descriptor);
        assert_eq!(fault("TZ=UTC @daily"), descriptor);
        assert_eq!(
            fault("TZ=Mars/Olympus * * * * *"),
            "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"
        );
        assert_eq!(fault(""), "empty spec string");
        assert!(load_location("Local").is_ok());
    }
}

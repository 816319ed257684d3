//! Time zones by their IANA names, from tables that are compiled in: a run does not depend on the
//! machine's own.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone; UTC by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// The zone of a name, spelled as in the list of zones. An empty name is UTC.
    pub fn named(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC") {
            return Some(Self::default());
        }
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Self(zone))
    }

    /// What its clocks are ahead of UTC at a time, in seconds; times are seconds since 1970.
    pub fn offset(&self, time: i64) -> i64 {
        let time = Timestamp::from_second(time).unwrap_or_default();
        i64::from(self.0.to_offset(time).seconds())
    }

    /// A time by its clocks, in a format of `strftime`; times are seconds since 1970.
    pub fn print(&self, time: i64, format: &str) -> String {
        let time = Timestamp::from_second(time).unwrap_or_default();
        time.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_go_forward_and_back() {
        let zone = Zone::named("Europe/Berlin").expect("a zone");
        // 29 March 2026, 01:00 UTC.
        let spring = 1_774_746_000;
        assert_eq!((zone.offset(spring - 1), zone.offset(spring)), (3600, 7200));
        assert_eq!(zone.print(spring, "%H:%M %:z"), "03:00 +02:00");
        assert_eq!(Zone::default().offset(spring), 0);
    }

    #[test]
    fn names_are_those_of_the_list() {
        assert_eq!(Zone::named(""), Some(Zone::default()));
        assert!(Zone::named("America/Argentina/Buenos_Aires").is_some());
        for wrong in ["Mars/Olympus", "europe/berlin", "Europe"] {
            assert_eq!(Zone::named(wrong), None, "{wrong}");
        }
    }
}

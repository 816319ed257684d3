//! Time zones by IANA name, from a database in the binary.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self {
        zone: TimeZone::UTC,
    };

    /// `time.LoadLocation` on a machine whose own zone is UTC; names keep their capitals.
    pub fn load(name: &str) -> Result<Self, String> {
        if matches!(name, "" | "UTC" | "Local") {
            return Ok(Self::UTC);
        }
        let found = TimeZoneDatabase::bundled().get(name).ok();
        found
            .filter(|zone| zone.iana_name() == Some(name))
            .map(|zone| Self { zone })
            .ok_or_else(|| format!("unknown time zone {name}"))
    }

    /// Seconds that the zone is ahead of UTC at an instant.
    pub fn offset(&self, unix: i64) -> i64 {
        Timestamp::from_second(unix).map_or(0, |at| self.zone.to_offset(at).seconds().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert!(Zone::load("Europe/Berlin").is_ok());
        assert!(Zone::load("Etc/UTC").is_ok());
        assert_eq!(Zone::load(""), Ok(Zone::UTC));
        assert_eq!(
            Zone::load("Mars/Olympus"),
            Err("unknown time zone Mars/Olympus".to_owned())
        );
        assert!(Zone::load("europe/berlin").is_err());
    }
}

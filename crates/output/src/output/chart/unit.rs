//! Units of the quantities in charts, and how their values are written.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// A pure number.
    #[default]
    Number,
    /// Whole things: replicas, requests, nodes.
    Count,
    /// Hundredths, given as 0 to 100.
    Percent,
    /// CPU in cores.
    Cores,
    /// Memory in bytes.
    Bytes,
    /// Time in milliseconds.
    Milliseconds,
    /// Time in seconds.
    Seconds,
    /// Money.
    Dollars,
    /// Money per hour.
    DollarsPerHour,
    /// Requests per second.
    PerSecond,
}

/// A unit made fit for values of one size: what they are divided by, and what is put around.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Form {
    pub(super) divisor: f64,
    before: &'static str,
    after: &'static str,
}

impl Unit {
    /// The form for values up to `largest`.
    pub(super) fn form(self, largest: f64) -> Form {
        let form = |divisor, before, after| Form {
            divisor,
            before,
            after,
        };
        let largest = largest.abs();
        match self {
            Self::Bytes => {
                let sizes = [(40, " TiB"), (30, " GiB"), (20, " MiB"), (10, " KiB")];
                let found = sizes
                    .into_iter()
                    .map(|(power, name)| (2.0_f64.powi(power), name))
                    .find(|(size, _)| largest >= *size);
                let (divisor, name) = found.unwrap_or((1.0, " B"));
                form(divisor, "", name)
            }
            Self::Milliseconds if largest >= 1000.0 => form(1000.0, "", " s"),
            Self::Milliseconds => form(1.0, "", " ms"),
            Self::Seconds => form(1.0, "", " s"),
            Self::Percent => form(1.0, "", " %"),
            Self::Cores if largest > 0.0 && largest < 0.5 => form(0.001, "", "m"),
            Self::Dollars | Self::DollarsPerHour => {
                let (divisor, after) = thousands(largest);
                form(divisor, "$", after)
            }
            Self::Number | Self::Count | Self::Cores | Self::PerSecond => {
                let (divisor, after) = thousands(largest);
                form(divisor, "", after)
            }
        }
    }

    /// Whether only whole numbers make sense.
    pub(super) fn whole(self) -> bool {
        self == Self::Count
    }

    /// What stands behind a heading, such as `cores`; empty if the labels say it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cores => "cores",
            Self::DollarsPerHour => "$ per hour",
            Self::PerSecond => "per second",
            _ => "",
        }
    }

    /// A value among others, with as many digits as tell a twentieth of their range apart.
    pub(super) fn text_among(self, value: f64, (least, largest): (f64, f64)) -> String {
        let form = self.form(largest.abs().max(least.abs()));
        let twentieth = (largest - least) / form.divisor / 20.0;
        let digits = -twentieth.log10().floor();
        let by_itself = self.text(value);
        let decimals = by_itself.split_once('.').map_or(0, |(_, after)| {
            after.bytes().take_while(u8::is_ascii_digit).count()
        });
        if !value.is_finite() || !digits.is_finite() || digits <= decimals as f64 {
            return by_itself;
        }
        form.tick(value / form.divisor, 10_f64.powf(-digits))
    }

    /// A value by itself, with three significant digits.
    pub(in crate::output) fn text(self, value: f64) -> String {
        if !value.is_finite() {
            return "–".to_owned();
        }
        let form = self.form(value);
        let scaled = value / form.divisor;
        let digits = if scaled == 0.0 {
            0
        } else {
            (2 - scaled.abs().log10().floor() as i32).clamp(0, 4)
        };
        let mut text = format!("{scaled:.*}", digits as usize);
        // No half cents, and none without the other.
        let in_cents = digits > 2 || digits == 1 && form.after.is_empty();
        if text.contains('.') && form.before.is_empty() {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        } else if in_cents && !form.before.is_empty() {
            text = format!("{scaled:.2}");
        }
        form.around(scaled, text)
    }
}

fn thousands(largest: f64) -> (f64, &'static str) {
    match largest {
        v if v >= 1e15 => (1.0, ""),
        v if v >= 1e12 => (1e12, "T"),
        v if v >= 1e9 => (1e9, "G"),
        v if v >= 1e6 => (1e6, "M"),
        v if v >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

impl Form {
    /// A tick's value, already divided, on an axis with this distance of ticks.
    pub(super) fn tick(&self, scaled: f64, step: f64) -> String {
        if scaled == 0.0 && self.before.is_empty() && self.after.len() == 1 {
            return "0".to_owned(); // of thousands or of thousandths alike
        }
        let digits = (-(step.abs().log10() + 1e-9).floor()).clamp(0.0, 9.0) as usize;
        // Ten cents are $0.10.
        let digits = if digits == 1 && self.before == "$" {
            2
        } else {
            digits
        };
        self.around(scaled, format!("{scaled:.digits$}"))
    }

    fn around(&self, scaled: f64, text: String) -> String {
        let text = if scaled.abs() >= 1e6 {
            format!("{scaled:.0e}")
        } else {
            text
        };
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) if rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => ("−", rest),
            Some(rest) => ("", rest),
            None => ("", text.as_str()),
        };
        format!("{sign}{}{text}{}", self.before, self.after)
    }
}

/// A length of time as people write it: `90s` is `1m30s`, a day and a half `1d12h`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds.abs() < 0.000_5 {
        return "0".to_owned();
    }
    if seconds.abs() < 1.0 {
        return format!("{}ms", (seconds * 1000.0).round());
    }
    if seconds.fract() != 0.0 && seconds < 60.0 {
        let text = format!("{seconds:.2}");
        return format!("{}s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    let whole = seconds.round().min(1e15) as i64;
    let parts = [
        (whole / 86_400, "d"),
        (whole / 3600 % 24, "h"),
        (whole / 60 % 60, "m"),
        (whole % 60, "s"),
    ];
    let mut text = String::new();
    for (count, name) in parts.into_iter().filter(|(count, _)| *count != 0) {
        text.push_str(&count.to_string());
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_with_three_digits() {
        assert_eq!(Unit::Percent.text(61.24), "61.2 %");
        assert_eq!(Unit::Count.text(10.0), "10");
        assert_eq!(Unit::Count.text(1_234_567.0), "1.23M");
        assert_eq!(Unit::Milliseconds.text(500.0), "500 ms");
        assert_eq!(Unit::Milliseconds.text(2500.0), "2.5 s");
        assert_eq!(Unit::Bytes.text(268_435_456.0), "256 MiB");
        assert_eq!(Unit::Cores.text(0.25), "250m");
        assert_eq!(Unit::Dollars.text(1.5), "$1.50");
        assert_eq!(Unit::Dollars.text(-0.1234), "−$0.12");
        assert_eq!(Unit::Dollars.text(24.0), "$24.00");
        assert_eq!(Unit::Dollars.text(240.0), "$240");
        assert_eq!(Unit::Dollars.text(24_000.0), "$24.0k");
        assert_eq!(Unit::Number.text(f64::NAN), "–");
        assert_eq!(Unit::Number.text(3e18), "3e18");
    }

    #[test]
    fn zero_on_an_axis_has_no_thousands() {
        assert_eq!(Unit::Count.form(27_000.0).tick(0.0, 10.0), "0");
        assert_eq!(Unit::Count.form(27_000.0).tick(10.0, 10.0), "10k");
        assert_eq!(Unit::Percent.form(100.0).tick(0.0, 50.0), "0 %");
    }

    #[test]
    fn durations_read_as_go_writes_them() {
        let written = [0.0, 0.25, 1.5, 90.0, 600.0, 5400.0, 129_600.0].map(duration);
        assert_eq!(
            written,
            ["0", "250ms", "1.5s", "1m30s", "10m", "1h30m", "1d12h"]
        );
    }
}

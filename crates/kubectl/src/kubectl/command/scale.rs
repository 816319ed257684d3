//! `scale` and `autoscale`.
//!
//! Upstream: kubectl's `pkg/cmd/scale/scale.go`, `pkg/cmd/autoscale/autoscale.go`.

use crate::units::Quantity;

use super::flags::{Flag, invalid};
use super::targets::{KindAlone, only, targets};
use super::words::Word;
use super::{Autoscale, AutoscaleTarget, Command, Line, ParseError, Scale};

pub(super) const SCALE: &[Flag] = &[
    Flag::value("replicas"),
    Flag::value("current-replicas"),
    Flag::value("timeout").ignored(),
    Flag::value("resource-version").refused(),
];

pub(super) const AUTOSCALE: &[Flag] = &[
    Flag::value("min"),
    Flag::value("max"),
    Flag::value("cpu"),
    Flag::value("cpu-percent"),
    Flag::value("memory"),
    Flag::value("name"),
    Flag::switch("save-config").refused(),
];

const SCALABLE: &[&str] = &["Deployment", "ReplicaSet", "StatefulSet"];
/// Static NodePools of Karpenter have the subresource, too.
const SCALED: &[&str] = &["Deployment", "ReplicaSet", "StatefulSet", "NodePool"];

pub(super) fn scale(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    only(line, &targets, SCALED, "cannot be scaled")?;
    let replicas = args
        .integer("replicas")?
        .ok_or_else(|| line.missing("required flag(s) \"replicas\" not set"))?;
    if let Some(word) = args.last("replicas").filter(|_| replicas < 0) {
        return Err(word.wrong(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
        ));
    }
    let current_replicas = args.integer("current-replicas")?;
    if let (Some(word), Some(..-1)) = (args.last("current-replicas"), current_replicas) {
        return Err(word.wrong("The --current-replicas must specify an integer of -1 or greater"));
    }
    Ok(Command::Scale(Scale {
        targets,
        replicas,
        current_replicas: current_replicas.filter(|replicas| *replicas >= 0),
    }))
}

pub(super) fn autoscale(line: &Line) -> Result<Command, ParseError> {
    let args = &line.args;
    let targets = targets(line, KindAlone::Refused)?;
    only(line, &targets, SCALABLE, "cannot be autoscaled")?;
    let (min, max) = (args.integer("min")?, args.integer("max")?);
    let (Some(max_word), Some(max)) = (args.last("max"), max) else {
        return Err(line.missing("required flag(s) \"max\" not set"));
    };
    if max < 1 {
        return Err(max_word.wrong(format!(
            "--max=MAXPODS is required and must be at least 1, max: {max}"
        )));
    }
    if let Some(min) = min.filter(|min| *min > max) {
        return Err(max_word.wrong(format!(
            "--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"
        )));
    }
    let percent = args.integer("cpu-percent")?.filter(|percent| *percent > 0);
    let cpu = args.last("cpu");
    if let (Some(word), Some(_)) = (cpu, percent) {
        return Err(word.wrong("--cpu-percent and --cpu are mutually exclusive"));
    }
    let target = |name: &str, unit| {
        let word = args.last(name).filter(|word| !word.text.is_empty());
        word.map(|word| target(word, name, unit)).transpose()
    };
    Ok(Command::Autoscale(Autoscale {
        targets,
        min: min.filter(|min| *min > 0),
        max,
        cpu: match percent {
            Some(percent) => Some(AutoscaleTarget::Utilization(percent)),
            None => target("cpu", "m")?,
        },
        cpu_percent_used: args.last("cpu-percent").is_some(),
        memory: target("memory", "Mi")?,
        name: args.text("name").filter(|name| !name.is_empty()),
    }))
}

/// `60%`, `500m`, or a bare number in `unit` (`parseResourceInput`).
fn target(word: &Word, name: &str, unit: &str) -> Result<AutoscaleTarget, ParseError> {
    let text = word.text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let value: Option<i32> = percent.parse().ok().filter(|value| *value >= 0);
        return value
            .map(AutoscaleTarget::Utilization)
            .ok_or_else(|| word.wrong(format!("invalid percentage value: {percent}")));
    }
    let with_unit = match text.parse::<f64>() {
        Ok(number) => format!("{number}{unit}"),
        Err(_) => text.to_owned(),
    };
    let wrong = || word.wrong(format!("invalid resource {name} value: {text}"));
    with_unit
        .parse()
        .map(AutoscaleTarget::AverageValue)
        .map_err(|_| wrong())
}

/// `cpu=100m,memory=256Mi`.
pub(super) fn amounts(word: &Word, flag: &str) -> Result<Vec<(String, Quantity)>, ParseError> {
    let mut found: Vec<(String, Quantity)> = Vec::new();
    for part in word.text.split(',').filter(|_| !word.text.is_empty()) {
        let Some((name, amount)) = part
            .split_once('=')
            .filter(|(_, amount)| !amount.contains('='))
        else {
            return Err(
                invalid(word, flag, "amounts such as `cpu=100m,memory=256Mi`").with_help(format!(
                    "invalid argument syntax {part}, expected <resource>=<value>"
                )),
            );
        };
        let amount: Quantity = amount
            .parse()
            .map_err(|error| word.wrong(format!("{name}: {error}")))?;
        found.retain(|(known, _)| known != name);
        found.push((name.to_owned(), amount));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::QuantityFormat;

    #[test]
    fn bare_numbers_take_the_resources_unit() {
        let read = |text: &str, unit| {
            let word = Word {
                text: text.to_owned(),
                range: 0..0,
            };
            target(&word, "cpu", unit).map_err(|error| error.message)
        };
        let value = |text: &str| AutoscaleTarget::AverageValue(text.parse().expect("an amount"));
        assert_eq!(read("70%", "m"), Ok(AutoscaleTarget::Utilization(70)));
        assert_eq!(read("500", "m"), Ok(value("500m")));
        assert_eq!(read("1e3", "m"), Ok(value("1000m")));
        assert_eq!(read("200", "Mi"), Ok(value("200Mi")));
        assert_eq!(read("2Gi", "Mi"), Ok(value("2Gi")));
        assert_eq!(
            read("x%", "m"),
            Err("invalid percentage value: x".to_owned())
        );
        assert_eq!(
            read("5x", "m"),
            Err("invalid resource cpu value: 5x".to_owned())
        );
        assert_eq!(
            value("1"),
            AutoscaleTarget::AverageValue(Quantity::from_units(1, QuantityFormat::DecimalSi))
        );
    }
}

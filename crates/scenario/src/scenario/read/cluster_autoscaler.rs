//! `[controllers.cluster-autoscaler]`: upstream's flags by their own names, and whether it runs.

use super::controllers::section;
use super::priorities::priorities;
use super::vpa_flags::text;
use crate::autoscaler::cluster_autoscaler::{NodeGroupOptions, OptionError, Options};
use crate::cluster::spec::NodeGroupSpec;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::Parsed;
use crate::scenario::model::ClusterAutoscalerConfig;
use crate::scenario::reader::Reader;
use crate::sim::SimDuration;

const SECTION: &str = "cluster-autoscaler";

/// Reads the flags; whether it runs may still depend on the node groups.
pub(super) fn cluster_autoscaler(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> ClusterAutoscalerConfig {
    let mut made = ClusterAutoscalerConfig::default();
    section(table, SECTION, diagnostics, |flags, diagnostics| {
        let stated = flags.boolean("enabled", diagnostics);
        made.stated = stated.map(|runs| (runs, flags.key_span("enabled")));
        for flag in Options::FLAGS {
            let options = &mut made.options;
            flags.read(flag, diagnostics, |node| {
                options
                    .set(flag, &text(node)?)
                    .map_err(|error| match error {
                        OptionError::Value {
                            value, expected, ..
                        } => format!("\"{value}\" is not {expected}"),
                        unknown @ OptionError::Unknown(_) => unknown.to_string(),
                    })
            });
        }
        for (flag, inert) in Options::inert() {
            if flags.get(flag).is_some() {
                let title = format!("`{flag}` changes nothing here");
                diagnostics.warning(flags.key_span(flag), title, inert.why());
            }
        }
        if made.options.scan_interval < SimDuration::from_secs(1) {
            let title = "the scan-interval is too short";
            let span = flags.key_span("scan-interval");
            diagnostics.error(span, title, "must be at least 1s");
        }
        let longest = "max-graceful-termination-sec";
        if !made.options.drain_priorities.0.is_empty() && flags.get(longest).is_some() {
            let title =
                "`drain-priority-config` and `max-graceful-termination-sec` exclude each other";
            let label = "the Cluster Autoscaler does not start with both";
            diagnostics.error(flags.key_span("drain-priority-config"), title, label);
        }
        made.priorities = priorities(flags, diagnostics).map(Ok);
    });
    made
}

/// It runs if it is told to, or else if there is a group that it could grow.
pub(super) fn decide(
    config: &mut ClusterAutoscalerConfig,
    groups: &[NodeGroupSpec],
    diagnostics: &mut Diagnostics,
) {
    let bounds = || groups.iter().filter_map(|group| group.scaling.bounds);
    let has_room = bounds().any(|(min, max)| min < max);
    config.enabled = config.stated.map_or(has_room, |(runs, _)| runs);
    if let Some((true, span)) = config.stated
        && bounds().next().is_none()
    {
        let title = "the Cluster Autoscaler has no node group to scale";
        let label = "give a `[[node_group]]` its `min` and `max`";
        diagnostics.warning(span, title, label);
    }
}

/// One cluster has one of both.
pub(super) fn refuse_both(
    config: &ClusterAutoscalerConfig,
    parsed: &Parsed,
    diagnostics: &mut Diagnostics,
) {
    if !config.enabled {
        return;
    }
    let span = config
        .stated
        .map_or(parsed.scenario.span.first(), |(_, span)| span);
    let title = "the Cluster Autoscaler and Karpenter do not share a cluster here";
    let label = "there are NodePools, and node groups between `min` and `max`";
    diagnostics.error(span, title, label).help = Some(
        "give the node groups a `count` alone, or leave the NodePools out of `manifests`"
            .to_owned(),
    );
}

/// What a node group sets for itself, as tags of the group do.
pub(super) fn group_options(
    table: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> NodeGroupOptions {
    const KEY: &str = "autoscaling_options";
    let mut made = NodeGroupOptions::default();
    if let Some(node) = table.get(KEY)
        && let Some(mut options) = Reader::new(node, "`autoscaling_options`", diagnostics)
    {
        for key in NodeGroupOptions::KEYS {
            options.read(key, diagnostics, |node| {
                let value = text(node)?;
                made.set(key, &value)
                    .map_err(|right| format!("\"{value}\" is not {right}"))
            });
        }
        options.finish("`autoscaling_options`", diagnostics);
        if table.get("min").is_none() && table.get("max").is_none() {
            let title = "the Cluster Autoscaler leaves this group alone";
            let label = "give the group its `min` and `max`";
            diagnostics.warning(table.key_span(KEY), title, label);
        }
    }
    made
}

//! What is found of queues: backlogs that grow, work that is lost or done twice, idle members.

use super::{Finding, Severity};
use crate::analysis::figures::HpaFigures;
use crate::record::{QueueRecord, Recording};

/// Messages that wait at the end are a backlog from this part of those produced on.
const BACKLOG: f64 = 0.05;
/// Members of a group are idle if they are so for this part of the time.
const IDLE: f64 = 0.05;

/// Everything found of a queue.
pub(super) fn findings(
    queue: &QueueRecord,
    recording: &Recording,
    hpas: &[HpaFigures],
) -> Vec<Finding> {
    let found = [
        backlog(queue, recording, hpas),
        lost(queue),
        twice(queue),
        unrestored(queue, recording),
        expelled(queue),
        given_up(queue),
        idle(queue),
    ];
    let finding = |(severity, text)| Finding {
        severity,
        subject: format!("queue/{}", queue.name),
        text,
    };
    found.into_iter().flatten().map(finding).collect()
}

type Found = Option<(Severity, String)>;

/// More comes than is done.
fn backlog(queue: &QueueRecord, recording: &Recording, hpas: &[HpaFigures]) -> Found {
    let (totals, last) = (queue.fold.totals(), &queue.fold.last);
    let left = last.depth();
    if (left as f64) < BACKLOG * totals.produced as f64 || left < 10 {
        return None;
    }
    let workload = recording.services[queue.service].workload;
    let mut all = recording.hpas.iter().zip(hpas);
    let at_most =
        all.find(|(hpa, figures)| hpa.workload == workload && figures.saturated_pct > 0.0);
    let why = at_most.map_or(String::new(), |(hpa, figures)| {
        format!(
            "; {} stood at its maxReplicas {} for {:.0}% of the time",
            figures.label,
            hpa.max_replicas(),
            figures.saturated_pct
        )
    });
    let oldest = last.oldest.unwrap_or(0.0) / 60.0;
    let text = format!(
        "more came than was done: {} messages produced, {} done, {left} waited at the end, the first of them for {oldest:.0} min{why}",
        totals.produced, totals.done
    );
    Some((Severity::Warning, text))
}

/// Work lost with killed workers.
fn lost(queue: &QueueRecord) -> Found {
    let lost = queue.fold.totals().lost;
    let text = format!(
        "{lost} messages were lost: their workers were killed after they had acknowledged them. Acknowledge late (task_acks_late), or let workers finish what they are at: a longer terminationGracePeriodSeconds"
    );
    (lost > 0).then_some((Severity::Warning, text))
}

/// Work done twice.
fn twice(queue: &QueueRecord) -> Found {
    let totals = queue.fold.totals();
    let why = match (queue.kind, queue.partitions) {
        (_, Some(_)) => {
            "a member had done them and not committed when it was killed or put out: commit more often, or make tasks idempotent"
        }
        _ => {
            "the visibility timeout had passed before they were done: lengthen it beyond the longest task and what is prefetched before it"
        }
    };
    let text = format!("{} tasks were done once more: {why}", totals.duplicates);
    (totals.duplicates > 0).then_some((Severity::Warning, text))
}

/// Messages of a list that no worker was there to restore.
fn unrestored(queue: &QueueRecord, recording: &Recording) -> Found {
    let fold = &queue.fold;
    let minutes = fold.unrestored as f64 * recording.step.as_secs_f64() / 60.0;
    let text = format!(
        "up to {} unacknowledged messages had no worker for {minutes:.1} min: Redis restores nothing by itself, a worker of Celery does, and until then the list is shorter than what is to be done. Keep one worker, or let workers finish what they are at: a longer terminationGracePeriodSeconds",
        fold.max_unrestored
    );
    (fold.unrestored > 0).then_some((Severity::Warning, text))
}

/// Members that worked on a record for too long.
fn expelled(queue: &QueueRecord) -> Found {
    let expelled = queue.fold.totals().expelled;
    let text = format!(
        "members left their group {expelled} times as a record took longer than max.poll.interval.ms: others got their partitions and did the record again. Lengthen `max_poll_interval` beyond the longest task"
    );
    (expelled > 0).then_some((Severity::Warning, text))
}

/// Messages that were given up.
fn given_up(queue: &QueueRecord) -> Found {
    let totals = queue.fold.totals();
    let text = format!(
        "{} of {} messages were dead-lettered",
        totals.dead_lettered, totals.produced
    );
    (totals.dead_lettered > 0).then_some((Severity::Info, text))
}

/// More members than partitions.
fn idle(queue: &QueueRecord) -> Found {
    let (fold, partitions) = (&queue.fold, queue.partitions?);
    let is_often = fold.idle as f64 > IDLE * fold.samples as f64;
    let text = format!(
        "up to {} members shared {partitions} partitions: a partition has one member, the others were idle. Add partitions, or lower maxReplicas",
        fold.max_consumers
    );
    is_often.then_some((Severity::Warning, text))
}

//! Works a plan off on several threads and hands the outcomes over in the plan's order.
//!
//! Each worker takes the next run that nobody has taken; outcomes wait until all before
//! them are there. So the caller sees the same sequence with any number of threads, and
//! only as much is kept as the threads run ahead of the slowest run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use super::{Metrics, Plan, Setting};

/// What a sweep runs.
pub trait Simulate: Sync {
    /// A scenario with a point's settings.
    type Prepared;

    /// Applies a point's settings; the text of an error is for the user.
    fn prepare(&self, settings: &[Setting<'_>]) -> Result<Self::Prepared, String>;

    /// Runs a prepared scenario.
    fn run(&self, prepared: &Self::Prepared, seed: u64) -> Result<Metrics, String>;
}

/// One run of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId {
    /// The point's number.
    pub point: u64,
    /// Which of the point's seeds.
    pub replicate: u32,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// Which run.
    pub run_id: RunId,
    /// Its figures, or why it has none.
    pub result: Result<Metrics, String>,
}

/// Runs the plan. `sink` gets every outcome, in the order of points and replicates, on the
/// calling thread. Returns false if `stop` was set before all was done; the error is the
/// sink's own.
pub fn run<S: Simulate, E>(
    plan: &Plan,
    simulation: &S,
    threads: &rayon::ThreadPool,
    stop: &AtomicBool,
    mut sink: impl FnMut(RunResult) -> Result<(), E>,
) -> Result<bool, E> {
    let (send, outcomes) = mpsc::sync_channel(2 * threads.current_num_threads());
    let next = AtomicU64::new(0);
    threads.in_place_scope(|scope| {
        for _ in 0..threads.current_num_threads() {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move |_| work(plan, simulation, stop, next, &send));
        }
        drop(send);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (number, outcome) in outcomes {
            waiting.insert(number, outcome);
            while let Some(outcome) = waiting.remove(&due) {
                due += 1;
                if let Err(error) = sink(outcome) {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(due == plan.runs())
    })
}

/// One worker: prepares a point when it takes the first run of it.
fn work<S: Simulate>(
    plan: &Plan,
    simulation: &S,
    stop: &AtomicBool,
    next: &AtomicU64,
    send: &mpsc::SyncSender<(u64, RunResult)>,
) {
    let replicates = u64::from(plan.replicates());
    let mut at_hand: Option<(u64, Result<S::Prepared, String>)> = None;
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= plan.runs() {
            return;
        }
        let (point, replicate) = (number / replicates, (number % replicates) as u32);
        if at_hand.as_ref().is_none_or(|(of, _)| *of != point) {
            at_hand = Some((point, prepare(plan, simulation, point)));
        }
        let Some((_, prepared)) = &at_hand else {
            return;
        };
        let result = match prepared {
            Ok(prepared) => simulation.run(prepared, plan.seed(point, replicate)),
            Err(error) => Err(error.clone()),
        };
        let run_id = RunId { point, replicate };
        if send.send((number, RunResult { run_id, result })).is_err() {
            return; // the sink has failed
        }
    }
}

fn prepare<S: Simulate>(plan: &Plan, simulation: &S, point: u64) -> Result<S::Prepared, String> {
    let values = plan.values(point);
    let settings: Vec<Setting<'_>> = plan
        .paths()
        .zip(&values)
        .map(|(path, value)| Setting { path, value })
        .collect();
    simulation.prepare(&settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::{Design, ParameterSpec, ParameterValues, SweepSpec};

    struct Squares;

    impl Simulate for Squares {
        type Prepared = u64;

        fn prepare(&self, settings: &[Setting<'_>]) -> Result<u64, String> {
            let value = settings[0].value;
            value
                .parse()
                .map_err(|_| format!("{value} is not a number"))
        }

        fn run(&self, prepared: &u64, seed: u64) -> Result<Metrics, String> {
            // Early points take longer, so that outcomes overtake each other.
            let mut sum = 0u64;
            for step in 0..(100 - prepared) * 2000 {
                sum = sum.wrapping_mul(31).wrapping_add(step);
            }
            let odd = (sum % 2) as f64 * 0.0;
            Ok(vec![("value".to_owned(), (prepared * seed) as f64 + odd)])
        }
    }

    fn plan(values: &[&str]) -> Plan {
        let spec = SweepSpec {
            design: Design::Grid,
            replicates: 3,
            parameters: vec![ParameterSpec {
                path: "x".to_owned(),
                values: ParameterValues::List(values.iter().map(|v| (*v).to_owned()).collect()),
            }],
        };
        Plan::new(&spec, 10).unwrap()
    }

    fn outcomes(plan: &Plan, threads: usize) -> Vec<RunResult> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut outcomes = Vec::new();
        let complete = run(plan, &Squares, &pool, &AtomicBool::new(false), |outcome| {
            outcomes.push(outcome);
            Ok::<(), ()>(())
        });
        assert_eq!(complete, Ok(true));
        outcomes
    }

    #[test]
    fn outcomes_come_in_the_plans_order_with_any_number_of_threads() {
        let values: Vec<String> = (0..40).map(|value| value.to_string()).collect();
        let plan = plan(&values.iter().map(String::as_str).collect::<Vec<_>>());
        let alone = outcomes(&plan, 1);
        let jobs: Vec<(u64, u32)> = alone
            .iter()
            .map(|o| (o.run_id.point, o.run_id.replicate))
            .collect();
        let expected: Vec<(u64, u32)> = (0..40).flat_map(|p| (0..3).map(move |r| (p, r))).collect();
        assert_eq!(jobs, expected);
        assert_eq!(
            alone[3 * 7 + 2].result,
            Ok(vec![("value".to_owned(), 84.0)])
        );
        for threads in [2, 4] {
            assert_eq!(outcomes(&plan, threads), alone);
        }
    }

    #[test]
    fn a_point_that_cannot_be_prepared_fails_and_the_others_go_on() {
        let results: Vec<bool> = outcomes(&plan(&["1", "two", "3"]), 2)
            .iter()
            .map(|outcome| outcome.result.is_ok())
            .collect();
        assert_eq!(
            results,
            [true, true, true, false, false, false, true, true, true]
        );
    }

    #[test]
    fn an_error_of_the_sink_ends_the_sweep() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let mut taken = 0;
        let result = run(
            &plan(&["1", "2"]),
            &Squares,
            &pool,
            &AtomicBool::new(false),
            |_| {
                taken += 1;
                if taken == 2 { Err("disk full") } else { Ok(()) }
            },
        );
        assert_eq!((result, taken), (Err("disk full"), 2));
    }

    #[test]
    fn a_stopped_sweep_says_that_it_is_incomplete() {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let stop = AtomicBool::new(false);
        let mut taken = 0;
        let result = run(&plan(&["1", "2", "3"]), &Squares, &pool, &stop, |_| {
            taken += 1;
            stop.store(true, Ordering::Relaxed);
            Ok::<(), ()>(())
        });
        assert_eq!(result, Ok(false));
        assert!(taken < 9);
    }
}

//! A progress bar on stderr, if that is a terminal and the run takes longer than a moment.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sim::SimTime;

/// Reports before the bar appears; each stands for some ten milliseconds.
const MOMENT: u32 = 30;

/// Progress of one run through simulated time.
pub(super) struct Bar {
    shown: ProgressBar,
    reports: u32,
    quiet: bool,
}

impl Bar {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            shown: ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()),
            reports: 0,
            quiet,
        }
    }

    /// Simulated time has come to `now` of `end`.
    pub(super) fn at(&mut self, now: SimTime, end: SimTime) {
        if self.quiet {
            return;
        }
        self.reports += 1;
        if self.reports == MOMENT {
            self.shown
                .set_style(style("{bar:40} {percent:>3} %  {msg}  {eta} left"));
            self.shown.set_length(end.0 as u64);
            self.shown.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.reports >= MOMENT {
            let seconds = SimTime(now.0 / 1_000_000_000 * 1_000_000_000);
            self.shown.set_message(format!("{seconds} simulated"));
            self.shown.set_position(now.0 as u64);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.shown.finish_and_clear();
    }
}

/// Progress of many runs.
pub(super) fn runs(count: u64, quiet: bool) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(count), target);
    bar.set_style(style("{bar:40} {pos}/{len} runs  {per_sec}  {eta} left"));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants that parse")
        .progress_chars("━╸─")
}

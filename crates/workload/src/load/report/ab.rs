//! What `ab` prints (`output_results` in `support/ab.c`, 2.4): its arithmetic, its layout.
//!
//! Network time is not simulated: connecting takes no time, and what is waited for comes at
//! once, so processing and waiting are the total.

use std::fmt;

use crate::load::ab::{Ab, AbAbort, AbCounters};
use crate::load::spec::Url;

const PERCENTS: [usize; 9] = [50, 66, 75, 80, 90, 95, 98, 99, 100];

/// A row of the table of connection times, in whole milliseconds but for the deviation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Row {
    /// The least.
    pub min: u64,
    /// The mean.
    pub mean: u64,
    /// The sample standard deviation, in milliseconds.
    pub deviation: f64,
    /// The median.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

/// The figures that `ab` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct AbReport {
    url: Url,
    concurrency: u32,
    keep_alive: bool,
    /// Why the run was broken off, if it was; `ab` then prints no results.
    pub abort: Option<AbAbort>,
    /// Its counters.
    pub counters: AbCounters,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Total times of complete requests in microseconds, ascending.
    pub sorted: Vec<u32>,
}

/// Microseconds as whole milliseconds, halves up.
fn whole_ms(micros: u64) -> u64 {
    (micros + 500) / 1000
}

impl AbReport {
    pub(super) fn new(ab: &Ab, seconds: f64) -> Self {
        let mut sorted = ab.latencies.clone();
        sorted.sort_unstable();
        Self {
            url: ab.spec.url.clone(),
            concurrency: ab.spec.concurrency,
            keep_alive: ab.spec.keep_alive,
            abort: ab.abort,
            counters: ab.counters,
            seconds,
            sorted,
        }
    }

    /// Complete requests per second.
    pub fn requests_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.counters.done as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// "Time per request (mean)" in milliseconds.
    pub fn time_per_request_ms(&self) -> f64 {
        f64::from(self.concurrency) * self.seconds * 1000.0 / self.counters.done as f64
    }

    /// The row "Total" of the connection times.
    pub fn total(&self) -> Row {
        let times = &self.sorted;
        let count = times.len();
        if count == 0 {
            return Row::default();
        }
        let sum: u64 = times.iter().map(|&time| u64::from(time)).sum();
        let mean = sum / count as u64;
        let squares: f64 = times
            .iter()
            .map(|&time| (f64::from(time) - mean as f64).powi(2))
            .sum();
        let median = if count > 1 && count % 2 == 1 {
            u64::midpoint(u64::from(times[count / 2]), u64::from(times[count / 2 + 1]))
        } else {
            u64::from(times[count / 2])
        };
        let deviation = if count > 1 {
            (squares / (count - 1) as f64).sqrt()
        } else {
            0.0
        };
        Row {
            min: whole_ms(u64::from(times[0])),
            mean: whole_ms(mean),
            deviation: deviation / 1000.0,
            median: whole_ms(median),
            max: whole_ms(u64::from(times[count - 1])),
        }
    }

    /// The table "served within a certain time": percent and whole milliseconds.
    pub fn percentiles(&self) -> Vec<(usize, u64)> {
        let count = self.sorted.len();
        let row = |&percent: &usize| {
            let index = (count * percent / 100).min(count - 1);
            (percent, whole_ms(u64::from(self.sorted[index])))
        };
        if count == 0 {
            Vec::new()
        } else {
            PERCENTS.iter().map(row).collect()
        }
    }

    fn fmt_summary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AbCounters { done, failed, .. } = self.counters;
        let counters = &self.counters;
        writeln!(f, "\n\nServer Software:        ")?;
        writeln!(f, "Server Hostname:        {}", self.url.host)?;
        writeln!(f, "Server Port:            {}\n", self.url.port)?;
        writeln!(f, "Document Path:          {}", self.url.path)?;
        writeln!(
            f,
            "Document Length:        {} bytes\n",
            counters.document_length
        )?;
        writeln!(f, "Concurrency Level:      {}", self.concurrency)?;
        writeln!(f, "Time taken for tests:   {:.3} seconds", self.seconds)?;
        writeln!(f, "Complete requests:      {done}")?;
        writeln!(f, "Failed requests:        {failed}")?;
        if failed > 0 {
            let AbCounters {
                connect,
                receive,
                length,
                exceptions,
                ..
            } = self.counters;
            writeln!(
                f,
                "   (Connect: {connect}, Receive: {receive}, Length: {length}, \
                 Exceptions: {exceptions})"
            )?;
        }
        if counters.non_2xx > 0 {
            writeln!(f, "Non-2xx responses:      {}", counters.non_2xx)?;
        }
        if self.keep_alive {
            writeln!(f, "Keep-Alive requests:    {}", counters.keep_alive)?;
        }
        writeln!(f, "Total transferred:      {} bytes", counters.total_read)?;
        writeln!(f, "HTML transferred:       {} bytes", counters.html_read)?;
        if self.seconds > 0.0 && done > 0 {
            let (each, rate) = (self.time_per_request_ms(), self.requests_per_second());
            let across = self.seconds * 1000.0 / done as f64;
            let transfer = counters.total_read as f64 / 1024.0 / self.seconds;
            writeln!(f, "Requests per second:    {rate:.2} [#/sec] (mean)")?;
            writeln!(f, "Time per request:       {each:.3} [ms] (mean)")?;
            writeln!(
                f,
                "Time per request:       {across:.3} [ms] \
                 (mean, across all concurrent requests)"
            )?;
            writeln!(
                f,
                "Transfer rate:          {transfer:.2} [Kbytes/sec] received"
            )?;
        }
        Ok(())
    }

    fn fmt_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let rows = [
            ("Connect:", Row::default()),
            ("Processing:", total),
            ("Waiting:", total),
            ("Total:", total),
        ];
        writeln!(f, "\nConnection Times (ms)")?;
        writeln!(f, "              min  mean[+/-sd] median   max")?;
        for (
            name,
            Row {
                min,
                mean,
                deviation,
                median,
                max,
            },
        ) in rows
        {
            writeln!(
                f,
                "{name:<11} {min:>5} {mean:>4} {deviation:>5.1} {median:>6} {max:>7}"
            )?;
        }
        for (what, row) in [
            ("the initial connection time", rows[0].1),
            ("the processing time", total),
            ("the waiting time", total),
            ("the total time", total),
        ] {
            let apart = row.mean.abs_diff(row.median) as f64;
            if apart > 2.0 * row.deviation {
                writeln!(
                    f,
                    "ERROR: The median and mean for {what} are more than twice the standard\n       \
                     deviation apart. These results are NOT reliable."
                )?;
            } else if apart > row.deviation {
                writeln!(
                    f,
                    "WARNING: The median and mean for {what} are not within a normal deviation\n        \
                     These results are probably not that reliable."
                )?;
            }
        }
        if self.sorted.len() > 1 {
            writeln!(
                f,
                "\nPercentage of the requests served within a certain time (ms)"
            )?;
            for (percent, time) in self.percentiles() {
                let note = if percent == 100 {
                    " (longest request)"
                } else {
                    ""
                };
                writeln!(f, "{percent:>4}%  {time:>5}{note}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for AbReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "This is ApacheBench, Version 2.3 <$Revision$>")?;
        writeln!(
            f,
            "Copyright 1996 Adam Twiss, Zeus Technology Ltd, http://www.zeustech.net/"
        )?;
        writeln!(
            f,
            "Licensed to The Apache Software Foundation, http://www.apache.org/\n"
        )?;
        write!(f, "Benchmarking {} (be patient)...", self.url.host)?;
        if let Some(abort) = self.abort {
            let text = match abort {
                AbAbort::TimedOut => "apr_pollset_poll: The timeout specified has expired (70007)",
                AbAbort::Refused => "apr_socket_recv: Connection refused (111)",
                AbAbort::Reset => "apr_socket_recv: Connection reset by peer (104)",
            };
            writeln!(f, "{text}")?;
            if self.counters.done > 0 {
                writeln!(f, "Total of {} requests completed", self.counters.done)?;
            }
            return Ok(());
        }
        writeln!(f, "..done")?;
        self.fmt_summary(f)?;
        if self.counters.done > 0 {
            self.fmt_times(f)?;
        }
        Ok(())
    }
}

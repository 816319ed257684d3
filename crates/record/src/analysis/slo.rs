//! Service levels: percentiles by nearest rank, windows that violate the objective.

/// A request, for exact figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Arrival, in seconds.
    pub arrival: f64,
    /// Latency, in milliseconds.
    pub latency_ms: f64,
    /// Whether it succeeded.
    pub ok: bool,
}

/// Figures over all requests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SloReport {
    /// The percentile of each window with traffic; `None` where nothing succeeded.
    pub window_percentiles: Vec<Option<f64>>,
    /// Windows with traffic.
    pub windows: usize,
    /// Windows that violate the objective.
    pub violated: usize,
    /// 100 × violated / windows with traffic.
    pub violation_pct: f64,
    /// 100 × failed / all.
    pub error_rate_pct: f64,
    /// 100 × (successful and fast enough) / all.
    pub good_pct: f64,
    /// Percentiles 50, 95 and 99 over the successful ones.
    pub percentiles: [f64; 3],
}

/// The k-th smallest, k = ceil(p/100 × n); `None` of nothing. The values must be sorted.
pub fn nearest_rank(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Whether a window violates: its percentile is above the limit, or nothing succeeded.
pub fn violates(percentile: Option<f64>, limit_ms: f64) -> bool {
    percentile.is_none_or(|latency| latency > limit_ms)
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

/// Exact figures of a list of requests in order of arrival; windows are [k w, (k + 1) w).
pub fn slo(requests: &[Request], window: f64, percentile: f64, limit_ms: f64) -> SloReport {
    let sorted = |requests: &mut dyn Iterator<Item = &Request>| {
        let mut latencies: Vec<f64> = requests.filter(|r| r.ok).map(|r| r.latency_ms).collect();
        latencies.sort_by(f64::total_cmp);
        latencies
    };
    let number = |request: &Request| (request.arrival / window).floor() as i64;
    let mut report = SloReport::default();
    let mut numbers: Vec<i64> = requests.iter().map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for wanted in numbers {
        let latencies = sorted(&mut requests.iter().filter(|request| number(request) == wanted));
        let value = nearest_rank(&latencies, percentile);
        report.windows += 1;
        report.violated += usize::from(violates(value, limit_ms));
        report.window_percentiles.push(value);
    }
    let latencies = sorted(&mut requests.iter());
    let good = requests
        .iter()
        .filter(|request| request.ok && request.latency_ms <= limit_ms)
        .count();
    let failed = requests.iter().filter(|request| !request.ok).count();
    report.violation_pct = percent(report.violated, report.windows);
    report.error_rate_pct = percent(failed, requests.len());
    report.good_pct = percent(good, requests.len());
    report.percentiles = [50.0, 95.0, 99.0].map(|p| nearest_rank(&latencies, p).unwrap_or(0.0));
    report
}

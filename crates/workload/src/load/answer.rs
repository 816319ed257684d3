//! How a request can end, as its client sees it.

/// The end of a request as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Status 200.
    Ok,
    /// Status 429: the server takes no more requests a second.
    Status429,
    /// Status 503: the server was full.
    Status503,
    /// Status 504: the server's own time limit passed.
    Status504,
    /// The client's timeout passed without an answer.
    Timeout,
    /// No connection.
    Refused,
    /// The connection broke.
    Reset,
}

impl Answer {
    /// The HTTP status, if there was one.
    #[inline]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Ok => Some(200),
            Self::Status429 => Some(429),
            Self::Status503 => Some(503),
            Self::Status504 => Some(504),
            Self::Timeout | Self::Refused | Self::Reset => None,
        }
    }
}

/// Counts of requests by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnswerCounts {
    /// Status 200.
    pub ok: u64,
    /// Status 429.
    pub status_429: u64,
    /// Status 503.
    pub status_503: u64,
    /// Status 504.
    pub status_504: u64,
    /// No answer in time.
    pub timeout: u64,
    /// No connection.
    pub refused: u64,
    /// Broken connection.
    pub reset: u64,
}

impl AnswerCounts {
    /// Counts one more.
    #[inline]
    pub fn add(&mut self, answer: Answer) {
        *match answer {
            Answer::Ok => &mut self.ok,
            Answer::Status429 => &mut self.status_429,
            Answer::Status503 => &mut self.status_503,
            Answer::Status504 => &mut self.status_504,
            Answer::Timeout => &mut self.timeout,
            Answer::Refused => &mut self.refused,
            Answer::Reset => &mut self.reset,
        } += 1;
    }

    /// Requests that ended with a status.
    pub fn with_status(&self) -> u64 {
        self.ok + self.status_429 + self.status_503 + self.status_504
    }

    /// Requests that ended without a status.
    pub fn without_status(&self) -> u64 {
        self.timeout + self.refused + self.reset
    }

    /// All requests that ended.
    pub fn total(&self) -> u64 {
        self.with_status() + self.without_status()
    }
}

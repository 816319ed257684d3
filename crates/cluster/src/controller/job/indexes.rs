//! Sets of completion indexes, written as `0,3-5`.
//!
//! Upstream: `orderedIntervals` of `pkg/controller/job/indexed_job_utils.go`.

use std::fmt;

/// Completion indexes, as intervals in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexes(Vec<(i32, i32)>);

impl Indexes {
    /// Reads what [`fmt::Display`] writes, of indexes below `completions`; else why not
    /// (`validateIndexesFormat` of `pkg/apis/batch/validation`).
    pub fn read(text: &str, completions: i32) -> Result<Self, String> {
        let mut made: Vec<(i32, i32)> = Vec::new();
        if text.is_empty() {
            return Ok(Self(made));
        }
        let order = |last: i32, first: i32| {
            format!("non-increasing order, previous: {last}, current: {first}")
        };
        for part in text.split(',') {
            let limits: Vec<&str> = part.split('-').collect();
            if limits.len() > 2 {
                return Err(format!(
                    "the fragment {part:?} violates the requirement that an index interval can have at most two parts separated by '-'"
                ));
            }
            let limits: Vec<i32> = (limits.into_iter())
                .map(|limit| one_index(limit, completions))
                .collect::<Result<_, String>>()?;
            let (first, last) = match limits[..] {
                [first, last] if first >= last => return Err(order(first, last)),
                [first, last] => (first, last),
                _ => (limits[0], limits[0]),
            };
            match made.last_mut() {
                Some(before) if before.1 >= first => return Err(order(before.1, first)),
                Some(before) if before.1 == first - 1 => before.1 = last,
                _ => made.push((first, last)),
            }
        }
        Ok(Self(made))
    }

    /// These and some more, in any order.
    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = i32>) -> Self {
        let mut more: Vec<(i32, i32)> = more.into_iter().map(|index| (index, index)).collect();
        more.sort_unstable();
        self.merge(&Self(more))
    }

    /// These and those.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut all: Vec<(i32, i32)> = self.0.iter().chain(&other.0).copied().collect();
        all.sort_unstable();
        let mut made: Vec<(i32, i32)> = Vec::new();
        for (first, last) in all {
            match made.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => made.push((first, last)),
            }
        }
        Self(made)
    }

    /// Those of them below `completions`: what a Job that asks for fewer indexes now still counts
    /// (`parseIndexesFromString`).
    #[must_use]
    pub fn below(&self, completions: i32) -> Self {
        let intervals = self.0.iter().filter(|(first, _)| *first < completions);
        let cut = intervals.map(|(first, last)| (*first, (*last).min(completions - 1)));
        Self(cut.collect())
    }

    /// How many there are.
    pub fn total(&self) -> i32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    pub fn has(&self, index: i32) -> bool {
        let place = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(place).is_some_and(|(first, _)| *first <= index)
    }

    /// How many of them are among others, too.
    pub fn shared(&self, other: &Self) -> i32 {
        let overlap = |a: &(i32, i32), b: &(i32, i32)| (a.1.min(b.1) - a.0.max(b.0) + 1).max(0);
        let with_all = |a| other.0.iter().map(move |b| overlap(a, b)).sum::<i32>();
        self.0.iter().map(with_all).sum()
    }

    /// The first ones below `completions` that are not among them, at most so many.
    pub fn missing(&self, count: usize, completions: i32) -> Vec<i32> {
        let mut made = Vec::new();
        let mut candidate = 0;
        for (first, last) in &self.0 {
            let gap = candidate..(*first).min(completions);
            made.extend(gap.take(count - made.len()));
            candidate = candidate.max(last + 1);
        }
        made.extend((candidate..completions).take(count - made.len()));
        made
    }
}

fn one_index(text: &str, completions: i32) -> Result<i32, String> {
    let Ok(index) = text.parse::<i64>() else {
        return Err(format!(
            "cannot convert string to integer for index: {text:?}"
        ));
    };
    let fits = i32::try_from(index).ok().filter(|one| *one < completions);
    fits.ok_or_else(|| format!("too large index: {text:?}"))
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_completions_is_cut_off() {
        let all = Indexes::read("0,2-4,6,7", 9).expect("it is one");
        let below = |completions| all.below(completions).to_string();
        assert_eq!(
            [0, 1, 2, 4, 9].map(below),
            ["", "0", "0", "0,2,3", "0,2-4,6,7"]
        );
    }
}

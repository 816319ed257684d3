//! Named random streams.
//!
//! Each stream is a small generator (PCG's `cm_setseq_dxsm_128_64`, 32 bytes) whose state is a
//! hash of the scenario's seed and the stream's name. Common random numbers follow: two runs
//! that differ in an HPA target draw the same arrivals, because arrivals have their own stream.
//! A name is given piece by piece, so that none is ever put together.

use rand::Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use rand_pcg::Pcg64Dxsm;

/// A family of streams: all of one run, or those whose names begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// The hash of the seed and of the name's pieces so far: two independent halves.
    key: [u64; 2],
}

impl Streams {
    /// Streams of the run with this seed.
    pub fn new(seed: u64) -> Self {
        let zero = Self { key: [0, 0] };
        zero.hashed(seed)
    }

    /// The streams whose names go on with this piece.
    #[must_use]
    pub fn of(self, piece: &str) -> Self {
        let mut hash = self;
        let mut words = piece.as_bytes().chunks_exact(8);
        for word in &mut words {
            hash = hash.hashed(
                word.iter()
                    .rfold(0, |all, &byte| all << 8 | u64::from(byte)),
            );
        }
        let rest = words.remainder().iter();
        hash = hash.hashed(rest.rfold(0, |all, &byte| all << 8 | u64::from(byte)));
        hash.hashed(piece.len() as u64)
    }

    /// The streams whose names go on with this number.
    #[must_use]
    pub fn numbered(self, number: u64) -> Self {
        self.hashed(number)
    }

    /// The stream of the name so far. The same (seed, name) always gives the same draws.
    pub fn begin(self) -> Stream {
        let [low, high] = self.key;
        let selector = u128::from(mixed(low ^ high)) << 64 | u128::from(high);
        Stream(Pcg64Dxsm::new(
            u128::from(high) << 64 | u128::from(low),
            selector,
        ))
    }

    /// The stream whose name ends with this piece.
    pub fn stream(self, piece: &str) -> Stream {
        self.of(piece).begin()
    }

    /// The stream whose name ends with this number.
    pub fn nth(self, number: u64) -> Stream {
        self.numbered(number).begin()
    }

    fn hashed(self, word: u64) -> Self {
        let [low, high] = self.key;
        let high_word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        Self {
            key: [mixed(low ^ word), mixed(high.rotate_left(23) ^ high_word)],
        }
    }
}

/// A bijection of 64 bits in which each bit of the argument reaches all of the result: the step
/// and the finalizer of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// The 64-bit FNV-1a hash: not cryptographic.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One stream of random numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream(Pcg64Dxsm);

impl Stream {
    /// A number uniform on [0, 1) with 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number uniform on 0..bound. `bound` must not be 0.
    ///
    /// Lemire's multiply-shift without rejection: the bias is below bound / 2^64.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A number from the exponential distribution of mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        Exp1.sample(&mut self.0)
    }

    /// A number from the standard normal distribution.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// The generator itself, for `rand_distr`.
    #[inline]
    pub fn rng(&mut self) -> &mut Pcg64Dxsm {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_only() {
        let draw = |seed, name| {
            let mut stream = Streams::new(seed).stream(name);
            [stream.rng().next_u64(), stream.rng().next_u64()]
        };
        assert_eq!(draw(42, "load/ab"), draw(42, "load/ab"));
        assert_ne!(draw(42, "load/ab"), draw(43, "load/ab"));
        assert_ne!(draw(42, "load/ab"), draw(42, "load/hey"));
    }

    #[test]
    fn names_go_on_in_pieces() {
        let streams = Streams::new(42);
        let mut names = vec![
            streams.begin(),
            streams.stream(""),
            streams.stream("pod"),
            streams.stream("pod\0"),
            streams.stream("a-pod-of-a-deployment"),
            streams.stream("a-pod-of-a-deploymens"),
            streams.of("pod").stream(""),
            streams.of("po").stream("d"),
        ];
        names.extend((0..1000).map(|number| streams.of("pod").nth(number)));
        let mut firsts: Vec<u64> = names.iter_mut().map(|s| s.rng().next_u64()).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), names.len());
    }

    #[test]
    fn the_first_draws_of_numbered_streams_are_uniform() {
        let pods = Streams::new(7).of("pod");
        let mut seen = [0u32; 16];
        for number in 0..16_000 {
            seen[pods.nth(number).below(16)] += 1;
        }
        assert!(
            seen.iter().all(|count| (850..1150).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn the_first_draws_are_pinned() {
        let mut stream = Streams::new(42).stream("golden");
        let draws: Vec<u64> = (0..4).map(|_| stream.rng().next_u64()).collect();
        insta::assert_debug_snapshot!(draws);
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut stream = Streams::new(1).stream("below");
        let mut seen = [0u32; 7];
        for _ in 0..7000 {
            seen[stream.below(7)] += 1;
        }
        assert!(seen.iter().all(|&count| count > 800), "{seen:?}");
    }
}

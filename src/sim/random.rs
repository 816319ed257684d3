//! Named random streams.
//!
//! Each stream is a ChaCha8 generator keyed by the scenario's seed and the stream's name.
//! Common random numbers follow: two runs that differ in an HPA target draw the same
//! arrivals, because arrivals have their own stream.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The source of all streams of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of the run with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of this name. The same (seed, name) always gives the same draws.
    pub fn stream(&self, name: &str) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(name.as_bytes(), 0xcbf2_9ce4_8422_2325).to_le_bytes());
        key[16..24].copy_from_slice(&fnv1a(name.as_bytes(), 0x6c62_272e_07bb_0142).to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }
}

/// The 64-bit FNV-1a hash: not cryptographic.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    fnv1a(bytes, 0xcbf2_9ce4_8422_2325)
}

/// FNV-1a: small, stable and good enough to tell names apart (ChaCha8 does the mixing).
fn fnv1a(bytes: &[u8], basis: u64) -> u64 {
    bytes.iter().fold(basis, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One stream of random numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// A number uniform on [0, 1) with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number uniform on 0..bound. `bound` must not be 0.
    ///
    /// Lemire's multiply-shift without rejection: the bias is below bound / 2^64.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// The generator itself, for `rand_distr`.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
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

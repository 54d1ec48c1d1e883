//! Random numbers that depend on the job's seed and the trial alone.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::TrialIndex;

/// The generator of every random draw. PCG is small, fast, and the same on every machine and version.
pub type Rng = Pcg64Mcg;

/// The generator for one purpose within one trial. `stream` keeps the purposes apart: two draws that must be
/// independent name different streams.
pub fn for_trial(seed: u64, index: TrialIndex, stream: &str) -> Rng {
    // FNV-1a over the stream's name, then SplitMix64 (Steele et al. 2014) over the parts: neighbouring indices and
    // seeds get unrelated generators.
    let stream = stream.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Rng::seed_from_u64(mix(mix(mix(seed) ^ u64::from(index.0)) ^ stream))
}

pub(crate) fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

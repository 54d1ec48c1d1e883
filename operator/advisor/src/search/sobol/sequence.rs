//! Points of the scrambled Sobol sequence, any of them at once.

use super::directions::POLYNOMIALS;

const BITS: usize = 32;

/// Dimensions with direction numbers of their own. Further ones use them again, in another shuffled order: each
/// block of them is as even within itself, and blocks are independent of each other (Burley 2020, section 4).
const BLOCK: usize = POLYNOMIALS.len() + 1;

/// The Sobol sequence with Owen's scrambling, by hashing (Burley, "Practical Hash-based Owen Scrambling", JCGT 9(4),
/// 2020): every point is uniform in the cube, and every 2^k of them from a multiple of 2^k on are a net.
#[derive(Clone, Debug)]
pub struct Sequence {
    seed: u64,
    dimensions: usize,
    /// Of each dimension of a block, one number for each bit of the index.
    directions: Vec<[u32; BITS]>,
}

impl Sequence {
    /// The sequence in so many dimensions; another seed gives another scrambling.
    pub fn new(dimensions: usize, seed: u64) -> Self {
        Self { seed, dimensions, directions: (0..dimensions.min(BLOCK)).map(directions).collect() }
    }

    /// Point `index`: coordinates in [0, 1), one for each dimension.
    pub fn point(&self, index: u32) -> Vec<f64> {
        let mut point = vec![0.0; self.dimensions];
        self.fill(index, &mut point);
        point
    }

    /// As [`Sequence::point`], into a slice.
    pub fn fill(&self, index: u32, point: &mut [f64]) {
        for (block, coordinates) in point.chunks_mut(BLOCK).enumerate() {
            let shuffled = scramble(index, self.hash(block, u32::MAX));
            for ((d, coordinate), directions) in (0..).zip(coordinates).zip(&self.directions) {
                let bits = directions.iter().enumerate().filter(|(bit, _)| shuffled >> bit & 1 == 1);
                let plain = bits.fold(0, |point, (_, direction)| point ^ direction);
                *coordinate = f64::from(scramble(plain, self.hash(block, d))) / 2_f64.powi(32);
            }
        }
    }

    /// A scrambling's seed of its own for each block and dimension.
    fn hash(&self, block: usize, dimension: u32) -> u32 {
        let mixed =
            crate::rng::mix(crate::rng::mix(self.seed) ^ ((block as u64) << 32 | u64::from(dimension)));
        (mixed >> 32) as u32
    }
}

/// Direction numbers of one dimension, each the contribution of one bit of the index (Joe and Kuo 2008).
fn directions(dimension: usize) -> [u32; BITS] {
    let Some((polynomial, initial)) = dimension.checked_sub(1).map(|at| POLYNOMIALS[at]) else {
        return std::array::from_fn(|k| 1 << (BITS - 1 - k));
    };
    let degree = initial.len();
    let mut directions = [0; BITS];
    for k in 0..BITS {
        directions[k] = if k < degree {
            initial[k] << (BITS - 1 - k)
        } else {
            let mut direction = directions[k - degree] ^ (directions[k - degree] >> degree);
            for back in 1..degree {
                if polynomial >> (degree - back) & 1 == 1 {
                    direction ^= directions[k - back];
                }
            }
            direction
        };
    }
    directions
}

/// Owen's nested uniform scrambling of a 32-bit fraction: each bit is flipped or not by what the bits above it are.
fn scramble(fraction: u32, seed: u32) -> u32 {
    laine_karras(fraction.reverse_bits(), seed).reverse_bits()
}

/// A permutation in which each bit depends only on those below it (Laine and Karras 2011), with the constants of
/// N. Vegdahl, "Owen scrambling based on hashing" (2021), which have less bias than the first ones.
fn laine_karras(mut x: u32, seed: u32) -> u32 {
    x ^= x.wrapping_mul(0x3d20_adea);
    x = x.wrapping_add(seed);
    x = x.wrapping_mul((seed >> 16) | 1);
    x ^= x.wrapping_mul(0x0552_6c56);
    x ^= x.wrapping_mul(0x53a2_2864);
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(dimensions: usize, seed: u64, count: u32) -> Vec<Vec<f64>> {
        let sequence = Sequence::new(dimensions, seed);
        (0..count).map(|index| sequence.point(index)).collect()
    }

    /// How many cells of a grid of `rows` by `points / rows` over two dimensions hold exactly one point.
    fn cells_with_one(points: &[Vec<f64>], (x, y): (usize, usize), rows: usize) -> usize {
        let columns = points.len() / rows;
        let mut held = vec![0; points.len()];
        for point in points {
            held[(point[x] * rows as f64) as usize * columns + (point[y] * columns as f64) as usize] += 1;
        }
        held.iter().filter(|count| **count == 1).count()
    }

    #[test]
    fn without_scrambling_it_is_the_sequence_of_the_paper() {
        let plain = |dimension: usize, index: u32| {
            let bits = (0..BITS).filter(|bit| index >> bit & 1 == 1);
            f64::from(bits.fold(0, |x, bit| x ^ directions(dimension)[bit])) / 2_f64.powi(32)
        };
        let point = |index| [0, 1, 2].map(|dimension| plain(dimension, index));
        assert_eq!([1, 2, 3].map(point), [[0.5; 3], [0.25, 0.75, 0.75], [0.75, 0.25, 0.25]]);
        assert_eq!([4, 6].map(point), [[0.125, 0.625, 0.375], [0.375, 0.375, 0.625]]);
    }

    #[test]
    fn every_dimension_is_even_at_every_power_of_two() {
        for seed in 0..4 {
            for exponent in [3, 6, 8] {
                let points = first(600, seed, 1 << exponent);
                for d in 0..600 {
                    assert_eq!(cells_with_one(&points, (d, d), points.len()), points.len(), "dimension {d}");
                }
            }
        }
    }

    #[test]
    fn the_first_two_dimensions_are_a_net() {
        for seed in 0..8 {
            let points = first(2, seed, 256);
            for rows in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
                assert_eq!(cells_with_one(&points, (0, 1), rows), 256, "{rows} rows");
            }
        }
    }

    #[test]
    fn seeds_and_blocks_are_scrambled_apart() {
        assert_ne!(first(3, 1, 4), first(3, 2, 4));
        let points = first(600, 1, 1024);
        // Independent uniform coordinates have a correlation of about 1/32 at 1024 points.
        for (x, y) in [(0, 256), (5, 261), (255, 511), (0, 1), (100, 101)] {
            let covariance: f64 = points.iter().map(|p| (p[x] - 0.5) * (p[y] - 0.5)).sum::<f64>() / 1024.0;
            assert!((covariance * 12.0).abs() < 0.15, "{x} {y}: {covariance}");
        }
    }

    #[test]
    fn it_integrates_better_than_random_draws() {
        let mean_of_squared_errors = |points_of: &dyn Fn(u64) -> Vec<Vec<f64>>| {
            let errors = (0..32).map(|seed| {
                let points = points_of(seed);
                let mean: f64 = points.iter().map(|p| p.iter().map(|u| 2.0 * u).product::<f64>()).sum();
                (mean / points.len() as f64 - 1.0).powi(2)
            });
            errors.sum::<f64>() / 32.0
        };
        let random = |seed| {
            let mut rng = crate::rng::for_trial(seed, crate::TrialIndex(0), "test");
            (0..128).map(|_| crate::search::random::coordinates(&mut rng, 5)).collect()
        };
        let quasi = mean_of_squared_errors(&|seed| first(5, seed, 128));
        assert!(quasi * 10.0 < mean_of_squared_errors(&random), "{quasi}");
    }
}

//! Points of a search space as vectors whose Euclidean distances mean something.
//!
//! A number is itself. A categorical value is a corner of a simplex with edges of length 1, so that two values are
//! either the same or 1 apart (a Hamming distance with one lengthscale). An inactive parameter is a place of its own:
//! for a number the middle of the range moved `√¾` along an axis of its own, which is between `√¾` and 1 from every
//! active value; for a categorical one more corner. All of these are Euclidean embeddings, so that every radial
//! kernel stays positive definite.

use nalgebra::DMatrix;

use crate::space::{Dimension, DimensionKind, Point, Space};

/// How far an inactive number is from its range, squared: then no active value is more than 1 away.
const ASIDE_SQUARED: f64 = 0.75;

/// Where a dimension's coordinates stand in a feature vector.
#[derive(Clone, Copy, Debug)]
struct Block {
    first: usize,
    kind: DimensionKind,
    conditional: bool,
}

/// The embedding of one space.
#[derive(Clone, Debug)]
pub(super) struct Embedding {
    blocks: Vec<Block>,
    /// For each feature, the dimension it belongs to.
    owners: Vec<usize>,
}

impl Embedding {
    pub(super) fn new(space: &Space) -> Self {
        Self::of(
            space
                .dimensions()
                .iter()
                .map(|dimension| (*dimension, !space.parameters()[dimension.parameter].when.is_empty())),
        )
    }

    /// From the dimensions, each with whether it can be inactive.
    pub(super) fn of(dimensions: impl Iterator<Item = (Dimension, bool)>) -> Self {
        let (mut blocks, mut owners) = (Vec::new(), Vec::new());
        for (dimension, (Dimension { kind, .. }, conditional)) in dimensions.enumerate() {
            blocks.push(Block { first: owners.len(), kind, conditional });
            let width = match kind {
                DimensionKind::Categorical { choices } => choices,
                DimensionKind::Continuous | DimensionKind::Discrete { .. } => 1,
            } + usize::from(conditional);
            owners.resize(owners.len() + width, dimension);
        }
        Self { blocks, owners }
    }

    /// Dimensions of the space.
    pub(super) fn dimensions(&self) -> usize {
        self.blocks.len()
    }

    /// The dimension that each feature belongs to.
    pub(super) fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// The features of points, one column each.
    pub(super) fn embed<'a>(&self, points: impl ExactSizeIterator<Item = &'a Point>) -> DMatrix<f64> {
        let mut features = DMatrix::zeros(self.owners.len(), points.len());
        for (mut column, point) in features.column_iter_mut().zip(points) {
            self.write(point, column.as_mut_slice());
        }
        features
    }

    /// Writes the features of one point into zeros.
    fn write(&self, point: &Point, features: &mut [f64]) {
        for (block, coordinate) in self.blocks.iter().zip(point) {
            match (block.kind, coordinate) {
                (DimensionKind::Categorical { choices }, _) => {
                    let corner =
                        coordinate.map_or(choices, |x| ((x * choices as f64) as usize).min(choices - 1));
                    // With no inactive corner an inactive coordinate cannot occur; it would be no corner at all.
                    if corner < choices || block.conditional {
                        features[block.first + corner] = std::f64::consts::FRAC_1_SQRT_2;
                    }
                }
                (_, Some(x)) => features[block.first] = Self::feature(*x),
                (_, None) if block.conditional => features[block.first + 1] = ASIDE_SQUARED.sqrt(),
                (_, None) => {}
            }
        }
    }

    /// The feature of a numeric dimension.
    pub(super) fn feature_of(&self, dimension: usize) -> usize {
        self.blocks[dimension].first
    }

    /// The feature of an active number.
    pub(super) fn feature(coordinate: f64) -> f64 {
        coordinate - 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distances(kind: DimensionKind, conditional: bool, points: &[Option<f64>]) -> Vec<Vec<f64>> {
        let embedding =
            Embedding::of(std::iter::once((Dimension { parameter: 0, position: 0, kind }, conditional)));
        let points: Vec<Point> = points.iter().map(|x| vec![*x]).collect();
        let features = embedding.embed(points.iter());
        let between = |i: usize, j: usize| (features.column(i) - features.column(j)).norm_squared();
        (0..points.len()).map(|i| (0..points.len()).map(|j| between(i, j)).collect()).collect()
    }

    #[test]
    fn numbers_are_as_far_apart_as_their_coordinates() {
        let d = distances(DimensionKind::Continuous, false, &[Some(0.0), Some(0.25), Some(1.0)]);
        assert_eq!((d[0][1], d[0][2], d[1][2]), (0.0625, 1.0, 0.5625));
    }

    #[test]
    fn two_categories_are_the_same_or_one_apart() {
        let d = distances(
            DimensionKind::Categorical { choices: 3 },
            true,
            &[Some(0.1), Some(0.3), Some(1.0), None],
        );
        let expected =
            [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]];
        for (row, expected) in d.iter().zip(expected) {
            row.iter().zip(expected).for_each(|(d, e)| assert!((d - e).abs() < 1e-12, "{d} {e}"));
        }
    }

    #[test]
    fn inactive_numbers_are_together_and_apart_from_every_active_one() {
        let d = distances(DimensionKind::Continuous, true, &[None, None, Some(0.0), Some(0.5), Some(1.0)]);
        assert_eq!(d[0][1], 0.0);
        for active in &d[0][2..] {
            assert!((0.749..=1.0).contains(active), "{active}");
        }
    }
}

//! The Matérn-5/2 kernel with a lengthscale for each dimension.

use nalgebra::{DMatrix, DVector};

/// `k(r²) = (1 + √5 r + 5/3 r²) exp(-√5 r)`, 1 at 0.
pub(super) fn matern(squared_distance: f64) -> f64 {
    let r = (5.0 * squared_distance).sqrt();
    (1.0 + r + r * r / 3.0) * (-r).exp()
}

/// `dk / d(r²) = -5/6 (1 + √5 r) exp(-√5 r)`
pub(super) fn matern_slope(squared_distance: f64) -> f64 {
    let r = (5.0 * squared_distance).sqrt();
    -5.0 / 6.0 * (1.0 + r) * (-r).exp()
}

/// What the kernel and the noise depend on, in units of the standardised loss.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hyperparameters {
    /// One for each dimension, in units of the dimension's range.
    pub(super) lengthscales: Vec<f64>,
    /// Variance of the function.
    pub(super) amplitude: f64,
    /// Variance of an observation about the function.
    pub(super) noise: f64,
}

impl Hyperparameters {
    /// Features (a column for each point) in units of the lengthscales of the dimensions that own them.
    pub(super) fn scaled(&self, mut features: DMatrix<f64>, owners: &[usize]) -> DMatrix<f64> {
        let inverse = DVector::from_iterator(
            owners.len(),
            owners.iter().map(|&owner| self.lengthscales[owner].recip()),
        );
        features.column_iter_mut().for_each(|mut column| column.component_mul_assign(&inverse));
        features
    }
}

/// Squared distances between scaled features: `left` columns by `right` columns.
pub(super) fn squared_distances(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let squares = |points: &DMatrix<f64>| -> Vec<f64> {
        points.column_iter().map(|column| column.norm_squared()).collect()
    };
    let (left_squares, right_squares) = (squares(left), squares(right));
    let mut distances = DMatrix::zeros(left.ncols(), right.ncols());
    distances.gemm(-2.0, &left.transpose(), right, 0.0);
    for (mut column, right) in distances.column_iter_mut().zip(right_squares) {
        // Rounding can leave a point a hair's breadth from itself on the wrong side of zero.
        column.iter_mut().zip(&left_squares).for_each(|(d, left)| *d = (*d + left + right).max(0.0));
    }
    distances
}

/// Covariances between scaled features: `left` columns by `right` columns.
pub(super) fn covariances(left: &DMatrix<f64>, right: &DMatrix<f64>, amplitude: f64) -> DMatrix<f64> {
    let mut covariances = squared_distances(left, right);
    covariances.apply(|d| *d = amplitude * matern(*d));
    covariances
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_the_matern_kernel_of_the_textbook() {
        // mpmath: (1 + sqrt(5) + 5/3) exp(-sqrt(5)) and its derivative with respect to r² at r = 1.
        assert_eq!(matern(0.0), 1.0);
        assert!((matern(1.0) - 0.523_994_108_831_820_3).abs() < 1e-15, "{}", matern(1.0));
        assert!((matern_slope(1.0) + 0.288_220_193_942_647_8).abs() < 1e-15, "{}", matern_slope(1.0));
    }

    proptest! {
        #[test]
        fn the_slope_is_the_derivative(squared in 0.01..20.0_f64) {
            let h = 1e-6 * squared;
            let numeric = (matern(squared + h) - matern(squared - h)) / (2.0 * h);
            prop_assert!((numeric - matern_slope(squared)).abs() < 1e-8);
        }

        #[test]
        fn distances_are_those_of_the_columns(entries in prop::collection::vec(-3.0..3.0_f64, 35)) {
            let points = DMatrix::from_column_slice(5, 7, &entries);
            let distances = squared_distances(&points, &points);
            for i in 0..7 {
                for j in 0..7 {
                    let expected = (points.column(i) - points.column(j)).norm_squared();
                    prop_assert!((distances[(i, j)] - expected).abs() < 1e-12);
                }
            }
        }
    }
}

//! Dense symmetric positive definite matrices, factorised and solved in blocks.
//!
//! nalgebra's Cholesky and triangular solves go column by column, at the speed of memory; its matrix product goes at
//! the speed of the processor. So all but the small blocks on the diagonal is done by products.

use nalgebra::{DMatrix, DVector};

/// Rows and columns of a block: small enough that the diagonal costs little, large enough that products run at full
/// speed.
const BLOCK: usize = 64;

/// `L` of `A = L Lᵀ`.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    /// What stands above the diagonal is undefined and never read.
    lower: DMatrix<f64>,
    /// Inverses of the blocks on the diagonal of `L`.
    inverses: Vec<DMatrix<f64>>,
}

/// First row and number of rows of each block of the first `n` rows.
fn blocks(n: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> + ExactSizeIterator {
    (0..n.div_ceil(BLOCK)).map(move |block| (block * BLOCK, BLOCK.min(n - block * BLOCK)))
}

impl Cholesky {
    /// Factorises the symmetric matrix whose lower triangle is given; `None` when it is not positive definite to
    /// working precision, or not finite.
    pub(super) fn new(mut matrix: DMatrix<f64>) -> Option<Self> {
        let n = matrix.nrows();
        let mut inverses = Vec::with_capacity(n.div_ceil(BLOCK));
        for (first, rows) in blocks(n) {
            let diagonal = matrix.view((first, first), (rows, rows)).into_owned().cholesky()?.unpack();
            let inverse = diagonal.solve_lower_triangular(&DMatrix::identity(rows, rows))?;
            matrix.view_mut((first, first), (rows, rows)).copy_from(&diagonal);

            let (below, left) = (first + rows, n - first - rows);
            let panel = matrix.view((below, first), (left, rows)) * inverse.transpose();
            matrix.view_mut((below, first), (left, rows)).copy_from(&panel);
            let transposed = panel.transpose();
            for (start, columns) in blocks(left) {
                let (rows, columns_of_panel) =
                    (panel.rows(start, left - start), transposed.columns(start, columns));
                matrix.view_mut((below + start, below + start), (left - start, columns)).gemm(
                    -1.0,
                    &rows,
                    &columns_of_panel,
                    1.0,
                );
            }
            inverses.push(inverse);
        }
        matrix.iter().all(|entry| entry.is_finite()).then_some(Self { lower: matrix, inverses })
    }

    /// As [`Cholesky::new`]; where that fails, with the diagonal raised by 1e-10, 1e-8, 1e-6 and at last 1e-4 of
    /// its mean.
    pub(super) fn with_jitter(matrix: &DMatrix<f64>) -> Option<Self> {
        let scale = matrix.diagonal().mean();
        [0.0, 1e-10, 1e-8, 1e-6, 1e-4].into_iter().find_map(|jitter| {
            let mut raised = matrix.clone();
            (0..raised.nrows()).for_each(|i| raised[(i, i)] += jitter * scale);
            Self::new(raised)
        })
    }

    /// Rows and columns.
    pub(super) fn size(&self) -> usize {
        self.lower.nrows()
    }

    /// `rhs <- L⁻¹ rhs`, where `rhs` may have fewer rows than `L`: then for as many first rows and columns of `L`.
    pub(super) fn solve_lower(&self, rhs: &mut DMatrix<f64>) {
        self.solve_lower_from(0, rhs);
    }

    /// `rhs <- L⁻¹ rhs` for the rows and columns of `L` from block `block` on.
    fn solve_lower_from(&self, block: usize, rhs: &mut DMatrix<f64>) {
        let (n, origin) = (rhs.nrows(), block * BLOCK);
        for ((first, rows), inverse) in blocks(n).zip(&self.inverses[block..]) {
            let solved = inverse.view((0, 0), (rows, rows)) * rhs.rows(first, rows);
            rhs.rows_mut(first, rows).copy_from(&solved);
            let below = first + rows;
            let panel = self.lower.view((origin + below, origin + first), (n - below, rows));
            rhs.rows_mut(below, n - below).gemm(-1.0, &panel, &solved, 1.0);
        }
    }

    /// `rhs <- L⁻ᵀ rhs`, where `rhs` may be shorter: then for as many first rows and columns of `L`.
    pub(super) fn solve_upper(&self, rhs: &mut DVector<f64>) {
        let n = rhs.len();
        for ((first, rows), inverse) in blocks(n).zip(&self.inverses).rev() {
            let (below, mut block) = (first + rows, rhs.rows(first, rows).into_owned());
            let panel = self.lower.view((below, first), (n - below, rows));
            block.gemv_tr(-1.0, &panel, &rhs.rows(below, n - below), 1.0);
            rhs.rows_mut(first, rows).copy_from(&inverse.view((0, 0), (rows, rows)).tr_mul(&block));
        }
    }

    /// `A⁻¹ rhs`, where `rhs` may be shorter: then for as many first rows and columns of `A`.
    pub(super) fn solve(&self, rhs: &DVector<f64>) -> DVector<f64> {
        let mut solution = DMatrix::from_column_slice(rhs.len(), 1, rhs.as_slice());
        self.solve_lower(&mut solution);
        let mut solution = solution.column(0).into_owned();
        self.solve_upper(&mut solution);
        solution
    }

    /// `½ log |A|`
    pub(super) fn half_log_determinant(&self) -> f64 {
        self.lower.diagonal().iter().map(|pivot| pivot.ln()).sum()
    }

    /// `A⁻¹`, both triangles.
    pub(super) fn inverse(&self) -> DMatrix<f64> {
        let n = self.size();
        // Columns of L⁻¹, which like L has nothing above its diagonal; then A⁻¹ = L⁻ᵀ L⁻¹, its lower triangle.
        let mut root = DMatrix::zeros(n, n);
        for (block, (first, columns)) in blocks(n).enumerate() {
            let mut column = DMatrix::identity(n - first, columns);
            self.solve_lower_from(block, &mut column);
            root.view_mut((first, first), (n - first, columns)).copy_from(&column);
        }
        let mut result = DMatrix::zeros(n, n);
        for (first, rows) in blocks(n) {
            let transposed = root.view((first, first), (n - first, rows)).transpose();
            let known = root.view((first, 0), (n - first, first + rows));
            result.view_mut((first, 0), (rows, first + rows)).gemm(1.0, &transposed, &known, 0.0);
        }
        result.fill_upper_triangle_with_lower_triangle();
        result
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of any size, from few random entries.
    fn positive_definite(n: usize, entries: &[f64]) -> DMatrix<f64> {
        let root = DMatrix::from_fn(n, n, |i, j| entries[(i * 31 + j * j) % entries.len()]);
        &root * root.transpose() + DMatrix::identity(n, n)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_factor_solves_and_inverts(
            n in 1_usize..200, fewer in 0_usize..100, entries in prop::collection::vec(-1.0..1.0_f64, 211)
        ) {
            let a = positive_definite(n, &entries);
            let cholesky = Cholesky::new(a.clone()).unwrap();
            let lower = cholesky.lower.lower_triangle();
            prop_assert!((&lower * lower.transpose() - &a).norm() < 1e-9 * a.norm());
            prop_assert!((&a * cholesky.inverse() - DMatrix::identity(n, n)).norm() < 1e-7);
            let reference = a.clone().cholesky().unwrap().l().diagonal().map(f64::ln).sum();
            prop_assert!((cholesky.half_log_determinant() - reference).abs() < 1e-8 * (1.0 + reference.abs()));

            let m = n - fewer.min(n - 1);
            let b = DVector::from_fn(m, |i, _| entries[i]);
            prop_assert!((a.view((0, 0), (m, m)) * cholesky.solve(&b) - &b).norm() < 1e-7);
            let columns = DMatrix::from_fn(n, 7, |i, j| entries[i + j]);
            let mut solved = columns.clone();
            cholesky.solve_lower(&mut solved);
            prop_assert!((lower * solved - columns).norm() < 1e-8);
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused_or_jittered() {
        let singular = DMatrix::from_element(100, 100, 1.0);
        assert!(Cholesky::new(singular.clone()).is_none());
        assert!(Cholesky::with_jitter(&singular).is_some());
        assert!(Cholesky::with_jitter(&-DMatrix::<f64>::identity(3, 3)).is_none());
        assert!(Cholesky::with_jitter(&DMatrix::from_element(3, 3, f64::NAN)).is_none());
    }
}

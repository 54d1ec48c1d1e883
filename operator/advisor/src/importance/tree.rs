//! A regression tree whose leaves are boxes in the unit cube, and what its predictions owe to each dimension.

use crate::space::{Dimension, DimensionKind, Point};

/// What a tree is grown from.
pub(super) struct Samples<'a> {
    pub(super) dimensions: &'a [Dimension],
    pub(super) points: Vec<&'a Point>,
    pub(super) losses: Vec<f64>,
}

/// Fewest samples in a leaf.
const LEAST: usize = 2;

/// The part of one dimension that a box covers.
#[derive(Clone)]
enum Side {
    Interval { low: f64, high: f64 },
    Choices { held: Vec<bool> },
}

impl Side {
    fn whole(kind: DimensionKind) -> Self {
        match kind {
            DimensionKind::Continuous | DimensionKind::Discrete { .. } => {
                Self::Interval { low: 0.0, high: 1.0 }
            }
            DimensionKind::Categorical { choices } => Self::Choices { held: vec![true; choices] },
        }
    }

    /// Share of the dimension it covers.
    fn share(&self) -> f64 {
        match self {
            Self::Interval { low, high } => high - low,
            Self::Choices { held } => held.iter().filter(|held| **held).count() as f64 / held.len() as f64,
        }
    }

    fn is_whole(&self) -> bool {
        match self {
            Self::Interval { low, high } => *low <= 0.0 && *high >= 1.0,
            Self::Choices { held } => held.iter().all(|held| *held),
        }
    }
}

/// What goes to the left of a split.
enum Cut {
    Below(f64),
    Choices(Vec<bool>),
}

struct Split {
    dimension: usize,
    cut: Cut,
    /// Decrease of the sum of squared errors.
    gain: f64,
}

/// Adds up the leaves of one tree.
pub(super) struct Marginals {
    /// Of each dimension: where it begins and ends, and what is predicted there, averaged over all other dimensions.
    pieces: Vec<Vec<(Side, f64)>>,
    mean: f64,
    mean_of_squares: f64,
}

/// Grows a tree on the samples at these positions (some more than once: a bootstrap) and gives the share of the
/// variance of its predictions over the unit cube that each dimension causes by itself (functional ANOVA's main
/// effects; Hutter, Hoos and Leyton-Brown 2014, algorithm 2). `None` when it predicts the same everywhere.
pub(super) fn main_effects(samples: &Samples, positions: &mut [usize]) -> Option<Vec<f64>> {
    let mut region: Vec<Side> =
        samples.dimensions.iter().map(|dimension| Side::whole(dimension.kind)).collect();
    let mut marginals = Marginals { pieces: vec![Vec::new(); region.len()], mean: 0.0, mean_of_squares: 0.0 };
    grow(samples, positions, &mut region, 1.0, &mut marginals);
    let variance = marginals.mean_of_squares - marginals.mean * marginals.mean;
    let dimensions = marginals.pieces.iter().zip(samples.dimensions);
    (variance > 1e-12 * marginals.mean_of_squares).then(|| {
        dimensions
            .map(|(pieces, dimension)| variance_of(pieces, dimension.kind, marginals.mean) / variance)
            .collect()
    })
}

fn grow(
    samples: &Samples,
    positions: &mut [usize],
    region: &mut [Side],
    volume: f64,
    marginals: &mut Marginals,
) {
    let Some(Split { dimension, cut, .. }) = best_split(samples, positions) else {
        marginals.add(region, volume, mean(samples, positions));
        return;
    };
    let is_left = |at: &usize| match (&cut, samples.points[*at][dimension]) {
        (Cut::Below(edge), Some(u)) => u < *edge,
        (Cut::Choices(left), Some(u)) => left[choice(u, left.len())],
        // Only dimensions that are active in every sample are split.
        (_, None) => false,
    };
    let (left, right) = partition(positions, is_left);
    let whole = region[dimension].clone();
    let (lower, upper) = halves(&whole, &cut);
    for (half, side) in [(left, lower), (right, upper)] {
        let volume = volume * side.share() / whole.share();
        region[dimension] = side;
        grow(samples, half, region, volume, marginals);
    }
    region[dimension] = whole;
}

fn halves(whole: &Side, cut: &Cut) -> (Side, Side) {
    match (whole, cut) {
        (Side::Interval { low, high }, Cut::Below(edge)) => {
            (Side::Interval { low: *low, high: *edge }, Side::Interval { low: *edge, high: *high })
        }
        (Side::Choices { held }, Cut::Choices(left)) => {
            let half =
                |is_left: bool| held.iter().zip(left).map(|(held, left)| *held && *left == is_left).collect();
            (Side::Choices { held: half(true) }, Side::Choices { held: half(false) })
        }
        // A cut is of its dimension's kind.
        _ => (whole.clone(), whole.clone()),
    }
}

fn partition(positions: &mut [usize], is_left: impl Fn(&usize) -> bool) -> (&mut [usize], &mut [usize]) {
    positions.sort_by_key(|at| !is_left(at));
    let middle = positions.partition_point(is_left);
    positions.split_at_mut(middle)
}

fn mean(samples: &Samples, positions: &[usize]) -> f64 {
    positions.iter().map(|at| samples.losses[*at]).sum::<f64>() / positions.len() as f64
}

fn choice(u: f64, choices: usize) -> usize {
    ((u * choices as f64) as usize).min(choices - 1)
}

fn best_split(samples: &Samples, positions: &[usize]) -> Option<Split> {
    if positions.len() < 2 * LEAST {
        return None;
    }
    let mut best: Option<Split> = None;
    let mut column: Vec<(f64, f64)> = Vec::with_capacity(positions.len());
    for (dimension, kind) in samples.dimensions.iter().map(|dimension| dimension.kind).enumerate() {
        column.clear();
        column.extend(
            positions.iter().map_while(|at| Some((samples.points[*at][dimension]?, samples.losses[*at]))),
        );
        // Where a dimension is not active in all samples, what makes it active must be split first. So no leaf's
        // box depends on a coordinate that makes no difference there.
        if column.len() < positions.len() {
            continue;
        }
        let split = match kind {
            DimensionKind::Continuous | DimensionKind::Discrete { .. } => ordered_split(&mut column),
            DimensionKind::Categorical { choices } => unordered_split(&column, choices),
        };
        if let Some((cut, gain)) = split
            && best.as_ref().is_none_or(|best| gain > best.gain)
        {
            best = Some(Split { dimension, cut, gain });
        }
    }
    best
}

/// The best place to cut a column of (coordinate, loss), half way between two neighbours.
fn ordered_split(column: &mut [(f64, f64)]) -> Option<(Cut, f64)> {
    column.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (at, gain) = best_prefix(column, |before, after| before.0 < after.0)?;
    Some((Cut::Below(0.5 * (column[at - 1].0 + column[at].0)), gain))
}

/// The best two groups of choices. In the order of their mean losses, it is one of the cuts (Breiman et al. 1984,
/// theorem 4.5). Choices without a sample go with the larger group's side that ends the order.
fn unordered_split(column: &[(f64, f64)], choices: usize) -> Option<(Cut, f64)> {
    let mut sums = vec![(0.0, 0_usize); choices];
    for (u, loss) in column {
        let (sum, count) = &mut sums[choice(*u, choices)];
        *sum += loss;
        *count += 1;
    }
    let mut order: Vec<usize> = (0..choices).filter(|choice| sums[*choice].1 > 0).collect();
    let mean = |choice: usize| sums[choice].0 / sums[choice].1 as f64;
    order.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)));
    let rank = |c: usize| order.iter().position(|other| *other == c).unwrap_or(order.len());
    let ranks: Vec<usize> = (0..choices).map(rank).collect();
    let mut ranked: Vec<(f64, f64)> =
        column.iter().map(|(u, loss)| (ranks[choice(*u, choices)] as f64, *loss)).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (at, gain) = best_prefix(&ranked, |before, after| before.0 < after.0)?;
    let edge = ranked[at].0 as usize;
    Some((Cut::Choices(ranks.into_iter().map(|rank| rank < edge).collect()), gain))
}

/// How many of a sorted column to cut off so that the squared error decreases most, cutting only where allowed.
fn best_prefix(
    column: &[(f64, f64)],
    can_cut: impl Fn(&(f64, f64), &(f64, f64)) -> bool,
) -> Option<(usize, f64)> {
    let total: f64 = column.iter().map(|(_, loss)| loss).sum();
    let count = column.len() as f64;
    let mut before = 0.0;
    let mut best = None;
    for at in 1..column.len() {
        before += column[at - 1].1;
        if at < LEAST || column.len() - at < LEAST || !can_cut(&column[at - 1], &column[at]) {
            continue;
        }
        let (left, after) = (at as f64, total - before);
        let gain = before * before / left + after * after / (count - left) - total * total / count;
        if gain > 1e-12 * (total * total / count).abs() && best.is_none_or(|(_, most)| gain > most) {
            best = Some((at, gain));
        }
    }
    best
}

impl Marginals {
    fn add(&mut self, region: &[Side], volume: f64, value: f64) {
        self.mean += volume * value;
        self.mean_of_squares += volume * value * value;
        for (pieces, side) in self.pieces.iter_mut().zip(region) {
            pieces.push((side.clone(), value * volume / side.share()));
        }
    }
}

/// Variance over one dimension of the sum of its pieces, whose mean is known.
fn variance_of(pieces: &[(Side, f64)], kind: DimensionKind, mean: f64) -> f64 {
    let everywhere: f64 = pieces.iter().filter(|(side, _)| side.is_whole()).map(|(_, value)| value).sum();
    let partial = pieces.iter().filter(|(side, _)| !side.is_whole());
    if let DimensionKind::Categorical { choices } = kind {
        let mut values = vec![everywhere; choices];
        for (side, value) in partial {
            if let Side::Choices { held } = side {
                values.iter_mut().zip(held).filter(|(_, held)| **held).for_each(|(sum, _)| *sum += value);
            }
        }
        return values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / choices as f64;
    }
    // What begins and what ends along the dimension.
    let mut steps: Vec<(f64, f64)> = partial
        .flat_map(|(side, value)| match side {
            Side::Interval { low, high } => [(*low, *value), (*high, -value)],
            Side::Choices { .. } => [(0.0, 0.0); 2],
        })
        .collect();
    steps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut variance, mut from, mut value) = (0.0, 0.0, everywhere);
    for (to, change) in steps.into_iter().chain([(1.0, 0.0)]) {
        variance += (to - from) * (value - mean).powi(2);
        (from, value) = (to, value + change);
    }
    variance
}

//! Dimensions that are modelled together: those that are always active together.

use crate::space::{DimensionKind, Space};

/// Dimensions that are active under the same conditions, with what kind of kernel each has.
#[derive(Debug)]
pub(super) struct Group {
    /// The parameter of the first dimension: the group is active where this is.
    pub(super) parameter: usize,
    /// Position among the space's dimensions, and kind.
    pub(super) dimensions: Vec<(usize, Kind)>,
}

/// What kernels are like in a dimension.
#[derive(Debug)]
pub(super) enum Kind {
    /// Densities: continuous, or so many levels that the difference is nothing.
    Smooth,
    /// Masses of cells, whose ends these are.
    Levels { edges: Vec<f64> },
    /// One's own choice, and all others.
    Choices { count: usize },
}

/// Most levels for which masses of cells are computed: with more, a cell is narrower than any kernel.
const MOST_LEVELS: u64 = 32;

/// The groups of a space, parents before children. One dimension each when not `jointly`.
pub(super) fn groups(space: &Space, jointly: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (d, dimension) in space.dimensions().iter().enumerate() {
        let kind = match dimension.kind {
            DimensionKind::Categorical { choices } => Kind::Choices { count: choices },
            DimensionKind::Discrete { levels } if levels <= MOST_LEVELS => {
                Kind::Levels { edges: (0..levels).map(|level| space.cell(d, level).0).chain([1.0]).collect() }
            }
            DimensionKind::Discrete { .. } | DimensionKind::Continuous => Kind::Smooth,
        };
        let when = &space.parameters()[dimension.parameter].when;
        let together = groups.iter_mut().find(|group| space.parameters()[group.parameter].when == *when);
        match together.filter(|_| jointly) {
            Some(group) => group.dimensions.push((d, kind)),
            None => groups.push(Group { parameter: dimension.parameter, dimensions: vec![(d, kind)] }),
        }
    }
    groups
}

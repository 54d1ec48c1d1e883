//! Every configuration of a space, one after the other.

use super::{DimensionKind, Space};

/// Walks through the configurations of a space like an odometer, the last parameter turning fastest. Coordinates of
/// inactive parameters stand still, so each configuration comes once.
#[derive(Clone, Debug, PartialEq)]
pub struct Enumeration {
    /// Stops of each dimension.
    stops: Vec<u64>,
    /// The stop each dimension is at.
    at: Vec<u64>,
    coordinates: Vec<f64>,
    ended: bool,
}

impl Enumeration {
    /// From the first configuration, with `levels` (at least 1) stops on every continuous dimension: one is at the
    /// middle, more are at equal distances from end to end.
    pub fn new(space: &Space, levels: u32) -> Self {
        let stops = (space.dimensions().iter())
            .map(|dimension| dimension.kind.levels().unwrap_or(u64::from(levels.max(1))))
            .collect::<Vec<_>>();
        let mut first =
            Self { at: vec![0; stops.len()], coordinates: vec![0.0; stops.len()], stops, ended: false };
        for dimension in 0..first.at.len() {
            first.stop(space, dimension, 0);
        }
        first
    }

    /// From the configuration at these coordinates, or on a continuous dimension the nearest stop.
    pub fn from(space: &Space, coordinates: &[f64], levels: u32) -> Self {
        let mut start = Self::new(space, levels);
        for (d, (coordinate, dimension)) in coordinates.iter().zip(space.dimensions()).enumerate() {
            let stop = match dimension.kind {
                DimensionKind::Continuous => (coordinate * (start.stops[d] - 1) as f64).round() as u64,
                DimensionKind::Discrete { .. } | DimensionKind::Categorical { .. } => {
                    space.level(d, *coordinate)
                }
            };
            start.stop(space, d, stop);
        }
        // Inactive dimensions are at their first stop wherever the walk passes.
        let active = space.active(&start.coordinates);
        for (d, dimension) in space.dimensions().iter().enumerate() {
            if !active[dimension.parameter] {
                start.stop(space, d, 0);
            }
        }
        start
    }

    /// Coordinates of the present configuration, for [`Space::decode`]; `None` after the last.
    pub fn coordinates(&self) -> Option<&[f64]> {
        (!self.ended).then_some(&self.coordinates)
    }

    /// On to the next configuration.
    pub fn advance(&mut self, space: &Space) {
        let active = space.active(&self.coordinates);
        for (d, dimension) in space.dimensions().iter().enumerate().rev() {
            if !active[dimension.parameter] {
                continue;
            }
            if self.at[d] + 1 < self.stops[d] {
                self.stop(space, d, self.at[d] + 1);
                return;
            }
            self.stop(space, d, 0);
        }
        self.ended = true;
    }

    fn stop(&mut self, space: &Space, dimension: usize, stop: u64) {
        self.at[dimension] = stop;
        self.coordinates[dimension] = match space.dimensions()[dimension].kind {
            DimensionKind::Continuous if self.stops[dimension] == 1 => 0.5,
            DimensionKind::Continuous => stop as f64 / (self.stops[dimension] - 1) as f64,
            DimensionKind::Discrete { .. } | DimensionKind::Categorical { .. } => {
                let (low, high) = space.cell(dimension, stop);
                0.5 * (low + high)
            }
        };
    }
}

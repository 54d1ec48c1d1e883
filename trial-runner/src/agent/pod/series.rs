//! The learning curve, short enough for a Trial's status.

use temper_crds::trial::SeriesPoint;

/// What a Trial's status holds at most.
pub(super) const MOST: usize = 256;
/// Points are gathered up to here before they are thinned out, so that thinning costs next to nothing a point.
const GATHERED: usize = 2 * MOST;
/// More rungs than this are not kept; no scheduler has as many.
const MOST_RUNGS: usize = MOST / 2;

/// The points of a curve in order of their resource, thinned out evenly. The first point at or beyond each rung stays,
/// and so does the furthest.
pub(super) struct Series {
    points: Vec<SeriesPoint>,
    /// Sorted.
    rungs: Vec<u64>,
}

impl Series {
    /// A curve that goes on from `before`, which is in order.
    pub(super) fn new(rungs: &[u64], before: Vec<SeriesPoint>) -> Self {
        let mut rungs = rungs.to_vec();
        rungs.sort_unstable();
        rungs.truncate(MOST_RUNGS);
        Self { points: before, rungs }
    }

    /// Adds a point beyond the last, or puts it in the place of the last.
    pub(super) fn put(&mut self, point: SeriesPoint) {
        self.points.pop_if(|last| last.resource == point.resource);
        self.points.push(point);
        if self.points.len() > GATHERED {
            self.thin();
        }
    }

    /// The curve, of at most [`MOST`] points.
    pub(super) fn points(&mut self) -> &[SeriesPoint] {
        if self.points.len() > MOST {
            self.thin();
        }
        &self.points
    }

    fn thin(&mut self) {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else { return };
        // Beside the rungs, the first and the last there is room for so many; at this distance there are no more.
        let room = (MOST - MOST_RUNGS.min(self.rungs.len()) - 2) as u64;
        let distance = (last.resource - first.resource).div_ceil(room).max(1);
        let (mut before, mut kept, end) = (0, None, last.resource);
        let rungs = &self.rungs;
        self.points.retain(|point| {
            let is_rung = rungs
                .get(rungs.partition_point(|rung| *rung <= before))
                .is_some_and(|rung| *rung <= point.resource);
            before = point.resource;
            let is_far = kept.is_none_or(|kept| point.resource - kept >= distance);
            if is_far {
                kept = Some(point.resource);
            }
            is_rung || is_far || point.resource == end
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn point(resource: u64) -> SeriesPoint {
        SeriesPoint { resource, objectives: vec![resource as f64] }
    }

    fn resources(series: &mut Series) -> Vec<u64> {
        series.points().iter().map(|point| point.resource).collect()
    }

    #[test]
    fn a_short_curve_is_kept_whole_and_a_point_that_is_told_again_replaced() {
        let mut series = Series::new(&[], vec![point(1)]);
        for resource in 2..=MOST as u64 {
            series.put(point(resource));
            series.put(SeriesPoint { resource, objectives: vec![0.5] });
        }
        assert_eq!(resources(&mut series), (1..=MOST as u64).collect::<Vec<_>>());
        assert_eq!(series.points()[9].objectives, [0.5]);
    }

    #[test]
    fn a_long_curve_is_thinned_out_evenly() {
        let mut series = Series::new(&[], Vec::new());
        (1..=100_000).for_each(|resource| series.put(point(resource)));
        let resources = resources(&mut series);
        let gaps: Vec<u64> = resources.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(resources.len() > MOST / 4, "{}", resources.len());
        assert!(gaps.iter().max().unwrap() < &(100_000 / 50), "{gaps:?}");
    }

    proptest! {
        #[test]
        fn whatever_is_reported_the_curve_is_short_in_order_and_holds_rungs_and_the_last_point(
            steps in vec(0_u64..40, 1..3000),
            rungs in vec(1_u64..60_000, 0..64),
            read_every in 1_usize..700,
        ) {
            let mut series = Series::new(&rungs, Vec::new());
            let (mut resource, mut told) = (1, Vec::new());
            for (index, step) in steps.into_iter().enumerate() {
                resource += step;
                series.put(point(resource));
                told.push(resource);
                if index % read_every == 0 {
                    series.points();
                }
            }
            let kept = resources(&mut series);
            prop_assert!(kept.len() <= MOST);
            prop_assert!(kept.is_sorted_by(|left, right| left < right));
            prop_assert!(kept.iter().all(|resource| told.contains(resource)));
            prop_assert_eq!(kept.last(), told.last());
            for rung in rungs {
                let reached = told.iter().find(|resource| **resource >= rung);
                prop_assert!(reached.is_none_or(|reached| kept.contains(reached)), "rung {}", rung);
            }
        }
    }
}

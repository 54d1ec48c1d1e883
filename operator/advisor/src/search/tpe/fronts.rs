//! The best trials by several objectives.

use std::cmp::Ordering;

use super::split::Class;

/// A trial with all of its losses: smaller is better.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) at: usize,
    pub(super) class: Class,
    pub(super) losses: &'a [f64],
}

/// The positions of so many trials: front by front, and of the last one those that stand apart.
pub(super) fn best(mut trials: Vec<Told>, wanted: usize) -> Vec<usize> {
    trials.sort_unstable_by(|a, b| {
        let losses = a.losses.iter().zip(b.losses).map(|(a, b)| a.total_cmp(b));
        a.class.cmp(&b.class).then(losses.fold(Ordering::Equal, Ordering::then)).then(a.at.cmp(&b.at))
    });
    let mut good = Vec::with_capacity(wanted);
    while good.len() < wanted && !trials.is_empty() {
        let (front, behind) = first_front(trials);
        good.extend(spread(&front, wanted - good.len()));
        trials = behind;
    }
    good
}

/// The trials of the best class that no other of it dominates, and all others. In the order of their losses, a trial
/// can only be dominated by an earlier one.
fn first_front(trials: Vec<Told>) -> (Vec<Told>, Vec<Told>) {
    let mut front: Vec<Told> = Vec::new();
    let mut behind = Vec::new();
    for trial in trials {
        let dominates = |other: &Told| other.losses.iter().zip(trial.losses).all(|(o, t)| o <= t);
        if front.iter().any(|other| other.class != trial.class || dominates(other)) {
            behind.push(trial);
        } else {
            front.push(trial);
        }
    }
    (front, behind)
}

/// At most `room` of a front: the ones with the most room around them (crowding distance, Deb et al. 2002).
fn spread(front: &[Told], room: usize) -> Vec<usize> {
    let mut distance = vec![0.0; front.len()];
    let mut order: Vec<usize> = (0..front.len()).collect();
    for objective in 0..front.first().map_or(0, |trial| trial.losses.len()) {
        let loss = |place: usize| front[place].losses[objective];
        order.sort_by(|a, b| loss(*a).total_cmp(&loss(*b)));
        let (least, most) = (order[0], order[order.len() - 1]);
        distance[least] = f64::INFINITY;
        distance[most] = f64::INFINITY;
        let width = loss(most) - loss(least);
        for around in order.windows(3).filter(|_| width > 0.0) {
            distance[around[1]] += (loss(around[2]) - loss(around[0])) / width;
        }
    }
    order.sort_by(|a, b| distance[*b].total_cmp(&distance[*a]).then(front[*a].at.cmp(&front[*b].at)));
    order.into_iter().take(room).map(|place| front[place].at).collect()
}

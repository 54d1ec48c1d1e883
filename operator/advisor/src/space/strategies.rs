//! Generators of domains, spaces and places in them, for property tests.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{Condition, Domain, FloatDomain, IntDomain, Parameter, Prior, Scale, Space, Value};
use crate::ParamName;

/// Scales with a range that suits each: (scale, min, max).
fn float_range() -> impl Strategy<Value = (Scale, f64, f64)> {
    prop_oneof![
        (-1e6..1e6_f64, 1e-3..1e6_f64).prop_map(|(min, width)| (Scale::Linear, min, min + width)),
        (-12.0..6.0_f64, 0.01..12.0_f64).prop_map(|(decade, decades)| {
            (Scale::Log, 10_f64.powf(decade), 10_f64.powf(decade + decades))
        }),
        (0.0..0.9_f64, 0.1..0.999_f64).prop_map(|(min, share)| (
            Scale::ReverseLog,
            min,
            min + (1.0 - min) * share
        )),
    ]
}

/// A prior for a range: where its mean lies as a share of it, and its deviation in the scale.
fn prior() -> impl Strategy<Value = Option<(f64, f64)>> {
    prop_oneof![Just(None), (0.0..=1.0_f64, -3.0..2.0_f64).prop_map(|(at, sd)| Some((at, 10_f64.powf(sd))))]
}

fn prior_within(prior: Option<(f64, f64)>, min: f64, max: f64) -> Prior {
    prior.map_or(Prior::Uniform, |(at, sd)| Prior::Normal {
        mean: (min + at * (max - min)).clamp(min, max),
        sd,
    })
}

pub(crate) fn float() -> impl Strategy<Value = Domain> {
    (float_range(), proptest::option::of(1..2000_u32), prior()).prop_map(
        |((scale, min, max), steps, prior)| {
            let step = steps.map(|steps| (max - min) / f64::from(steps));
            let prior = prior_within(prior, min, max);
            Domain::Float(FloatDomain::new(min, max, step, scale, prior).unwrap())
        },
    )
}

pub(crate) fn int() -> impl Strategy<Value = Domain> {
    let scale = prop_oneof![Just(Scale::Linear), Just(Scale::Log)];
    let levels = prop_oneof![1..100_u64, 1..=u64::from(u32::MAX)];
    let step = prop_oneof![Just(1), 1..1000_i64];
    (scale, any::<i64>(), -100..100_i64, any::<bool>(), levels, step, prior()).prop_map(
        |(scale, far, near, is_near, steps, step, prior)| {
            let width = steps.cast_signed() * step;
            let low = if scale == Scale::Log { 1 } else { i64::MIN };
            let start = if is_near { near } else { far };
            let min = start.clamp(low, i64::MAX - width);
            let max = min + width;
            let prior = prior_within(prior, min as f64, max as f64);
            Domain::Int(IntDomain::new(min, max, Some(step), scale, prior).unwrap())
        },
    )
}

fn choices(count: usize) -> Vec<Value> {
    (0..count).map(|choice| Value::Text(format!("choice{choice}"))).collect()
}

pub(crate) fn domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        3 => float(),
        3 => int(),
        2 => (1..8_usize, any::<bool>()).prop_map(|(n, ordered)| Domain::categorical(choices(n), ordered).unwrap()),
        1 => Just(Domain::Fixed(Value::Float(0.5))),
        1 => vec(1..4_usize, 1..4).prop_map(|sizes| {
            Domain::architecture(sizes.into_iter().map(choices).collect()).unwrap()
        }),
    ]
}

/// Domains with few values.
pub(crate) fn small_domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (1..4_i64).prop_map(|max| {
            Domain::Int(IntDomain::new(0, max, None, Scale::Linear, Prior::Uniform).unwrap())
        }),
        (1..4_usize, any::<bool>())
            .prop_map(|(n, ordered)| Domain::categorical(choices(n), ordered).unwrap()),
        Just(Domain::Fixed(Value::Bool(true))),
        vec(1..3_usize, 1..3)
            .prop_map(|sizes| { Domain::architecture(sizes.into_iter().map(choices).collect()).unwrap() }),
    ]
}

/// Up to `most` parameters `p0`, `p1`, ... of these domains, conditions nested at random among them.
pub(crate) fn space_of(domain: impl Strategy<Value = Domain>, most: usize) -> impl Strategy<Value = Space> {
    let links = vec((any::<Index>(), vec(any::<Index>(), 1..3)), 0..3);
    vec((domain, links), 1..=most).prop_map(|declared| {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (at, (domain, links)) in declared.into_iter().enumerate() {
            let when = links.into_iter().filter_map(|(parent, picks)| condition(&parameters, parent, &picks));
            let when = when.collect();
            parameters.push(Parameter { name: ParamName::parse(&format!("p{at}")).unwrap(), domain, when });
        }
        Space::new(parameters).unwrap()
    })
}

pub(crate) fn space() -> impl Strategy<Value = Space> {
    space_of(domain(), 8)
}

fn condition(earlier: &[Parameter], parent: Index, picks: &[Index]) -> Option<Condition> {
    let parent = earlier.get(parent.index(earlier.len().max(1)))?;
    let levels: Option<Vec<u64>> = parent.domain.dimensions().iter().map(|kind| kind.levels()).collect();
    let levels = levels?;
    let value = |pick: &Index| {
        let coordinates: Vec<f64> = levels
            .iter()
            .enumerate()
            .map(|(p, levels)| {
                let (low, high) = parent.domain.cell(p, pick.index(*levels as usize) as u64);
                0.5 * (low + high)
            })
            .collect();
        parent.domain.value(&coordinates)
    };
    Some(Condition { parent: parent.name.clone(), values: picks.iter().map(value).collect() })
}

/// A space and coordinates in it.
pub(crate) fn place() -> impl Strategy<Value = (Space, Vec<f64>)> {
    space().prop_flat_map(|space| {
        let dimensions = space.dimensions().len();
        (Just(space), vec(0.0..=1.0_f64, dimensions))
    })
}

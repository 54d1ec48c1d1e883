//! Laws of the encoding, over every type, scale, step, prior and condition.

use super::*;
use crate::space::strategies;

/// Whether two values are as near as floats come after a round trip: to 1e-9 of the value or of the range.
fn is_close(domain: &Domain, given: &Value, back: &Value) -> bool {
    match (domain, given, back) {
        (Domain::Float(range), Value::Float(given), Value::Float(back)) if range.step().is_none() => {
            let size = match range.scale() {
                Scale::Linear => range.max() - range.min(),
                Scale::Log => given.abs(),
                Scale::ReverseLog => 1.0 - given,
            };
            (given - back).abs() <= 1e-9 * size.max(given.abs() * 1e-6)
        }
        _ => given == back,
    }
}

fn is_inside(domain: &Domain, value: &Value) -> bool {
    domain.normalise(value).as_ref() == Some(value)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

proptest! {
    #[test]
    fn a_value_comes_back_from_its_coordinates(domain in strategies::domain(), u in proptest::collection::vec(0.0..=1.0_f64, 4)) {
        let coordinates = &u[..domain.dimensions().len()];
        let value = domain.value(coordinates);
        prop_assert!(is_inside(&domain, &value), "{value:?}");
        let encoded = domain.coordinates(&value).unwrap();
        prop_assert!(encoded.iter().all(|u| (0.0..=1.0).contains(u)));
        let back = domain.value(&encoded);
        prop_assert!(is_close(&domain, &value, &back), "{value:?} {back:?} {domain:?}");
        // Encoding is a fixed point: the middle of the cell, whatever part of the cell was drawn.
        if domain.cardinality().is_some() {
            prop_assert_eq!(domain.coordinates(&back).unwrap(), encoded);
        }
    }

    #[test]
    fn more_is_never_less(domain in prop_oneof![strategies::float(), strategies::int()], u in 0.0..=1.0_f64, v in 0.0..=1.0_f64) {
        let (low, high) = (u.min(v), u.max(v));
        let (below, above) = (domain.value(&[low]), domain.value(&[high]));
        prop_assert!(number(&below) <= number(&above));
        let (low, high) = (domain.coordinates(&below).unwrap()[0], domain.coordinates(&above).unwrap()[0]);
        prop_assert!(low <= high);
    }

    #[test]
    fn the_ends_of_the_cube_are_the_ends_of_the_range(domain in prop_oneof![strategies::float(), strategies::int()]) {
        let (min, max) = match &domain {
            Domain::Float(range) => (Value::Float(range.min()), Value::Float(range.max())),
            Domain::Int(range) => (Value::Int(range.min()), Value::Int(range.max())),
            _ => unreachable!(),
        };
        prop_assert_eq!(domain.value(&[0.0]), min);
        prop_assert_eq!(domain.value(&[1.0]), max);
    }

    #[test]
    fn cells_meet_and_hold_their_own_level(domain in strategies::domain(), pick in any::<prop::sample::Index>()) {
        for (position, kind) in domain.dimensions().into_iter().enumerate() {
            let Some(levels) = kind.levels() else { continue };
            let level = pick.index(levels as usize) as u64;
            let (low, high) = domain.cell(position, level);
            prop_assert!(low < high);
            prop_assert_eq!(domain.level(position, 0.5 * (low + high)), level);
            prop_assert_eq!(low == 0.0, level == 0);
            prop_assert_eq!(high == 1.0, level + 1 == levels);
            if level + 1 < levels {
                prop_assert_eq!(domain.cell(position, level + 1).0, high);
            }
        }
    }

    #[test]
    fn no_coordinate_makes_a_value_outside(domain in strategies::domain(), u in any::<f64>()) {
        let coordinates = vec![u; domain.dimensions().len()];
        prop_assert!(is_inside(&domain, &domain.value(&coordinates)));
    }

    #[test]
    fn a_configuration_comes_back_from_its_point((space, u) in strategies::place()) {
        let configuration = space.decode(&u);
        prop_assert!(space.contains(&configuration), "{:?}", configuration);
        let point = space.encode(&configuration);
        let filled: Vec<f64> = point.iter().map(|u| u.unwrap_or(0.5)).collect();
        let back = space.decode(&filled);
        prop_assert_eq!(back.0.len(), configuration.0.len());
        for parameter in space.parameters() {
            let (given, back) = (configuration.get(parameter.name.as_str()), back.get(parameter.name.as_str()));
            prop_assert!(given.zip(back).is_none_or(|(given, back)| is_close(&parameter.domain, given, back)));
        }
        for ((d, dimension), direct) in space.dimensions().iter().enumerate().zip(space.point(&u)) {
            let has_value = configuration.get(space.parameters()[dimension.parameter].name.as_str()).is_some();
            prop_assert_eq!(point[d].is_some(), has_value);
            prop_assert_eq!(direct.is_some(), has_value);
            // Under a narrow prior the last digits of a value are many coordinates wide.
            prop_assert!(direct.zip(point[d]).is_none_or(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn inactive_coordinates_make_no_difference((space, u) in strategies::place(), other in 0.0..=1.0_f64) {
        let active = space.active(&u);
        let changed: Vec<f64> = (u.iter().zip(space.dimensions()))
            .map(|(u, dimension)| if active[dimension.parameter] { *u } else { other })
            .collect();
        prop_assert_eq!(space.decode(&changed), space.decode(&u));
    }

    #[test]
    fn every_configuration_is_counted_and_walked_through_once(space in strategies::space_of(strategies::small_domain(), 5)) {
        let mut walk = Enumeration::new(&space, 1);
        let mut seen = std::collections::BTreeSet::new();
        let mut steps: u128 = 0;
        while let Some(coordinates) = walk.coordinates() {
            let configuration = space.decode(coordinates);
            prop_assert!(space.contains(&configuration));
            seen.insert(serde_json::to_string(&configuration).unwrap());
            prop_assert_eq!(&Enumeration::from(&space, coordinates, 1), &walk);
            walk.advance(&space);
            steps += 1;
        }
        prop_assert_eq!(space.cardinality(), Some(steps));
        prop_assert_eq!(seen.len() as u128, steps);
    }

    #[test]
    fn defaults_and_whatever_completes_them_are_in_the_space((space, u) in strategies::place()) {
        prop_assert!(space.contains(&space.defaults()));
        prop_assert_eq!(space.complete(&BTreeMap::new()).unwrap(), space.defaults());
        let given: BTreeMap<String, Value> =
            space.decode(&u).0.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        let complete = space.complete(&given).unwrap();
        prop_assert!(given.iter().all(|(name, value)| complete.get(name) == Some(value)));
        prop_assert_eq!(complete.0.len(), given.len());
    }
}

/// Share of 20,000 evenly spread coordinates whose value satisfies a predicate.
fn share(domain: &Domain, holds: impl Fn(f64) -> bool) -> f64 {
    let draws = 20_000;
    let hits =
        (0..draws).filter(|k| holds(number(&domain.value(&[(f64::from(*k) + 0.5) / f64::from(draws)]))));
    hits.count() as f64 / f64::from(draws)
}

fn is_share(found: f64, expected: f64) {
    assert!((found - expected).abs() < 2e-3, "{found} is not {expected}");
}

#[test]
fn uniform_coordinates_cover_a_range_evenly_in_its_scale() {
    let linear = float(10.0, 20.0);
    is_share(share(&linear, |x| x < 12.5), 0.25);
    let log = Domain::Float(FloatDomain::new(1e-4, 1e-1, None, Scale::Log, Prior::Uniform).unwrap());
    is_share(share(&log, |x| x < 1e-3), 1.0 / 3.0);
    let reverse =
        Domain::Float(FloatDomain::new(0.0, 0.999, None, Scale::ReverseLog, Prior::Uniform).unwrap());
    is_share(share(&reverse, |x| x < 0.9), 1.0 / 3.0);
}

#[test]
fn every_whole_number_of_a_linear_range_is_as_likely() {
    let die = int(1, 6);
    for face in 1..=6 {
        is_share(share(&die, |x| x == f64::from(face)), 1.0 / 6.0);
    }
    let stepped = Domain::Int(IntDomain::new(32, 128, Some(32), Scale::Linear, Prior::Uniform).unwrap());
    is_share(share(&stepped, |x| x == 32.0), 0.25);
    is_share(share(&stepped, |x| x == 128.0), 0.25);
}

#[test]
fn whole_numbers_on_a_log_scale_are_rounded_from_half_below_to_half_above() {
    let units = Domain::Int(IntDomain::new(1, 100, None, Scale::Log, Prior::Uniform).unwrap());
    let width = (100.5_f64 / 0.5).ln();
    is_share(share(&units, |x| x == 1.0), (1.5_f64 / 0.5).ln() / width);
    is_share(share(&units, |x| x == 100.0), (100.5_f64 / 99.5).ln() / width);
}

#[test]
fn a_step_beyond_the_minimum_does_not_give_the_first_value_the_most() {
    let wide = Domain::Int(IntDomain::new(1, 1001, Some(100), Scale::Log, Prior::Uniform).unwrap());
    let width = (1051.0_f64 / 0.5).ln();
    is_share(share(&wide, |x| x == 1.0), (51.0_f64 / 0.5).ln() / width);
}

#[test]
fn a_normal_prior_has_its_quantiles() {
    let prior = Prior::Normal { mean: 0.0, sd: 1.0 };
    let bell = Domain::Float(FloatDomain::new(-5.0, 5.0, None, Scale::Linear, prior).unwrap());
    // One draw in a hundred is uniform over the range.
    is_share(share(&bell, |x| x < 0.0), 0.5);
    is_share(share(&bell, |x| x < 1.0), 0.99 * 0.841_345 + 0.01 * 0.6);
    is_share(share(&bell, |x| x < -2.0), 0.99 * 0.022_75 + 0.01 * 0.3);
    let log = Prior::Normal { mean: 1e-2, sd: std::f64::consts::LN_10 };
    let bell = Domain::Float(FloatDomain::new(1e-6, 1e2, None, Scale::Log, log).unwrap());
    is_share(share(&bell, |x| x < 1e-1), 0.99 * 0.841_345 + 0.01 * 0.625);
    let one =
        Domain::Int(IntDomain::new(0, 1, None, Scale::Linear, Prior::Normal { mean: 0.0, sd: 1.0 }).unwrap());
    // (Phi(0.5) - Phi(-0.5)) / (Phi(1.5) - Phi(-0.5))
    is_share(share(&one, |x| x == 0.0), 0.99 * 0.382_925 / 0.624_655 + 0.01 * 0.5);
}

#[test]
fn a_prior_however_narrow_leaves_every_value_within_reach() {
    let prior = Prior::Normal { mean: 0.1, sd: 1e-9 };
    let narrow = Domain::Float(FloatDomain::new(0.0, 1.0, None, Scale::Linear, prior).unwrap());
    for x in [0.0, 1e-3, 0.1, 0.5, 0.999, 1.0] {
        let u = narrow.coordinates(&Value::Float(x)).unwrap();
        assert!((number(&narrow.value(&u)) - x).abs() < 1e-9);
    }
}

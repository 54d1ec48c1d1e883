//! What constructors refuse and what they say, and the values people see.

use super::*;

fn refused(min: f64, max: f64, step: Option<f64>, scale: Scale) -> Vec<String> {
    said(FloatDomain::new(min, max, step, scale, Prior::Uniform))
}

fn refused_int(min: i64, max: i64, step: Option<i64>, scale: Scale) -> Vec<String> {
    said(IntDomain::new(min, max, step, scale, Prior::Uniform))
}

#[test]
fn a_range_must_go_up() {
    assert_eq!(
        refused(2.0, 1.0, None, Scale::Linear),
        ["min: must be less than max, but min is 2 and max is 1"]
    );
    assert_eq!(
        refused_int(3, 3, None, Scale::Linear),
        ["min: must be less than max, but min is 3 and max is 3; for a single value use type: fixed"]
    );
}

#[test]
fn numbers_must_be_finite() {
    assert_eq!(
        refused(f64::NAN, f64::INFINITY, Some(f64::NEG_INFINITY), Scale::Linear),
        ["min", "max", "step"].map(|field| format!("{field}: must be a finite number, not infinite or NaN"))
    );
    assert_eq!(
        refused(-1e308, 1e308, None, Scale::Linear).len(),
        1,
        "a range that overflows its own width is refused"
    );
}

#[test]
fn scales_say_what_range_they_need() {
    assert_eq!(
        refused(0.0, 1.0, None, Scale::Log),
        ["min: must be positive on a log scale, not 0; use a small positive one or scale: linear"]
    );
    assert_eq!(
        refused(-0.5, 1.0, None, Scale::ReverseLog),
        [
            "min: must be at least 0 on a reverse-log scale, not -0.5",
            "max: must be less than 1 on a reverse-log scale, not 1"
        ]
    );
    assert!(refused_int(0, 8, None, Scale::ReverseLog)[0].contains("allowed: linear, log"));
}

#[test]
fn a_step_must_divide_the_range() {
    assert_eq!(refused(0.0, 1.0, Some(0.0), Scale::Linear), ["step: must be positive, not 0"]);
    assert_eq!(refused_int(0, 10, Some(-2), Scale::Linear), ["step: must be positive, not -2"]);
    assert_eq!(
        refused(0.1, 1.0, Some(0.2), Scale::Linear),
        ["step: 0.2 does not divide the range from 0.1 to 1; the nearest max that it reaches is 1.1"]
    );
    assert_eq!(
        refused_int(32, 510, Some(32), Scale::Linear),
        ["step: 32 does not divide the range from 32 to 510; the nearest max that it reaches is 512"]
    );
    assert_eq!(
        refused_int(0, 9, Some(4), Scale::Linear),
        ["step: 4 does not divide the range from 0 to 9; the nearest max that it reaches is 8"]
    );
    assert_eq!(refused(0.0, 0.3, Some(0.5), Scale::Linear), ["step: 0.5 is larger than max - min, 0.3"]);
    assert!(refused_int(0, i64::MAX, None, Scale::Linear)[0].contains("more than 4294967296 values"));
    assert!(FloatDomain::new(0.1, 0.7, Some(0.1), Scale::Linear, Prior::Uniform).is_ok());
}

#[test]
fn a_normal_prior_needs_a_width_and_a_mean_inside() {
    let prior = Prior::Normal { mean: 3.0, sd: 0.0 };
    assert_eq!(
        said(FloatDomain::new(0.0, 1.0, None, Scale::Linear, prior)),
        [
            "distribution: the standard deviation must be a positive number, not 0",
            "distribution: the mean must be within min and max, 0 to 1, not 3"
        ]
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let prior = Prior::Normal { mean: 0.0, sd: -1.0 };
    let fields: Vec<String> = FloatDomain::new(0.0, -1.0, Some(-1.0), Scale::Log, prior)
        .unwrap_err()
        .into_iter()
        .map(|invalid| invalid.field)
        .collect();
    assert_eq!(fields, ["distribution", "min", "min", "step"]);
}

#[test]
fn choices_are_there_once_and_at_least_once() {
    assert_eq!(said(Domain::categorical(vec![], false)), ["values: is empty: give at least one value"]);
    assert_eq!(
        said(Domain::categorical(vec![Value::Int(1), text("a"), Value::Float(1.0)], true)),
        ["values[2]: 1.0 is there already, as values[0]; each value may be given once"]
    );
    assert_eq!(
        said(Domain::architecture(vec![texts(&["conv", "conv"]), vec![]])),
        [
            "positions[0][1]: conv is there already, as positions[0][0]; each value may be given once",
            "positions[1]: is empty: give at least one value"
        ]
    );
    assert_eq!(
        said(Domain::architecture(vec![])),
        ["positions: is empty: give at least one list of candidates"]
    );
}

#[test]
fn steps_are_read_as_they_were_written() {
    let tenths = Domain::Float(FloatDomain::new(0.1, 0.7, Some(0.1), Scale::Linear, Prior::Uniform).unwrap());
    let values: Vec<String> =
        (0..7).map(|k| tenths.value(&[(f64::from(k) + 0.5) / 7.0]).to_string()).collect();
    assert_eq!(values, ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"]);
    assert_eq!(tenths.normalise(&Value::Float(0.1 + 0.2)), Some(Value::Float(0.3)));
    assert_eq!(tenths.normalise(&Value::Float(0.35)), None);
}

#[test]
fn the_default_is_the_middle_of_the_range_in_its_scale() {
    let log = FloatDomain::new(1e-4, 1e-2, None, Scale::Log, Prior::Uniform).unwrap();
    assert!((log.middle() - 1e-3).abs() < 1e-15);
    let believed =
        FloatDomain::new(0.0, 1.0, None, Scale::Linear, Prior::Normal { mean: 0.2, sd: 0.1 }).unwrap();
    assert!((believed.middle() - 0.2).abs() < 1e-15);
    assert_eq!(IntDomain::new(1, 100, None, Scale::Log, Prior::Uniform).unwrap().middle(), 10);
    assert_eq!(IntDomain::new(32, 512, Some(32), Scale::Linear, Prior::Uniform).unwrap().middle(), 288);
    assert_eq!(choice(&["sgd", "adam"]).default_value(), text("sgd"));
    assert_eq!(Domain::categorical(texts(&["s", "m", "l"]), true).unwrap().default_value(), text("m"));
    let layers = Domain::architecture(vec![texts(&["conv3", "conv5"]), texts(&["pool"])]).unwrap();
    assert_eq!(layers.default_value(), Value::List(texts(&["conv3", "pool"])));
}

#[test]
fn whole_numbers_far_from_zero_lose_no_digits() {
    let far = int(i64::MAX - 3, i64::MAX);
    for value in [i64::MAX - 3, i64::MAX - 1, i64::MAX] {
        let u = far.coordinates(&Value::Int(value)).unwrap();
        assert_eq!(far.value(&u), Value::Int(value));
    }
    let widest = IntDomain::new(i64::MIN, i64::MAX, Some(i64::MAX), Scale::Linear, Prior::Uniform);
    assert!(said(widest)[0].contains("nearest max that it reaches is 9223372036854775806"));
}

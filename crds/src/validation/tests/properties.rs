//! What holds for every manifest.

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use super::{BASE, FULL};
use crate::validation::{Errors, parse_job, parse_value};

/// A parameter of any type that is right by construction.
fn parameter(name: String) -> impl Strategy<Value = Value> {
    let float = (-1e6..1e6f64, 1e-3..1e6f64)
        .prop_map(|(min, width)| json!({"type": "float", "min": min, "max": min + width}));
    let log = (1e-6..1.0f64, 2.0..1e6f64)
        .prop_map(|(min, factor)| json!({"type": "float", "min": min, "max": min * factor, "scale": "log"}));
    let int = (-1000..1000i64, 1..50i64, 1..20i64).prop_map(
        |(min, step, steps)| json!({"type": "int", "min": min, "max": min + step * steps, "step": step}),
    );
    let categorical = (1..6usize, any::<bool>())
        .prop_map(|(count, ordinal)| json!({"type": "categorical", "values": (0..count).collect::<Vec<_>>(), "ordinal": ordinal}));
    let fixed = prop_oneof![any::<i32>().prop_map(Value::from), "[a-z ]{0,8}".prop_map(Value::from)]
        .prop_map(|value| json!({"type": "fixed", "value": value}));
    let architecture = vec(1..4usize, 1..5)
        .prop_map(|counts| json!({"type": "architecture", "positions": counts.iter().map(|count| (0..*count).collect()).collect::<Vec<Vec<_>>>()}));
    prop_oneof![float, log, int, categorical, fixed, architecture].prop_map(move |mut parameter| {
        parameter["name"] = name.clone().into();
        parameter
    })
}

fn parameters() -> impl Strategy<Value = Vec<Value>> {
    (1..8usize).prop_flat_map(|count| (0..count).map(|at| parameter(format!("p{at}"))).collect::<Vec<_>>())
}

fn job() -> impl Strategy<Value = Value> {
    let budget = (1..1000u32, 1..50u32)
        .prop_map(|(max, parallelism)| json!({"maxTrials": max, "parallelism": parallelism}));
    let goal = prop_oneof![Just("minimize"), Just("maximize")];
    ("[a-z]([a-z0-9-]{0,61}[a-z0-9])?", parameters(), budget, goal, any::<u32>()).prop_map(|(name, parameters, budget, goal, seed)| {
        json!({
            "apiVersion": "temper.rs/v1alpha1",
            "kind": "TuningJob",
            "metadata": {"name": name},
            "spec": {
                "objectives": [{"metric": "loss", "goal": goal}],
                "parameters": parameters,
                "budget": budget,
                "seed": seed,
                "search": {"algorithm": "Random"},
                "trial": {"template": {"spec": {"containers": [{"name": "trial", "command": ["./train"]}]}}}
            }
        })
    })
}

/// Every place in a value, the root left out.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let path = format!("{here}/{key}");
        pointers(child, &path, found);
        found.push(path);
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[1], {"a": null}])),
    ]
}

fn is_worth_reading(errors: &Errors) -> bool {
    let paths: std::collections::BTreeSet<(&str, &str)> =
        errors.errors.iter().map(|error| (error.path.as_str(), error.message.as_str())).collect();
    !errors.errors.is_empty()
        && paths.len() == errors.errors.len()
        && errors.errors.iter().all(|error| !error.message.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_right_job_is_read_and_read_again_the_same(value in job()) {
        let job = parse_value(&value).map_err(|errors| TestCaseError::fail(errors.to_string()))?;
        prop_assert_eq!(job.settings.space.parameters().len(), value["spec"]["parameters"].as_array().map_or(0, Vec::len));
        prop_assert!(job.settings.points.iter().all(|point| job.settings.space.contains(point)));
        let text = serde_saphyr::to_string(&value).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let again = parse_job(&text).map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        prop_assert_eq!(&job.settings.space, &again.settings.space);
        prop_assert_eq!(job.trial, again.trial);
    }

    /// Whatever stands wherever: no panic, and either a job or errors that differ from each other.
    #[test]
    fn any_value_anywhere_is_understood_or_explained(changes in vec((any::<Index>(), anything()), 1..4)) {
        let mut value: Value = serde_saphyr::from_str(FULL).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for (place, new) in changes {
            let mut places = Vec::new();
            pointers(&value, "", &mut places);
            if let Some(old) = value.pointer_mut(place.get::<String>(&places)) {
                *old = new;
            }
        }
        if let Err(errors) = parse_value(&value) {
            prop_assert!(is_worth_reading(&errors), "{errors:#?}");
        }
    }

    /// Whatever becomes of the text: no panic, and every error has a place that exists.
    #[test]
    fn any_text_is_understood_or_explained(at in any::<Index>(), length in 0..20usize, new in "[ \\-a-z0-9:,.&*\\[\\]{}\"'|>#%@!\n\t]{0,6}") {
        let letters: Vec<char> = BASE.chars().collect();
        let at = at.index(letters.len());
        let end = (at + length).min(letters.len());
        let text: String = letters[..at].iter().copied().chain(new.chars()).chain(letters[end..].iter().copied()).collect();
        if let Err(errors) = parse_job(&text) {
            prop_assert!(is_worth_reading(&errors), "{errors:#?}");
            let lines = text.lines().count() as u64 + 1;
            for error in &errors.errors {
                prop_assert!(error.position.is_none_or(|place| place.line >= 1 && place.line <= lines && place.column >= 1), "{error:?}");
            }
        }
    }
}

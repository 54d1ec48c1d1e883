use serde_json::json;

use super::*;

fn read_with(given: &Value, flags: Flags) -> Result<Settings, Vec<String>> {
    Settings::read(given.as_object().unwrap().clone(), flags)
}

fn cnn(given: &Value) -> Result<Settings, Vec<String>> {
    read_with(given, Flags { model: Some(Family::Cnn), ..Flags::default() })
}

#[test]
fn a_name_may_be_spelt_in_any_case_and_by_its_aliases() {
    for name in ["learningRate", "learning_rate", "learning-rate", "LR", "lr"] {
        let settings = cnn(&json!({ name: 0.25 })).unwrap();
        assert!((settings.schedule.rate(2.5) - 0.25).abs() < 1e-12, "{name}");
    }
    let twice = cnn(&json!({"lr": 0.1, "learningRate": 0.2})).unwrap_err();
    assert_eq!(twice, ["parameter learningRate: given 2 times, as lr and learningRate"]);
}

#[test]
fn every_problem_is_told_at_once() {
    let problems = cnn(&json!({
        "learningRat": 0.1,
        "batchSize": 12.5,
        "dropout": 1.0,
        "optimizer": "adm",
        "schedule": 3,
        "augmentation": "flop",
        "nesterov": "perhaps",
        "zzz": 1,
    }))
    .unwrap_err();
    let text = problems.join("\n");
    assert_eq!(problems.len(), 8, "{text}");
    for part in [
        "learningRat: not known; did you mean learningRate?",
        "batchSize: 12.5 is not a whole number from 1 to 1048576",
        "dropout: 1.0 is not a number >= 0 < 1",
        "optimizer: \"adm\" is not one of sgd, adam, adamw; did you mean adam?",
        "schedule: 3 is not one of constant",
        "augmentation: \"flop\" is not none, or flip",
        "nesterov: \"perhaps\" is not true or false",
        "zzz: not known",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("zzz: not known;"), "nothing is near zzz");
}

#[test]
fn a_whole_float_is_a_whole_number_and_a_number_may_be_a_choice() {
    let settings = cnn(&json!({"width": 32.0, "kernel": 5, "layers": 4})).unwrap();
    assert_eq!(
        settings.architecture,
        Architecture::Cnn { width: 32, layers: 4, kernel: 5, hidden: 128, dropout: 0.0 }
    );
}

#[test]
fn a_parameter_of_another_model_is_without_effect() {
    let plain = cnn(&json!({})).unwrap();
    assert_eq!(cnn(&json!({"heads": 2, "patch": 7})).unwrap(), plain);
}

#[test]
fn the_model_may_itself_be_a_parameter_and_must_come_from_somewhere() {
    let settings =
        read_with(&json!({"model": "mlp"}), Flags { model: Some(Family::Cnn), ..Flags::default() }).unwrap();
    assert!(matches!(settings.architecture, Architecture::Mlp { .. }));
    let problems = read_with(&json!({}), Flags::default()).unwrap_err();
    assert_eq!(
        problems,
        ["no model: give --model or a parameter model, one of mlp, cnn, resnet, transformer"]
    );
}

#[test]
fn the_horizon_comes_from_the_flag_then_the_parameter_then_how_far_to_go() {
    let epochs = |given: &Value, epochs, run_to| {
        read_with(given, Flags { model: Some(Family::Mlp), epochs, run_to }).unwrap().epochs
    };
    assert_eq!(epochs(&json!({"epochs": 9}), Some(3), Some(1)), 3);
    assert_eq!(epochs(&json!({"epochs": 9}), None, Some(1)), 9);
    assert_eq!(epochs(&json!({}), None, Some(4)), 4);
    assert_eq!(epochs(&json!({}), None, None), EPOCHS);
}

#[test]
fn heads_must_divide_the_width() {
    let problems =
        read_with(&json!({"model": "transformer", "width": 30, "heads": 4}), Flags::default()).unwrap_err();
    assert_eq!(problems, ["parameter heads: 4 does not divide width 30"]);
}

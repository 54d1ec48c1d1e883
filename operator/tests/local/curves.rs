//! Curves of a job that was run, simulated.

use serde_json::Value;

use crate::world::{Job, Run, World};

/// Goes up and down again, and knows nothing of epochs.
const SCRIPT: &str = r#"
for k in 1 3 2; do awk -v x=$PARAM_x -v k=$k 'BEGIN { printf "{\"a\": %.6f, \"b\": %d}\n", x * k, k }'; done
"#;

fn temper(world: &World, arguments: &[&str]) -> Run {
    Run::of(&world.temper(arguments).output().unwrap()).exits(0)
}

/// What is the same however long things took.
fn trials(world: &World, store: &str) -> Vec<Value> {
    let trials = temper(world, &["trials", "-o", "json", "--store", store]).json();
    let kept = ["index", "state", "parameters", "metrics", "result", "best"];
    let what = |trial: &Value| {
        let reports = trial["reports"].as_array().unwrap();
        let reports =
            reports.iter().flat_map(|report| [report["resource"].clone(), report["metrics"].clone()]);
        kept.iter().map(|&name| trial[name].clone()).chain(reports).collect()
    };
    trials.as_array().unwrap().iter().map(what).collect()
}

#[test]
fn a_job_without_a_scheduler_is_simulated_as_it_was_run() {
    for strategy in ["latest", "best"] {
        let world =
            World::new(&Job { budget: "{maxTrials: 4, parallelism: 1}", script: SCRIPT, ..Job::default() });
        world.replace("goal: maximize", &format!("goal: maximize, strategy: {strategy}"));
        world.run(&[]).exits(0);
        temper(&world, &["export", "--reports", "--out", "curves.csv"]);
        temper(&world, &["simulate", "job.yaml", "--curves", "curves.csv"]);
        let run = trials(&world, ".temper/job");
        assert_eq!(run, trials(&world, ".temper/job-simulated"), "{strategy}");
        assert_eq!(run.len(), 4);

        // The same by hand, with what a table of one's own has.
        let rows = temper(&world, &["export", "--reports", "--store", ".temper/job"]).out;
        let mut table = "x,a,b\n".to_owned();
        for row in rows.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            table.push_str(&format!("{}\n", cells[3..].join(",")));
        }
        std::fs::write(world.path("table.csv"), table).unwrap();
        temper(&world, &["simulate", "job.yaml", "--curves", "table.csv", "--store", ".temper/by-hand"]);
        assert_eq!(run, trials(&world, ".temper/by-hand"), "{strategy}");
    }
}

#[test]
fn a_job_under_a_scheduler_is_simulated_as_it_was_run() {
    let world = World::new(&Job {
        budget: "{maxTrials: 9, parallelism: 1}",
        more: "  scheduler: {type: ASHA, max: 9, options: {mode: promotion}}",
        script: "for e in 1 2 3 4 5 6 7 8 9; do report $e $PARAM_x; done",
        ..Job::default()
    });
    world.run(&[]).exits(0);
    temper(&world, &["export", "--reports", "--out", "curves.csv"]);
    temper(&world, &["simulate", "job.yaml", "--curves", "curves.csv"]);
    assert_eq!(trials(&world, ".temper/job"), trials(&world, ".temper/job-simulated"));
}

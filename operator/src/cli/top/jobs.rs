//! All jobs of a cluster, or of one namespace of it.

use std::io::Write;

use kube::ResourceExt;
use temper_crds::TuningJob;

use super::fitted;
use crate::{
    cli::{
        Failure, Shell,
        cluster::Connection,
        output::{Cell, MISSING, Table},
        shell::style,
        store::now,
        trials::duration,
    },
    cluster::trouble,
    plan::Millis,
};

/// The jobs in about so many rows, those that run first, the newest of them on top; what keeps some from running below.
pub(super) fn picture(
    jobs: &[TuningJob],
    cluster: &Connection,
    all_namespaces: bool,
    shell: Shell,
    rows: usize,
) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let mut jobs: Vec<&TuningJob> = jobs.iter().collect();
    jobs.sort_by_key(|job| (is_over(job), std::cmp::Reverse(job.creation_timestamp())));
    if jobs.is_empty() {
        let place =
            if all_namespaces { String::new() } else { format!(" in namespace {}", cluster.namespace()) };
        writeln!(text, "no jobs{place}")?;
        return Ok(text);
    }
    let name = |job: &TuningJob| match job.namespace() {
        Some(namespace) if all_namespaces => format!("{namespace}/{}", job.name_any()),
        _ => job.name_any(),
    };
    let troubles: Vec<String> = jobs
        .iter()
        .filter(|job| !is_over(job))
        .filter_map(|job| Some(format!("{}: {}", name(job), first_line(&trouble(job)?))))
        .collect();
    // The heading, an empty line before the troubles, and one that says how many are left out.
    let told = troubles.len().min(rows / 3);
    let shown = jobs.len().min(rows.saturating_sub(5 + told).max(1));
    table(&jobs[..shown], all_namespaces, now()).print(&mut text)?;
    if shown < jobs.len() {
        writeln!(text, "and {} more", jobs.len() - shown)?;
    }
    if told > 0 {
        writeln!(text)?;
    }
    for trouble in &troubles[..told] {
        writeln!(text, "{}", fitted(trouble, shell, rows))?;
    }
    Ok(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn state(job: &TuningJob) -> &str {
    match &job.status {
        Some(status) if !status.state.is_empty() => &status.state,
        _ => "Pending",
    }
}

fn is_over(job: &TuningJob) -> bool {
    matches!(state(job), "Complete" | "Failed")
}

fn table(jobs: &[&TuningJob], all_namespaces: bool, now: Millis) -> Table {
    let columns = ["job", "status", "algorithm", "trials", "running", "failed", "best", "age"];
    let mut table = Table::new(all_namespaces.then_some("namespace").into_iter().chain(columns));
    for job in jobs {
        let style = match state(job) {
            "Complete" => style::GOOD,
            "Failed" | "Invalid" => style::ERROR,
            "Suspended" | "Pending" => style::DIM,
            _ => anstyle::Style::new(),
        };
        let status = job.status.as_ref();
        let text = |text: Option<&String>| {
            let text = text.filter(|text| !text.is_empty());
            Cell::from(text.map_or(MISSING, String::as_str))
        };
        let count = |count: Option<u32>| Cell::from(count.unwrap_or(0).to_string());
        let age = job.creation_timestamp().map_or(0, |created| {
            now.0.saturating_sub(u64::try_from(created.0.as_millisecond()).unwrap_or(0))
        });
        let mut cells: Vec<Cell> =
            all_namespaces.then(|| job.namespace().unwrap_or_default().into()).into_iter().collect();
        cells.extend([
            job.name_any().into(),
            Cell::styled(state(job), style),
            text(status.and_then(|status| status.search.as_ref()).map(|search| &search.algorithm)),
            text(status.map(|status| &status.progress)),
            count(status.map(|status| status.trials.running)),
            count(status.map(|status| status.trials.failed)),
            text(status.and_then(|status| status.best.as_ref()).map(|best| &best.objective)),
            duration(age).into(),
        ]);
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_job_has_a_row_whatever_is_known_of_it() {
        let spec = json!({"objectives": [{"metric": "accuracy", "goal": "maximize"}], "parameters": [],
            "trial": {"template": {}}});
        let job = |name: &str, status: serde_json::Value| -> TuningJob {
            serde_json::from_value(json!({
                "apiVersion": "temper.rs/v1alpha1", "kind": "TuningJob",
                "metadata": {"name": name, "namespace": "team", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": spec, "status": status,
            }))
            .unwrap()
        };
        let fresh = job("digits", serde_json::Value::Null);
        let known = job(
            "fashion",
            json!({"state": "Running", "progress": "12/40", "trials": {"running": 4, "failed": 1},
                "search": {"algorithm": "TPE"},
                "best": {"trial": "fashion-x-3", "index": 3, "objective": "0.93", "parameters": {}, "metrics": {}}}),
        );
        let mut text = Vec::new();
        let now = Millis(1_767_225_600_000 + 61_000);
        table(&[&known, &fresh], true, now).print(&mut text).unwrap();
        let text = String::from_utf8(anstream::adapter::strip_bytes(&text).into_vec()).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["team", "fashion", "Running", "TPE", "12/40", "4", "1", "0.93", "1m01s"]);
        assert_eq!(rows[2], ["team", "digits", "Pending", "-", "-", "0", "0", "-", "1m01s"]);
    }
}

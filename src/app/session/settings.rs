//! What is kept of the settings of a run, so that it is known again: by `--resume`, and by a search that is told of earlier runs.
//!
//! Invariant: what changes nothing that is measured is no setting.

use serde_json::Value;

use crate::config::plan::PlannedRun;

/// What there is to say of a command that is no cell of a grid file; its threads are those that it may use.
const OF_COMMAND: &[&str] =
    &["protocol", "run", "model", "threads", "axes", "metrics", "work", "command"];

/// What is kept of the settings of a run.
pub(super) fn settings(run: &PlannedRun) -> Result<Value, serde_json::Error> {
    let mut recorded = serde_json::json!({ "job": run.job, "stop": run.stop });
    if !run.limits.is_none() {
        recorded["limits"] = serde_json::to_value(&run.limits)?;
    }
    // Where data and models lie is no setting, nor what an axis or a metric is called: a moved checkout may resume.
    if let Some(job) = recorded["job"].as_object_mut() {
        job.remove("dataset_dir");
        let script = job.get_mut("model").and_then(|model| model.get_mut("script"));
        script.and_then(Value::as_object_mut).and_then(|script| script.remove("path"));
        job.remove("axis_labels");
        for metric in job.get_mut("metrics").and_then(Value::as_array_mut).into_iter().flatten() {
            metric["metric"].as_object_mut().and_then(|said| said.remove("label"));
        }
        if run.job.work.is_unset() {
            job.retain(|key, _| OF_COMMAND.contains(&key.as_str()));
        }
    }
    Ok(recorded)
}

//! `[objectives]`: the metrics that cells are compared by, and which way each is better.

use super::metrics;
use super::read::{self, Read};
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::Objective;
use crate::metric::{Better, MetricDef, MetricId, Source, find_among};

/// An objective and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Aimed {
    pub(super) def: &'static MetricDef,
    pub(super) better: Better,
    pub(super) place: Place,
}

/// The objectives alone.
pub(super) fn plain(aimed: &[Aimed]) -> Vec<Objective> {
    let objective = |aimed: &Aimed| Objective { metric: aimed.def.id.into(), better: aimed.better };
    aimed.iter().map(objective).collect()
}

/// Adds the metrics of a list, all with this goal; a single one needs no brackets.
pub(super) fn read(
    entry: &Entry,
    better: Better,
    own: &[MetricId],
    found: &mut Vec<Aimed>,
    problems: &mut Problems,
) -> Read<()> {
    let (best, fastest) = (MetricId::TestAccuracy, MetricId::ServeThroughput);
    let expected = format!("a list of metrics, such as [\"{best}\", \"{fastest}\"]");
    let items = read::texts(&entry.key, &entry.node, &expected)?.iter();
    found.extend(items.filter_map(|item| problems.ok(objective(&entry.key, better, own, item))));
    Ok(())
}

fn objective(key: &str, better: Better, own: &[MetricId], item: &Node) -> Read<Aimed> {
    let name = read::text(key, item, "the name of a metric in quotes")?;
    let def = find_among(name, own).ok_or_else(|| {
        let message = format!("unknown metric {} in [objectives]", item.value.shown());
        Problem::new(item.place, message).hint(metrics::full_name_hint(name, own))
    })?;
    if def.better.is_some_and(|known| known != better) {
        let (known, meant, done) = match better {
            Better::Lower => ("higher", "maximize", "minimized"),
            Better::Higher => ("lower", "minimize", "maximized"),
        };
        let message = format!("`{name}` is better the {known} it is, so it cannot be {done}");
        return Err(Problem::new(item.place, message).hint(format!("write {meant} = [\"{name}\"]")));
    }
    if def.better.is_none() && def.source == Source::Own {
        let message = format!("`{name}` has no direction");
        let word = if better == Better::Lower { "lower" } else { "higher" };
        let hint = format!(
            "write better = \"{word}\" in [metrics.{name}], or --set metrics.{name}.better={word}"
        );
        return Err(Problem::new(item.place, message).hint(hint));
    }
    Ok(Aimed { def, better, place: item.place })
}

/// Both goals as they could be written, with `between` them.
pub(super) fn example(between: &str) -> String {
    let (best, least) = (MetricId::TestAccuracy, MetricId::MemoryPeak);
    format!("maximize = [\"{best}\"]{between}minimize = [\"{least}\"]")
}

/// Reports metrics that are named twice, and a table that names none.
pub(super) fn check(aimed: &[Aimed], root: &Table, problems: &mut Problems) {
    for (at, Aimed { def, better, place }) in aimed.iter().enumerate() {
        if let Some(same) = aimed[..at].iter().find(|other| other.def.name == def.name) {
            let (name, key) =
                (def.name, if *better == Better::Higher { "maximize" } else { "minimize" });
            let message = if same.better == *better {
                format!("`{name}` is named twice in `{key}`")
            } else {
                format!("`{name}` cannot be both maximized and minimized")
            };
            problems.error(*place, message);
        }
    }
    let Some(Entry { node: Node { value: Value::Table(table), .. }, key_place, .. }) =
        root.get("objectives")
    else {
        return;
    };
    let mut entries = table.entries.iter();
    let is_empty =
        |entry: &Entry| matches!(&entry.node.value, Value::List(items) if items.is_empty());
    if entries.all(|entry| matches!(&*entry.key, "maximize" | "minimize") && is_empty(entry)) {
        problems.error_with(
            *key_place,
            "[objectives] names no metric",
            format!("for example {}", example(", ")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::objective::listed;

    fn objectives(body: &str) -> Result<String, String> {
        let mut problems = Problems::default();
        let body = format!("[objectives]\n{body}");
        let found = super::super::schema::settings_of(&body, &mut problems).objectives;
        let found = problems.check(Some(found)).map_err(|e| e.to_string())?;
        Ok(listed(&plain(&found)))
    }

    #[test]
    fn names_are_full_and_a_single_one_needs_no_brackets() {
        for (body, says) in [
            (
                "minimize = ['memory.peak']\nmaximize = ['test_accuracy', 'serve.throughput']",
                "maximize test_accuracy, serve.throughput; minimize memory.peak",
            ),
            ("minimize = 'cpu.time'", "minimize cpu.time"),
            ("maximize = []\nminimize = ['train_loss']", "minimize train_loss"),
        ] {
            assert_eq!(objectives(body), Ok(says.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_meant_says_why() {
        for (body, says) in [
            ("", "names no metric"),
            ("maximize = []\nminimize = []", "names no metric"),
            ("maximise = ['test_accuracy']", "did you mean `maximize`?"),
            ("maximize = ['test_acuracy']", "did you mean `test_accuracy`?"),
            ("maximize = ['memory']", "name one of memory.rss_mean, memory.peak"),
            ("maximize = ['latency_p99']", "did you mean `serve.latency_p99`?"),
            ("maximize = 3", "must be a list of metrics"),
            ("maximize = [3]", "the name of a metric in quotes, not 3"),
            ("minimize = ['cpu.time', 'cpu.time']", "named twice in `minimize`"),
            (
                "maximize = ['cpu.utilisation']\nminimize = ['cpu.utilisation']",
                "both maximized and minimized",
            ),
            ("minimize = ['train.throughput']", "is better the higher it is"),
            ("minimize = ['train.throughput']", "hint: write maximize = [\"train.throughput\"]"),
            ("maximize = ['memory.peak']", "hint: write minimize = [\"memory.peak\"]"),
        ] {
            let error = objectives(body).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
            assert_eq!(error.matches("error: ").count(), 1, "{error}");
        }
    }
}

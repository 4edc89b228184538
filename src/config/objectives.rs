//! `[objectives]`: the metrics that cells are compared by, and which way each is better.

use super::keys::Scope;
use super::metrics;
use super::problems::{Place, Problems};
use super::read::{self, Section};
use super::tree::{Node, Table, Value};
use crate::event::Objective;
use crate::metric::{self, Better, MetricDef};

const TABLE: &str = "objectives";

/// An objective and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Aimed {
    pub(super) def: &'static MetricDef,
    pub(super) better: Better,
    pub(super) place: Place,
}

/// The objectives alone.
pub(super) fn plain(aimed: &[Aimed]) -> Vec<Objective> {
    let objective =
        |aimed: &Aimed| Objective { metric: aimed.def.name.to_owned(), better: aimed.better };
    aimed.iter().map(objective).collect()
}

/// The objectives of a grid file, those to be maximized first; none where it has no `[objectives]`.
pub(super) fn read(root: &Table, problems: &mut Problems) -> Vec<Aimed> {
    let Some((table, place)) = read::table(root, TABLE, problems) else {
        return Vec::new();
    };
    let section = Section::new(Scope::Objectives, table, problems);
    let lists = [("maximize", Better::Higher), ("minimize", Better::Lower)];
    let lists = lists.map(|(key, better)| Some((key, better, section.get(key)?)));
    let mut found = Vec::new();
    let mut named = false;
    for (key, better, node) in lists.into_iter().flatten() {
        for item in items(key, node, problems) {
            named = true;
            found.extend(objective((key, better), item, &found, problems));
        }
    }
    // Another key, or a value of another type, has been reported.
    let understood = table.entries.iter().all(|entry| {
        let known = Scope::Objectives.keys().contains(&entry.key.as_str());
        known && matches!(entry.node.value, Value::List(_))
    });
    if !named && understood {
        problems.error_with(
            place,
            "[objectives] names no metric",
            "for example maximize = [\"test_accuracy\"], minimize = [\"memory.peak\"]",
        );
    }
    found
}

/// The names of a list; a single one needs no brackets.
fn items<'a>(key: &str, node: &'a Node, problems: &mut Problems) -> &'a [Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Text(_) => std::slice::from_ref(node),
        _ => {
            let expected = "a list of metrics, such as [\"test_accuracy\", \"serve.throughput\"]";
            read::wrong(key, expected, node, problems);
            &[]
        }
    }
}

fn objective(
    (key, better): (&str, Better),
    item: &Node,
    before: &[Aimed],
    problems: &mut Problems,
) -> Option<Aimed> {
    let name = read::text(key, item, "the name of a metric in quotes", problems)?;
    let Some(def) = metric::find(name) else {
        let message = format!("unknown metric {} in [objectives]", item.value.shown());
        problems.error_with(item.place, message, metrics::full_name_hint(name));
        return None;
    };
    if let Some(same) = before.iter().find(|other| other.def.name == def.name) {
        let message = if same.better == better {
            format!("`{name}` is named twice in `{key}`")
        } else {
            format!("`{name}` cannot be both maximized and minimized")
        };
        problems.error(item.place, message);
        return None;
    }
    Some(Aimed { def, better, place: item.place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::objective::listed;

    fn objectives(body: &str) -> Result<String, String> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), format!("[objectives]\n{body}"));
        let root = super::super::tree::parse_document(text, &mut problems).unwrap();
        let found = read(&root, &mut problems);
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
            ("maximize = ['cpu.time', 'cpu.time']", "named twice in `maximize`"),
            ("maximize = ['cpu.time']\nminimize = ['cpu.time']", "both maximized and minimized"),
        ] {
            let error = objectives(body).unwrap_err();
            assert!(error.contains(says), "{body}: {error}");
            assert_eq!(error.matches("error: ").count(), 1, "{error}");
        }
    }
}

//! `--set KEY=VALUE`: any key of the grid file, its value typed as TOML.

use super::schema::overridable;
use super::world::SetBy;
use crate::document::problems::{Place, Problems};
use crate::document::tree::{self, Entry, Node, Table, Value};

/// The option that sets any key.
const FLAG: &str = "--set";
/// Tables within tables that a key may reach into; `[worker] options` is the only free one.
const DEEPEST: usize = 16;

/// Every `KEY=VALUE` that a command line sets, with its option.
pub(super) fn all<'a>(
    set: &'a [String],
    by: Option<SetBy<'a>>,
) -> impl Iterator<Item = (&'static str, &'a String)> {
    let own = set.iter().map(|argument| (FLAG, argument));
    let by = by.into_iter().flat_map(|by| by.set.iter().map(move |argument| (by.flag, argument)));
    own.chain(by)
}

/// Puts every one on top of the file, a later one over an earlier one.
pub(super) fn apply<'a>(
    root: &mut Table,
    set: impl Iterator<Item = (&'static str, &'a String)>,
    problems: &mut Problems,
) {
    for (flag, argument) in set {
        let text = problems.add_argument(format!("{flag} {argument}"));
        apply_one(root, &Argument { flag, said: argument, text }, problems);
    }
}

/// Whether any of them changes `table`.
pub(super) fn touches<'a>(
    mut set: impl Iterator<Item = (&'static str, &'a String)>,
    table: &str,
) -> bool {
    set.any(|(_, argument)| {
        let key = argument.split('=').next().unwrap_or_default();
        key.split('.').next().map(str::trim) == Some(table)
    })
}

/// One `KEY=VALUE`, its option, and where both stand.
struct Argument<'a> {
    flag: &'static str,
    said: &'a str,
    text: usize,
}

fn apply_one(root: &mut Table, of: &Argument<'_>, problems: &mut Problems) {
    let &Argument { flag, said: argument, text } = of;
    let lead = flag.len() + 1;
    let at = |from: usize, to: usize| Place { text, span: Some((lead + from, lead + to)) };
    let Some((path, raw)) = argument.split_once('=') else {
        problems.error_with(
            at(0, argument.len()),
            format!("{flag} needs KEY=VALUE"),
            format!("for example {flag} grid.batch_size=[32,128]"),
        );
        return;
    };
    let key_place = at(0, path.len());
    let keys: Vec<&str> = path.split('.').map(str::trim).collect();
    if keys.len() > DEEPEST || keys.iter().any(|key| !is_bare_key(key)) {
        problems.error_with(
            key_place,
            format!("{flag} needs a key of the grid file before the `=`"),
            format!("for example {flag} train.epochs=20"),
        );
        return;
    }
    let start = path.len() + 1;
    let blank = raw.len() - raw.trim_start().len();
    let scalar = Scalar { text, offset: lead + start + blank };
    if raw.trim().is_empty() {
        problems.error(at(0, argument.len()), format!("{flag} needs a value after the `=`"));
        return;
    }
    if let Some(node) = scalar.value(raw.trim(), problems) {
        insert(root, &keys, key_place, node, problems);
        outrank_overrides(root, &keys);
    }
}

/// What the command line says is the last word: an `[[override]]` of the file no longer speaks of that key.
fn outrank_overrides(root: &mut Table, keys: &[&str]) {
    let settings = keys.first().is_some_and(|key| overridable().any(|table| table == *key));
    let Some(entry) = root.get_mut("override").filter(|_| settings) else {
        return;
    };
    if let Value::List(overrides) = &mut entry.node.value {
        for node in overrides {
            if let Value::Table(table) = &mut node.value {
                forget(table, keys);
                if let ["constraints", name @ ..] = keys {
                    // The same metric, its name written as one key.
                    forget(table, &["constraints", &name.join(".")]);
                }
            }
        }
    }
}

fn forget(table: &mut Table, keys: &[&str]) {
    match keys {
        [] => {}
        [key] => table.entries.retain(|entry| entry.key != *key),
        [key, rest @ ..] => {
            if let Some(inner) = table.table_mut(key) {
                forget(inner, rest);
            }
        }
    }
}

fn is_bare_key(key: &str) -> bool {
    !key.is_empty()
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Where an argument's value stands.
pub(super) struct Scalar {
    pub(super) text: usize,
    pub(super) offset: usize,
}

impl Scalar {
    /// TOML, or a word without quotes: a shell takes quotes away, so `cnn` and `[mlp,cnn]` have to do.
    pub(super) fn value(&self, raw: &str, problems: &mut Problems) -> Option<Node> {
        let error = match tree::parse_value(raw, self.text, self.offset, problems) {
            Ok(node) => return Some(node),
            Err(error) => error,
        };
        let place = Place { text: self.text, span: Some((self.offset, self.offset + raw.len())) };
        let quoted = |text: &str| text.contains(['"', '\'', '{', '[', ']', '}']);
        if !quoted(raw) {
            let value = Value::Text(raw.to_owned());
            return Some(Node { value, place });
        }
        let inner = raw.strip_prefix('[').and_then(|raw| raw.strip_suffix(']'));
        if let Some(inner) = inner.filter(|inner| !quoted(inner)) {
            let value = Value::List(self.words(inner, problems)?);
            return Some(Node { value, place });
        }
        tree::report_syntax(&error, self.text, self.offset, problems);
        None
    }

    fn words(&self, inner: &str, problems: &mut Problems) -> Option<Vec<Node>> {
        let mut offset = self.offset + 1;
        let mut nodes = Vec::new();
        for part in inner.split(',') {
            let lead = part.len() - part.trim_start().len();
            let word = Self { text: self.text, offset: offset + lead };
            if !part.trim().is_empty() {
                nodes.push(word.value(part.trim(), problems)?);
            }
            offset += part.len() + 1;
        }
        Some(nodes)
    }
}

fn insert(table: &mut Table, keys: &[&str], key_place: Place, node: Node, problems: &mut Problems) {
    let Some((key, rest)) = keys.split_first() else {
        return;
    };
    if table.get(key).is_none() {
        let empty = Value::Table(Table::default());
        table.entries.push(Entry {
            key: (*key).to_owned(),
            key_place,
            node: Node { value: empty, place: key_place },
        });
    }
    let Some(entry) = table.get_mut(key) else {
        return;
    };
    if rest.is_empty() {
        entry.key_place = key_place;
        entry.node = node;
        return;
    }
    match &mut entry.node.value {
        Value::Table(inner) => insert(inner, rest, key_place, node, problems),
        Value::List(_) => problems.error_with(
            key_place,
            format!("`{key}` is a list, and an argument cannot set one item"),
            format!("give the whole list: '{key}=[{{...}}]'"),
        ),
        _ => problems
            .error(key_place, format!("`{key}` is a value, so it has no key `{}`", rest.join("."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(argument: &str) -> Result<String, String> {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), "name = \"n\"\n[grid]\nmodel = \"mlp\"\n".into());
        let mut root = tree::parse_document(text, &mut problems).unwrap();
        apply(&mut root, all(&[argument.to_owned()], None), &mut problems);
        problems.check(Some(())).map_err(|error| error.to_string())?;
        let key = argument.split('=').next().unwrap();
        let mut table = &root;
        let mut shown = String::new();
        for part in key.split('.') {
            match &table.get(part.trim()).unwrap().node.value {
                Value::Table(inner) => table = inner,
                Value::List(items) => {
                    shown =
                        format!("{:?}", items.iter().map(|i| i.value.shown()).collect::<Vec<_>>());
                }
                other => shown = other.shown(),
            }
        }
        Ok(shown)
    }

    #[test]
    fn values_are_toml_or_plain_words() {
        for (argument, expected) in [
            ("grid.model=cnn", "\"cnn\""),
            ("grid.model=\"cnn\"", "\"cnn\""),
            ("grid.batch_size = 32", "32"),
            ("grid.batch_size=[32,128]", "[\"32\", \"128\"]"),
            ("grid.model=[mlp, cnn]", "[\"\\\"mlp\\\"\", \"\\\"cnn\\\"\"]"),
            ("grid.model=[]", "[]"),
            ("stop.within=2%", "\"2%\""),
            ("stop.max_time=10s", "\"10s\""),
            ("train.learning_rate=1e-3", "0.001"),
            ("stop.enabled=false", "false"),
            ("name=x", "\"x\""),
        ] {
            assert_eq!(set(argument).as_deref(), Ok(expected), "{argument}");
        }
    }

    #[test]
    fn a_mistake_is_shown_with_the_option_that_has_it() {
        let mut problems = Problems::default();
        let text = problems.add_file("f".into(), "name = \"n\"\n".into());
        let mut root = tree::parse_document(text, &mut problems).unwrap();
        let by = SetBy { flag: "--set-b", set: &["grid.model=".to_owned()] };
        apply(&mut root, all(&["name=x".to_owned()], Some(by)), &mut problems);
        let error = problems.check(Some(())).unwrap_err().to_string();
        assert!(error.contains("--set-b needs a value"), "{error}");
        assert!(error.contains("   | --set-b grid.model=\n   |         ^^^^^^^^^^^"), "{error}");
    }

    #[test]
    fn mistakes_point_into_the_argument() {
        for (argument, says) in [
            ("grid.model", "KEY=VALUE"),
            ("=3", "a key of the grid file"),
            ("a..b=3", "a key of the grid file"),
            ("grid.model=", "needs a value"),
            ("grid.model=[\"mlp\"", "not TOML"),
            ("name.x=3", "`name` is a value"),
        ] {
            let error = set(argument).unwrap_err();
            assert!(error.contains(says), "{argument}: {error}");
            assert!(error.contains("  --> command line\n"), "{error}");
            assert!(error.contains("   | --set "), "{error}");
        }
    }
}

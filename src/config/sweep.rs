//! The axes of `perftune exec -L` and the commands that hold them, as the tables of a grid file that they stand for.
//!
//! Only `{NAME}` of an axis that is given is a placeholder: commands are full of braces that are not ours (`find -exec {}`, JSON,
//! awk), and nobody has to double those.

use std::collections::HashSet;
use std::rc::Rc;

use super::own;
use super::set::Scalar;
use super::template::{CommandModel, Part, Placeholder, Word};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::{Entry, Node, Table, Value};
use crate::event::{AXES, Axis, AxisValue, ENV, Hooks, NO_DATA, axis};

/// The longest name that is made of a command, in bytes.
const LONGEST_NAME: usize = 64;

/// The axes of each `-L`, with their values as lists.
pub(super) fn axes(given: &[String], problems: &mut Problems) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut rest = given.iter();
    while let Some(written) = rest.next() {
        // `-L NAME=VALUES`, or as hyperfine has it, `-L NAME VALUES`.
        let (name, values) = match written.split_once('=') {
            Some((name, values)) => (name, Some(values)),
            None => (&**written, rest.next().map(String::as_str)),
        };
        let body = format!("-L {name}={}", values.unwrap_or_default());
        let text = problems.add_argument(body);
        let key_place = Place { text, span: Some((3, 3 + name.len().max(1))) };
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            let message = "an axis is a name and its values";
            problems.error_with(key_place, message, "for example -L batch=16,32");
            continue;
        };
        if let Some(problem) = refused(name, key_place) {
            problems.push(problem);
        } else if found.iter().any(|entry| entry.key == name) {
            let message = format!("there are two axes `{name}`");
            problems.error_with(key_place, message, format!("write -L {name}=... with all values"));
        } else if let Some(node) = list(name, values, text, problems) {
            found.push(Entry { key: name.to_owned(), key_place, node });
        }
    }
    found
}

/// Why a command has no such axis, if so. A built-in one is like any other but for those that say which command it is, and on
/// what.
fn refused(name: &str, place: Place) -> Option<Problem> {
    match AXES.iter().position(|def| def.key == name) {
        Some(at) if [Axis::MODEL, Axis::DATASET].map(Axis::index).contains(&at) => {
            let message = format!("`{name}` cannot be an axis of a command");
            let hint = "a command brings its own data: give the axis another name";
            Some(Problem::new(place, message).hint(hint))
        }
        Some(_) => None,
        None => own::why_not(name).map(|why| {
            let message = format!("`{}` cannot be an axis of your own", shown(name));
            Problem::new(place, message).hint(why)
        }),
    }
}

/// The values of an axis. Those of a built-in one are read as in a grid file. Of others they are numbers where each reads back as
/// it was written: a command is told `3.10` and `1e-3`, not `3.1` and `0.001`.
fn list(name: &str, written: &str, text: usize, problems: &mut Problems) -> Option<Node> {
    let offset = 3 + name.len() + 1;
    let mut items = Vec::new();
    for (value, from, to) in split(written) {
        let place = Place { text, span: Some((offset + from, offset + to.max(from + 1))) };
        if value.is_empty() {
            let hint = "leave the comma out; `\\,` is a comma within a value";
            problems.error_with(place, format!("`{name}` has an empty value"), hint);
            return None;
        }
        items.push(Node { value: Value::Text(value), place });
    }
    let place = Place { text, span: Some((offset, offset + written.len())) };
    if AXES.iter().any(|def| def.key == name) {
        let value = |item: &Node| {
            let Value::Text(raw) = &item.value else { return Some(item.clone()) };
            let offset = item.place.span.map_or(offset, |(from, _)| from);
            Scalar { text, offset }.value(raw, problems)
        };
        let items = items.iter().map(value).collect::<Option<Vec<Node>>>()?;
        return Some(Node { value: Value::List(items), place });
    }
    let numbers: Option<Vec<Value>> = items.iter().map(|item| number(&item.value)).collect();
    for (item, number) in items.iter_mut().zip(numbers.into_iter().flatten()) {
        item.value = number;
    }
    Some(Node { value: Value::List(items), place })
}

/// The values between the commas, and where each stands; `\,` is a comma, and `\\` a backslash.
fn split(written: &str) -> Vec<(String, usize, usize)> {
    let (mut found, mut value, mut from) = (Vec::new(), String::new(), 0);
    let mut chars = written.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let escaped = |(_, next): &(usize, char)| c == '\\' && matches!(next, ',' | '\\');
        if let Some((_, next)) = chars.next_if(escaped) {
            value.push(next);
        } else if c == ',' {
            found.push((std::mem::take(&mut value), from, at));
            from = at + 1;
        } else {
            value.push(c);
        }
    }
    found.push((value, from, written.len()));
    found
}

/// The number that a text is and is shown as.
fn number(value: &Value) -> Option<Value> {
    let Value::Text(text) = value else { return None };
    let whole = text.parse().ok().map(|value| (Value::Integer(value), AxisValue::Whole(value)));
    let any = || text.parse().ok().filter(|value: &f64| value.is_finite());
    let any = || any().map(|value| (Value::Float(value), AxisValue::Number(value)));
    let (number, told) = whole.or_else(any)?;
    (told.to_string() == *text).then_some(number)
}

/// A command whose words hold these axes, and what is run around it.
pub(super) fn command(
    name: &str,
    words: &[String],
    hooks: &Hooks<String>,
    axes: &[Entry],
) -> CommandModel {
    let all = |words: &[String]| words.iter().map(|word| parts(word, axes)).collect();
    let (name, words, hooks) = (name.to_owned(), all(words), hooks.with(all));
    CommandModel { name, words, hooks, steps: true, bare: true }
}

/// The words of a flag's text, parted as a shell does it, though no shell sees them.
pub(super) fn words(
    flag: &str,
    written: &str,
    text: usize,
    problems: &mut Problems,
) -> Vec<String> {
    let found = shlex::split(written).unwrap_or_default();
    if found.is_empty() {
        let place = Place { text, span: Some((flag.len() + 1, flag.len() + 1 + written.len())) };
        let message = format!("{flag} needs a command, its quotes in pairs");
        let hint = "give a program and its arguments; run shell syntax with sh -c '...'";
        problems.error_with(place, message, hint);
    }
    found
}

/// The parts of a word: `{NAME}` is an axis, `{{NAME}}` the text `{NAME}`, and every other brace itself.
fn parts(word: &str, axes: &[Entry]) -> Word {
    let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), word);
    // The axis in braces that a text begins with, and what follows.
    let named = |text: &'_ str| {
        let inner = text.strip_prefix('{')?;
        let (name, after) = inner.split_once('}')?;
        let found = axes.iter().find(|axis| axis.key == name)?;
        Some((found, text.len() - after.len()))
    };
    while let Some(c) = rest.chars().next() {
        let doubled = rest.strip_prefix('{').and_then(named);
        if let Some((_, length)) = doubled.filter(|(_, length)| rest[1 + length..].starts_with('}'))
        {
            text.push_str(&rest[1..=length]);
            rest = &rest[length + 2..];
        } else if let Some((axis, length)) = named(rest) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Placeholder(Placeholder::Axis(axis.key.clone()), axis.key_place));
            rest = &rest[length..];
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// Reports axes that no command uses, and warns of braces that hold nearly the name of one. `texts`: those that the commands were
/// written in.
pub(super) fn check(
    axes: &[Entry],
    commands: &[Rc<CommandModel>],
    texts: &[usize],
    problems: &mut Problems,
) {
    let keys = || axes.iter().map(|axis| &*axis.key);
    let mut near: Vec<(&str, String, Place)> = Vec::new();
    for text in texts {
        let body = problems.body(*text);
        for (at, _) in body.match_indices('{') {
            let name = body[at + 1..].split('}').next().unwrap_or("");
            // Of two braces the first is no beginning of a name: `{{n}}` is the text `{n}`.
            let is_name = !name.starts_with('{') && !keys().any(|key| key == name);
            let key = suggest::nearest(name, keys()).filter(|_| is_name);
            let place = Place { text: *text, span: Some((at, at + name.len() + 2)) };
            near.extend(key.map(|key| (key, name.to_owned(), place)));
        }
    }
    for axis in axes.iter().filter(|axis| !axis.key.starts_with(ENV)) {
        let key = &axis.key;
        if commands.iter().any(|command| command.names(key)) {
            continue;
        }
        let message =
            format!("nothing uses the axis `{key}`: there is no {{{key}}} in the command");
        let hint = match near.iter().find(|(meant, ..)| meant == key) {
            Some((_, name, _)) => {
                format!("did you mean {{{key}}} where the command has {{{name}}}?")
            }
            None => format!("write {{{key}}} where its value goes, or leave it out"),
        };
        problems.error_with(axis.key_place, message, hint);
    }
    for (key, name, place) in near {
        let message =
            format!("{{{name}}} is not an axis and stays as it is: did you mean {{{key}}}?");
        problems.warn(place, message);
    }
}

/// `[grid]` and each `[[when]]` that these commands and axes stand for: an axis is given to the commands that use it.
pub(super) fn tables(
    names: &[Node],
    commands: &[Rc<CommandModel>],
    axes: &[Entry],
) -> (Table, Vec<Node>) {
    let whole = Place::default();
    let node = |value| Node { value, place: whole };
    let entry = |key: &str, node: Node| Entry { key: key.to_owned(), key_place: node.place, node };
    let models = entry("model", node(Value::List(names.to_vec())));
    let mut grid =
        Table { entries: vec![models, entry("dataset", node(Value::Text(NO_DATA.to_owned())))] };
    let mut whens = Vec::new();
    for axis in axes {
        let has = |(_, command): &(&Node, &Rc<CommandModel>)| command.names(&axis.key);
        let users: Vec<Node> =
            names.iter().zip(commands).filter(has).map(|(name, _)| name.clone()).collect();
        if users.len() == names.len() || axis.key.starts_with(ENV) {
            own::put(&mut grid, &axis.key, axis.clone());
            continue;
        }
        let mut given = Table::default();
        own::put(&mut given, &axis.key, axis.clone());
        let wanted = Table { entries: vec![entry("model", node(Value::List(users)))] };
        let tables = [("match", wanted), ("grid", given)];
        let entries = tables.map(|(key, table)| entry(key, node(Value::Table(table)))).to_vec();
        whens.push(node(Value::Table(Table { entries })));
    }
    (grid, whens)
}

/// What commands are called that nobody has named: the program and its first argument, and as many more as tell them apart.
pub(super) fn names(commands: &[&[String]]) -> Vec<String> {
    let longest = commands.iter().map(|words| words.len()).max().unwrap_or(0);
    let all = |more| commands.iter().map(|words| name(words, more)).collect::<Vec<_>>();
    let differ = |names: &Vec<String>| names.iter().collect::<HashSet<_>>().len() == names.len();
    (0..longest.max(1)).map(all).find(differ).unwrap_or_else(|| {
        let numbered = |(at, name): (usize, String)| {
            let end = format!("-{}", at + 1);
            cut(&name, LONGEST_NAME - end.len()).to_owned() + &end
        };
        all(0).into_iter().enumerate().map(numbered).collect()
    })
}

/// `python3-train.py`: the program, then the next word if it is no option and can be a name, or so many `more` words.
fn name(words: &[String], more: usize) -> String {
    let file = |word: &str| word.rsplit('/').next().unwrap_or(word).to_owned();
    let plain = |word: &&String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
        word.chars().all(is_plain) && file(word).contains(|c: char| c.is_ascii_alphabetic())
    };
    let mut arguments = words.iter().skip(1);
    let first = arguments.clone().find(|word| !word.starts_with('-')).filter(plain);
    let named: Vec<&String> = match more {
        0 => first.into_iter().collect(),
        _ => arguments.by_ref().take(more).collect(),
    };
    let program = words.first().map_or("", String::as_str);
    let parts = [program].into_iter().chain(named.into_iter().map(String::as_str));
    let parts = parts.map(|word| axis::safe_name(file(word).trim_start_matches('-')));
    let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return "command".to_owned();
    }
    cut(&parts.join("-"), LONGEST_NAME).to_owned()
}

/// The beginning of a name, which is ASCII.
pub(super) fn cut(name: &str, longest: usize) -> &str {
    &name[..name.len().min(longest)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn values_stand_between_commas_that_are_not_escaped() {
        for (written, values) in [
            ("16,32", &["16", "32"][..]),
            ("a\\,b,c", &["a,b", "c"]),
            ("a\\\\,b", &["a\\", "b"]),
            ("\\d+,x", &["\\d+", "x"]),
            ("a\\", &["a\\"]),
            ("a,,b,", &["a", "", "b", ""]),
        ] {
            let found: Vec<String> = split(written).into_iter().map(|(value, ..)| value).collect();
            assert_eq!(found, values, "{written}");
        }
    }

    #[test]
    fn values_are_numbers_only_where_all_read_back_as_written() {
        for (written, numbers) in [
            ("16,32", true),
            ("0.5,-1,2", true),
            ("3.9,3.10", false),
            ("1e-3,1e-2", false),
            ("+1", false),
            ("01", false),
            ("inf", false),
            ("1,x", false),
        ] {
            let node = list("a", written, 0, &mut Problems::default()).unwrap();
            let all = node.items().iter().all(|item| item.value.number().is_some());
            assert_eq!(all, numbers, "{written}");
        }
    }

    fn axis(key: &str) -> Entry {
        let place = Place::default();
        let node = Node { value: Value::List(Vec::new()), place };
        Entry { key: key.to_owned(), key_place: place, node }
    }

    fn told(word: &str) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(Placeholder::Axis(key), _) => format!("<{key}>"),
            Part::Placeholder(..) => unreachable!(),
        };
        parts(word, &[axis("a"), axis("env.B")]).iter().map(part).collect()
    }

    #[test]
    fn only_axes_that_are_given_are_placeholders() {
        for (word, expected) in [
            ("--x={a}", "--x=<a>"),
            ("{a}{a}é{env.B}", "<a><a>é<env.B>"),
            ("{{a}}", "{a}"),
            ("{{{a}}}", "{{a}}"),
            ("{}", "{}"),
            ("{b}{a", "{b}{a"),
            ("{\"a\": {a}}", "{\"a\": <a>}"),
            ("{ print $1 }", "{ print $1 }"),
            ("{{ x }}", "{{ x }}"),
            ("", ""),
        ] {
            assert_eq!(told(word), expected, "{word}");
        }
    }

    #[test]
    fn names_tell_commands_apart() {
        for (lines, expected) in [
            (&["sleep 1"][..], &["sleep"][..]),
            (&["python3 a.py"], &["python3-a.py"]),
            (&["python3 -u dir/a.py --x 1"], &["python3-a.py"]),
            (&["./tools/job"], &["job"]),
            (&["/usr/bin/env"], &["env"]),
            (&["./run {impl}"], &["run"]),
            (&["find . -name x"], &["find"]),
            (&[""], &["command"]),
            (&["a x", "a y"], &["a-x", "a-y"]),
            (&["a", "b"], &["a", "b"]),
            (&["py a --x 1", "py a --x 2"], &["py-a-x-1", "py-a-x-2"]),
            (&["a", "a"], &["a-1", "a-2"]),
        ] {
            let all: Vec<Vec<String>> = lines.iter().map(|line| words(line)).collect();
            let all: Vec<&[String]> = all.iter().map(Vec::as_slice).collect();
            assert_eq!(names(&all), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_words_have_safe_names_that_differ(lines in prop::collection::vec(prop::collection::vec(".{0,12}", 1..5), 1..5)) {
            let all: Vec<&[String]> = lines.iter().map(Vec::as_slice).collect();
            let found = names(&all);
            prop_assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len());
            for name in found {
                prop_assert!(!name.is_empty() && name.len() <= LONGEST_NAME);
                prop_assert_eq!(axis::safe_name(&name), name);
            }
        }

        #[test]
        fn values_join_again(values in prop::collection::vec("[a-z,\\\\é]{0,6}", 1..6)) {
            let written: Vec<String> =
                values.iter().map(|value| value.replace('\\', "\\\\").replace(',', "\\,")).collect();
            let found: Vec<String> =
                split(&written.join(",")).into_iter().map(|(value, ..)| value).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn a_word_without_axes_stays_as_it_is(word in ".{0,30}") {
            let parts = parts(&word, &[]);
            prop_assert_eq!(parts, vec![Part::Text(word)]);
        }
    }
}

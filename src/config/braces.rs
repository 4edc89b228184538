//! Settings of the cell in braces: in the words of a command, and in the names of files.

use super::own;
use super::read::Read;
use super::template::{Part, Placeholder, Word, Written, written};
use crate::document::problems::{Place, Problem, Problems, shown};
use crate::document::suggest;
use crate::document::tree::Node;
use crate::event::AxisList;

/// A text with settings in it.
pub(super) fn parts(word: &str, node: &Node, axes: &AxisList, problems: &Problems) -> Read<Word> {
    let (found, rest) = written(word);
    let part = |part| match part {
        Written::Text(text) => Ok(Part::Text(text)),
        Written::Braces(braces) => {
            let place = within(node, braces, problems);
            placeholder(&braces[1..braces.len() - 1], place, axes)
        }
    };
    let parts = found.into_iter().map(part).collect::<Read<Word>>()?;
    let Some(rest) = rest else {
        return Ok(parts);
    };
    let brace = &rest[..1];
    let message = format!("a single `{brace}`");
    let hint = format!("write `{brace}{brace}` for a literal one");
    Err(Problem::new(within(node, rest, problems), message).hint(hint))
}

fn placeholder(name: &str, place: Place, axes: &AxisList) -> Read<Part> {
    if let Some(placeholder) = Placeholder::find(name, axes) {
        return Ok(Part::Placeholder(placeholder, place));
    }
    let names = Placeholder::names(axes);
    let message = format!("no axis fills `{{{}}}`", shown(name));
    let hint = match (suggest::nearest(name, names.iter().copied()), own::why_not(name)) {
        (Some(found), _) => format!("did you mean `{{{found}}}`?"),
        (None, None) => {
            format!("write {name} = [...] in [grid]; `{{{{` is a literal brace")
        }
        (None, Some(_)) => format!("there are {}; `{{{{` is a literal brace", names.join(", ")),
    };
    Err(Problem::new(place, message).hint(hint))
}

/// Where a part of a text stands; the whole text where it is written in another way there.
fn within(node: &Node, part: &str, problems: &Problems) -> Place {
    let Some((from, to)) = node.place.span else {
        return node.place;
    };
    let written = problems.body(node.place.text).get(from..to).unwrap_or("");
    // The last: doubled braces and settings that are known stand before it.
    let Some(at) = written.rfind(part) else {
        return node.place;
    };
    let span = Some((from + at, from + at + part.len()));
    Place { text: node.place.text, span }
}

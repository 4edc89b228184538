//! Which arrays of a file are the samples and which the labels, by the names that people give them.

use crate::dataset::files::Arrays;
use crate::dataset::manifest::ArrayPair;
use crate::document::suggest;

const SAMPLES: &[&str] = &["x", "X", "images", "data", "features"];
const LABELS: &[&str] = &["y", "Y", "labels", "label", "target", "targets"];

/// What to write where the names do not tell.
const HELP: &str = "write which ones: arrays = { x = \"...\", y = \"...\" }";

/// The arrays that are meant: those that `dataset.toml` names, else those whose names tell.
pub(super) fn pick(names: &[&str], written: Option<&Arrays>) -> Result<Arrays, String> {
    let Some(written) = written else {
        return told(names);
    };
    let pairs = match written {
        Arrays::Both(pair) => vec![pair],
        Arrays::Parts { train, test } => vec![train, test],
    };
    for name in pairs.iter().flat_map(|pair| [&pair.x, &pair.y]) {
        if !names.contains(&name.as_str()) {
            let hint = suggest::hint(name, names, "its arrays are");
            return Err(format!("has no array `{name}`, which `arrays` names; {hint}"));
        }
    }
    Ok(written.clone())
}

fn told(names: &[&str]) -> Result<Arrays, String> {
    let both = pair(names, "")?;
    let parts = pair(names, "train")?.zip(pair(names, "test")?);
    match (both, parts) {
        (Some(pair), None) => Ok(Arrays::Both(pair)),
        (None, Some((train, test))) => Ok(Arrays::Parts { train, test }),
        (Some(_), Some(_)) => Err(format!("{}: {HELP}", holds(names))),
        (None, None) if names.is_empty() => Err("holds no arrays".to_owned()),
        (None, None) => {
            let what = "none of which are called x and y, or x_train, y_train, x_test and y_test";
            Err(format!("{}, {what}: {HELP}", holds(names)))
        }
    }
}

fn holds(names: &[&str]) -> String {
    format!("holds the arrays {}", suggest::listed(names))
}

/// The samples and the labels of a part, where both are there.
fn pair(names: &[&str], part: &str) -> Result<Option<ArrayPair>, String> {
    let called = |known: &[&str]| -> Vec<String> {
        let forms = known.iter().flat_map(|name| match part {
            "" => vec![(*name).to_owned()],
            _ => vec![format!("{name}_{part}"), format!("{part}_{name}")],
        });
        forms.filter(|form| names.contains(&form.as_str())).collect()
    };
    match (&called(SAMPLES)[..], &called(LABELS)[..]) {
        ([x], [y]) => Ok(Some(ArrayPair { x: x.clone(), y: y.clone() })),
        ([], _) | (_, []) => Ok(None),
        _ => Err(format!("{}, of which several may be meant: {HELP}", holds(names))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_is_meant_or_it_is_asked() {
        for (names, says) in [
            (&["y", "x"][..], "x y"),
            (&["X", "labels", "notes"], "X labels"),
            (&["x_train", "y_train", "x_test", "y_test"], "x_train y_train, x_test y_test"),
            (
                &["train_images", "train_labels", "val_images", "test_images", "test_labels"],
                "train_images train_labels, test_images test_labels",
            ),
            (&["data", "target", "images"], "of which several may be meant"),
            (&["x", "y", "x_train", "y_train", "x_test", "y_test"], "write which ones"),
            (&["a", "b"], "holds the arrays a, b, none of which are called x and y"),
            (&["x_train", "y_train"], "none of which are called x and y"),
            (&[], "holds no arrays"),
        ] {
            let found = match pick(names, None) {
                Ok(Arrays::Both(pair)) => format!("{} {}", pair.x, pair.y),
                Ok(Arrays::Parts { train, test }) => {
                    format!("{} {}, {} {}", train.x, train.y, test.x, test.y)
                }
                Err(why) => why,
            };
            assert!(found.contains(says), "{names:?}: {found}");
        }
        let written = Arrays::Both(ArrayPair { x: "a".to_owned(), y: "label".to_owned() });
        let why = pick(&["a", "labels"], Some(&written)).unwrap_err();
        assert_eq!(why, "has no array `label`, which `arrays` names; did you mean `labels`?");
    }
}

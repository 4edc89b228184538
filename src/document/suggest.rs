//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that a person most likely meant, if any is near.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Long words are no typing mistakes of short names, and edit distance is quadratic.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    let score = |candidate: &str| {
        let edits = strsim::osa_distance(&lower, candidate);
        let allowed = (candidate.chars().count() / 3).max(1);
        // A common beginning counts for more in long names: `step_latency` for `step_latncy_p95`.
        let alike = strsim::jaro_winkler(&lower, candidate);
        (edits <= allowed || alike >= 0.9).then_some((edits, alike))
    };
    candidates
        .into_iter()
        .filter_map(|candidate| Some((score(candidate)?, candidate)))
        .min_by(|((edits_a, alike_a), _), ((edits_b, alike_b), _)| {
            edits_a.cmp(edits_b).then(alike_b.total_cmp(alike_a))
        })
        .map(|(_, candidate)| candidate)
}

/// The hint for an unknown name: the nearest one, or all there are.
pub(crate) fn hint(word: &str, candidates: &[&str], all: &str) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(found) => format!("did you mean `{found}`?"),
        None if candidates.is_empty() => format!("{all}: none"),
        None => format!("{all}: {}", listed(candidates)),
    }
}

/// Names for a sentence, a long list cut short. One that would pass for two, or for none, is quoted.
pub(crate) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 24;
    let shown = names.iter().take(SHOWN).map(|name| match name.trim() {
        plain if plain == *name && !plain.is_empty() && !plain.contains(',') => plain.to_owned(),
        _ => format!("{name:?}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text = format!("{text}, and {} more", names.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_pass_for_two_is_quoted() {
        let names = ["digits", "yes, of course", "", " no"];
        assert_eq!(listed(&names), r#"digits, "yes, of course", "", " no""#);
        assert_eq!(
            hint("maybe", &["no", "yes, sir"], "the classes are"),
            r#"the classes are: no, "yes, sir""#
        );
    }

    #[test]
    fn typing_mistakes_are_found_and_other_words_are_not() {
        let names = ["learning_rate", "batch_size", "model", "mlp", "cnn", "digits"];
        for (word, expected) in [
            ("learning_rat", Some("learning_rate")),
            ("Learning_Rate", Some("learning_rate")),
            ("batchsize", Some("batch_size")),
            ("modle", Some("model")),
            ("ccn", Some("cnn")),
            ("digit", Some("digits")),
            ("transformer", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1000), names), None);
    }
}

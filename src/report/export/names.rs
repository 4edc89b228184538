//! Names of a format that lacks characters or takes short ones only: two that become the same are told apart by a number.

use std::collections::HashMap;

/// The names that are in use, and whose each is.
#[derive(Debug, Default)]
pub struct Names {
    owners: HashMap<String, String>,
    /// The longest that the format takes, in bytes.
    most: Option<usize>,
}

impl Names {
    /// No name is longer than so many bytes.
    pub fn at_most(bytes: usize) -> Self {
        Self { most: Some(bytes), ..Self::default() }
    }

    /// The name of this owner: `stem` and `suffix`, or with a number between them where another one has that.
    pub fn of(&mut self, owner: &str, stem: &str, suffix: &str) -> String {
        let mut number = 1;
        loop {
            let end = match number {
                1 => suffix.to_owned(),
                _ => format!("_{number}{suffix}"),
            };
            let room = self.most.map_or(stem.len(), |most| most.saturating_sub(end.len()));
            let name = stem[..stem.floor_char_boundary(room)].to_owned() + &end;
            match self.owners.get(&name) {
                Some(other) if other != owner => number += 1,
                Some(_) => return name,
                None => {
                    self.owners.insert(name.clone(), owner.to_owned());
                    return name;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_keeps_its_name_and_shares_it_with_nobody() {
        let mut names = Names::default();
        assert_eq!(names.of("a.b", "a_b", "_s"), "a_b_s");
        assert_eq!(names.of("a/b", "a_b", "_s"), "a_b_2_s");
        assert_eq!(names.of("a-b", "a_b", "_s"), "a_b_3_s");
        assert_eq!(names.of("a/b", "a_b", "_s"), "a_b_2_s");
    }

    #[test]
    fn a_long_name_is_cut_and_still_nobody_elses() {
        let mut names = Names::at_most(8);
        assert_eq!(names.of("a", "seconds", "_s"), "second_s");
        assert_eq!(names.of("b", "seconds", "_s"), "seco_2_s");
        assert_eq!(names.of("b", "seconds", "_s"), "seco_2_s");
        assert_eq!(names.of("c", "\u{fc}\u{fc}\u{fc}\u{fc}", "_s"), "\u{fc}\u{fc}\u{fc}_s");
        assert_eq!(names.of("d", "short", ""), "short");
    }
}

//! Names of a format that lacks characters: two that become the same are told apart by a number.

use std::collections::HashMap;

/// The names that are in use, and whose each is.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// The name of this owner: `stem` and `suffix`, or with a number between them where another one has that.
    pub fn of(&mut self, owner: &str, stem: &str, suffix: &str) -> String {
        let mut number = 1;
        loop {
            let name = match number {
                1 => format!("{stem}{suffix}"),
                _ => format!("{stem}_{number}{suffix}"),
            };
            match self.0.get(&name) {
                Some(other) if other != owner => number += 1,
                Some(_) => return name,
                None => {
                    self.0.insert(name.clone(), owner.to_owned());
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
}

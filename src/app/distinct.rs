//! Each of several things once, and what belongs to it.
//!
//! Nothing is sorted. Invariant: the order is always that of the first appearance, which is the order of the plan.

/// The items in the order of their first appearance.
pub(super) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

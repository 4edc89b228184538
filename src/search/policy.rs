//! What the user asks of a search.

/// How the next cell is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Any cell that was not visited yet.
    Random,
    /// Cells drawn by chance, of which the better half is visited again, and again.
    Halving,
    /// That of which a model of what was seen promises most.
    Bayes,
}

/// A search instead of all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchPolicy {
    /// How the next cell is chosen.
    pub method: Method,
    /// The most runs, repeats among them; absent where time alone ends it.
    pub trials: Option<u32>,
    /// Whether time ends it, so that a visit is worth what it brings for each second.
    pub is_timed: bool,
    /// Whether a training ends as soon as its accuracy cannot reach any more what decides.
    pub prunes: bool,
    /// Of the first cells, and of those that are looked at where there are too many.
    pub seed: u64,
}

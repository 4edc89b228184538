//! What the user asks of a search.

/// How the next cell is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Any cell that was not visited yet.
    Random,
    /// That of which a model of what was seen promises most.
    Bayes,
}

/// A search instead of all cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchPolicy {
    /// How the next cell is chosen.
    pub method: Method,
    /// The most runs, repeats among them.
    pub trials: u32,
}

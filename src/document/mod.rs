//! A TOML file that a person wrote: its keys and values with their places, and what is wrong with them.
//!
//! The text is parsed into a tree that knows the place of every key and value (`tree`), whose values are read one by one
//! (`value`): that is what gives each mistake a place, a caret and a suggestion, and lets one pass report all of them
//! (`problems`). Which keys there are is left to those whose file it is: the grid (`config`) and the manifests of data sets
//! (`dataset`).

mod error;
pub(crate) mod problems;
pub(crate) mod suggest;
pub(crate) mod tree;
pub(crate) mod value;

pub use error::{ConfigError, Diagnostic, Excerpt};

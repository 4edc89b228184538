//! Why a use case ended without its result.
//!
//! How it is printed is left to `cli`. Invariant: the error says what is wrong, the hints what to do about it.

use std::error::Error;

/// Something that ends a use case, with what the user can do about it.
#[derive(Debug)]
pub struct Fault {
    /// What went wrong, with its causes.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do, one sentence each.
    pub hints: Vec<String>,
}

impl Fault {
    /// A fault that is only a message.
    pub fn new(message: impl Into<String>) -> Self {
        message.into().into()
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self { error: error.into(), hints: Vec::new() }
    }
}

/// An error with its causes in one line, none said twice.
pub fn error_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

//! Why a text is no rule.

/// Why a text is no rule, or a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// No such rule.
    #[error("`{name}` is not a stopping rule")]
    Unknown {
        /// What was written.
        name: String,
    },
    /// No such parameter.
    #[error("the rule `{rule}` has no parameter `{name}`")]
    UnknownParam {
        /// The rule.
        rule: &'static str,
        /// What was written.
        name: String,
    },
    /// Not `name=value`.
    #[error("`{text}` after `{rule}:` is not NAME=VALUE")]
    Shape {
        /// The rule.
        rule: &'static str,
        /// What was written.
        text: String,
    },
    /// A parameter is given twice.
    #[error("`{name}` of the rule `{rule}` is given twice")]
    Twice {
        /// The rule.
        rule: &'static str,
        /// The parameter.
        name: &'static str,
    },
    /// A value that the parameter cannot have.
    #[error("`{name}` of the rule `{rule}` must be {says}, not `{text}`")]
    Value {
        /// The rule.
        rule: &'static str,
        /// The parameter.
        name: &'static str,
        /// What is allowed.
        says: String,
        /// What was written.
        text: String,
    },
    /// The rule cannot judge what has not happened yet.
    #[error(
        "the rule `{rule}` knows the future: it needs the whole recording, so it cannot stop a run; it is for `perftune replay`"
    )]
    NeedsFuture {
        /// The rule.
        rule: &'static str,
    },
}

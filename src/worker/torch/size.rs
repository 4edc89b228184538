//! Sizes as libtorch counts them.

/// A size as libtorch counts it; no tensor has more elements than `i64::MAX`.
pub(super) fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

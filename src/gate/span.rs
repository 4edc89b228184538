//! Over how long stored sessions are spread.

use super::index::SideIndex;
use super::narrow::Narrow;
use super::stored::SESSIONS;

/// Stored sessions of less than this, in seconds, say little of the next week: they vary less than the next one will.
pub const SPAN_S: i64 = 2 * 24 * 3600;

/// Why so many stored sessions are not as good as their number, if they are not.
pub(super) fn narrow(baseline: &SideIndex<'_>) -> Option<Narrow> {
    let sessions = baseline.sessions.len();
    if sessions < SESSIONS {
        return None;
    }
    let second = |id: &&str| {
        let mut sessions = baseline.side.sessions.iter();
        let session = sessions.find(|session| session.id == **id)?;
        let time: jiff::Timestamp = session.created.parse().ok()?;
        Some(time.as_second())
    };
    let times: Option<Vec<i64>> = baseline.sessions.iter().map(second).collect();
    let Some(times) = times else {
        return Some(Narrow { sessions, dated: false });
    };
    let span = times.iter().max()? - times.iter().min()?;
    (span < SPAN_S).then_some(Narrow { sessions, dated: true })
}

//! A series in one line of a terminal.

use crate::report::html::Trace;

/// Levels of a line, from the lowest.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The largest value of each of `width` equal stretches of the time up to `end_s`, between 0 and the largest of all, which is
/// told too. Between readings it goes straight on; a gap of the series is empty.
pub(super) fn spark(trace: &Trace, end_s: f64, width: usize) -> Option<(String, f64)> {
    let mut most = vec![f64::NEG_INFINITY; width];
    for piece in trace.pieces() {
        let mut last: Option<(usize, f64)> = None;
        for (t_s, value) in piece {
            let at = place(t_s / end_s, width);
            let (from, before) = last.unwrap_or((at, value));
            for between in from..=at {
                let share = (between - from) as f64 / (at - from).max(1) as f64;
                let here = if between == at { value } else { before + (value - before) * share };
                if let Some(cell) = most.get_mut(between) {
                    *cell = cell.max(here);
                }
            }
            last = Some((at, value));
        }
    }
    let top = most.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return None;
    }
    let level = |value: f64| {
        if !value.is_finite() {
            return ' ';
        }
        let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
        LEVELS[place(share, LEVELS.len())]
    };
    Some((most.into_iter().map(level).collect(), top))
}

/// Which of `count` equal parts a share falls into; 1 and more into the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and one that is no number becomes 0"
)]
pub(super) fn place(share: f64, count: usize) -> usize {
    ((share * count as f64) as usize).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_as_high_as_its_values() {
        let mut trace = Trace::default();
        for (t_s, value) in
            [(0.0, 0.0), (1.0, 4.0), (1.5, 2.0), (3.0, 8.0), (f64::NAN, 0.0), (7.5, 8.0)]
        {
            trace.push(t_s, value);
        }
        assert_eq!(spark(&trace, 8.0, 8), Some(("▁▅▆█   █".to_owned(), 8.0)));
        assert_eq!(spark(&Trace::default(), 4.0, 4), None);
        assert_eq!(spark(&trace, 4.0, 0), None);
        let mut zero = Trace::default();
        zero.push(0.0, 0.0);
        assert_eq!(spark(&zero, 0.0, 3), Some(("▁  ".to_owned(), 0.0)));
    }
}

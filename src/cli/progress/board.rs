//! The live display as text: where the grid stands, where the current run stands, what is still open.
//!
//! Drawing it is left to its parent. Invariant: a pure function of the events and the time, with no line longer than the
//! width.

use std::fmt::Write;

use crate::app::Expected;
use crate::cli::output::cut;
use crate::event::{OpenMetric, Progress, RunEvent, RunEventKind, RunStatus, Why};
use crate::report::layout::counted;
use crate::report::so_far::SoFar;
use crate::report::words;
use crate::units;

/// Runs side by side of which each has a line.
const MOST_SHOWN: usize = 8;

/// What the display knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    expected: Expected,
    /// Runs of those that are expected.
    done: usize,
    /// Runs of the rounds before.
    before: usize,
    failed: usize,
    /// The runs in flight, in the order in which they were started.
    current: Vec<Current>,
    /// What a search has found so far.
    so_far: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Current {
    run: String,
    started_s: f64,
    progress: Option<Progress>,
}

impl Board {
    /// So many runs will be started.
    pub fn expect(&mut self, expected: Expected) {
        // A round is counted for itself.
        if matches!(expected, Expected::InRound { .. }) {
            self.before += std::mem::take(&mut self.done);
        }
        self.expected = expected;
    }

    /// A search has found this so far.
    pub fn found(&mut self, so_far: &SoFar) {
        self.so_far = Some(so_far.line());
    }

    /// Takes an event in that happened `now_s` after the start.
    pub fn event(&mut self, event: &RunEvent, now_s: f64) {
        match &event.kind {
            RunEventKind::Started { .. } => {
                let run = event.run.clone();
                self.current.push(Current { run, started_s: now_s, progress: None });
            }
            RunEventKind::Progress(progress) => {
                let of_run = |current: &&mut Current| current.run == event.run;
                if let Some(current) = self.current.iter_mut().find(of_run) {
                    current.progress = Some(progress.clone());
                }
            }
            RunEventKind::Ended(record) => {
                self.done += 1;
                self.failed += usize::from(record.status == RunStatus::Failed);
                self.current.retain(|current| current.run != event.run);
            }
            RunEventKind::Worker(_)
            | RunEventKind::Sample(_)
            | RunEventKind::Asked { .. }
            | RunEventKind::Stderr(_)
            | RunEventKind::Warning(_) => {}
        }
    }

    /// Three lines of at most `width` characters, four of a search; of runs side by side a line each.
    pub fn lines(&self, width: usize, now_s: f64) -> Vec<String> {
        let mut lines = vec![self.grid_line(width, now_s)];
        lines.extend(self.so_far.as_ref().map(|line| cut(line, width)));
        if let [_, _, ..] = &self.current[..] {
            let shown = self.current.iter().take(MOST_SHOWN);
            lines.extend(shown.map(|current| run_line(current, width, now_s)));
            let more = self.current.len().saturating_sub(MOST_SHOWN);
            lines.extend((more > 0).then(|| cut(&format!("and {more} more"), width)));
            return lines;
        }
        let current = self.current.first();
        lines.push(current.map(|current| run_line(current, width, now_s)).unwrap_or_default());
        let progress = current.and_then(|current| current.progress.as_ref());
        lines.push(progress.map(|progress| metrics_line(progress, width)).unwrap_or_default());
        lines
    }

    /// How many lines there are without those of a search.
    pub fn height(&self) -> usize {
        1 + self.current.len().clamp(2, MOST_SHOWN + 1)
    }

    fn grid_line(&self, width: usize, now_s: f64) -> String {
        let failed =
            if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let total = self.expected.runs().map(|runs| runs.max(self.done));
        let (round, about, of) = match self.expected {
            Expected::InAll(_) => (String::new(), "about ", ""),
            Expected::InRound { round, .. } => {
                (format!("round {round}: "), "about ", " in the round")
            }
            Expected::Within(_) => (String::new(), "at most ", ""),
        };
        let count = match total {
            Some(total) => format!("{round}{}/{total} runs{failed}", self.done),
            None => counted(self.done, "run") + &failed,
        };
        let left = self.left_s(now_s);
        let left =
            left.map_or_else(String::new, |left| format!(", {about}{} left{of}", whole(left)));
        let time = format!("{}{left}", whole(now_s));
        let room = width.saturating_sub(count.chars().count() + time.chars().count() + 6);
        if room < 10 {
            return cut(&format!("{count}, {time}"), width);
        }
        let room = room.min(40);
        let full = match (total, self.expected) {
            (None, Expected::Within(budget)) => {
                let share = (now_s / budget.as_secs_f64()).clamp(0.0, 1.0);
                (0..room).filter(|at| ((at + 1) as f64) <= share * room as f64).count()
            }
            (total, _) => (self.done * room).checked_div(total.unwrap_or(0)).unwrap_or(0),
        };
        format!("{count}  [{}{}]  {time}", "#".repeat(full), "-".repeat(room - full))
    }

    /// Time left: what there is of it, or if the other runs take as long as those before them; cells differ, so it is a rough
    /// figure.
    fn left_s(&self, now_s: f64) -> Option<f64> {
        if let Expected::Within(budget) = self.expected {
            return Some((budget.as_secs_f64() - now_s).max(0.0).round());
        }
        // Of several in flight, all of which are a part done, only the pace is known.
        let started_s = match &self.current[..] {
            [current] => current.started_s,
            _ => now_s,
        };
        let (all, total) = (self.before + self.done, self.expected.runs()?);
        if all == 0 || self.done >= total {
            return None;
        }
        let each = started_s / all as f64;
        let left = each * (total - self.done) as f64 - (now_s - started_s);
        Some(left.max(1.0).round())
    }
}

/// Seconds without a fraction: a figure that is redrawn ten times a second need not flicker.
fn whole(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.0} s");
    }
    units::elapsed(seconds)
}

fn run_line(current: &Current, width: usize, now_s: f64) -> String {
    let mut parts = Vec::new();
    match &current.progress {
        Some(progress) => {
            parts.extend(progress.stage.map(|stage| stage.to_string()));
            parts.extend(progress.epoch.map(|(epoch, budget)| format!("epoch {epoch}/{budget}")));
            let rate = progress.throughput.filter(|rate| rate.is_finite());
            parts.extend(rate.map(|rate| {
                format!("{} samples", units::rate(rate)).replace("/s samples", " samples/s")
            }));
        }
        None => parts.push("starting".to_owned()),
    }
    parts.push(whole(now_s - current.started_s));
    let said = parts.join(", ");
    // What happens matters more than the whole of a long name.
    let name = cut(&current.run, width.saturating_sub(said.chars().count() + 2).max(8));
    cut(&format!("{name}  {said}"), width)
}

/// `known 4/7; open: step_latency_p50 ±7.1% -> 5%, memory.peak growing`.
fn metrics_line(progress: &Progress, width: usize) -> String {
    let total = progress.known + progress.open.len();
    if total == 0 {
        return String::new();
    }
    let mut line = format!("known {}/{total}", progress.known);
    for (at, metric) in progress.open.iter().enumerate() {
        let separator = if at == 0 { "; open: " } else { ", " };
        let next = format!("{separator}{}", open_text(metric));
        let after = progress.open.len() - at - 1;
        let rest = if after > 0 { format!(", +{after} more").chars().count() } else { 0 };
        if line.chars().count() + next.chars().count() + rest > width {
            let more = after + 1;
            let (separator, word) = if at == 0 { ("; ", "open") } else { (", +", "more") };
            let _ = write!(line, "{separator}{more} {word}");
            break;
        }
        line.push_str(&next);
    }
    cut(&line, width)
}

/// A metric of the current stage needs no word for the stage.
fn open_text(metric: &OpenMetric) -> String {
    let name = metric.name.strip_prefix("train.").or_else(|| metric.name.strip_prefix("serve."));
    let name = name.unwrap_or(&metric.name);
    let Some(reached) = metric.reached.filter(|reached| reached.is_finite()) else {
        return format!("{name} {}", words::open(&metric.why));
    };
    let why = match &metric.why {
        Why::Wide => String::new(),
        why => format!(" ({})", words::open(why)),
    };
    format!(
        "{name} ±{} -> {}{why}",
        units::rough_percent(reached),
        units::rough_percent(metric.wanted)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Num, Stage};
    use crate::report::fixtures::{completed, failed, job};
    use proptest::prelude::*;
    use std::time::Duration;

    fn event(kind: RunEventKind) -> RunEvent {
        RunEvent { run: "cnn-satellite".to_owned(), index: 0, kind }
    }

    fn started() -> RunEvent {
        event(RunEventKind::Started {
            job: Box::new(job("cnn", "satellite")),
            t_ns: 0,
            bars: Vec::new(),
        })
    }

    fn open(name: &str, reached: Option<f64>, why: Why) -> OpenMetric {
        OpenMetric { name: name.to_owned(), reached, wanted: 0.05, why }
    }

    fn training() -> Progress {
        Progress {
            stage: Some(Stage::Train),
            epoch: Some((3, 10)),
            throughput: Some(12_345.6),
            known: 3,
            open: vec![
                open("train.step_latency_p50", Some(0.0712), Why::Wide),
                open("memory.peak", None, Why::Growing { per_s: Num(1.0) }),
                open(
                    "train.throughput",
                    Some(0.123),
                    Why::Trend { share: Num(0.1), of_mean: false },
                ),
                open("cpu.utilisation", None, Why::TooFew),
            ],
        }
    }

    /// Three of nine runs are over, one of them failed; the fourth trains since 12 s.
    fn board() -> (Board, f64) {
        let mut board = Board::default();
        board.expect(Expected::InAll(9));
        for record in [completed(), failed(), completed()] {
            board.event(&started(), 20.0);
            board.event(&event(RunEventKind::Ended(Box::new(record))), 30.0);
        }
        board.event(&started(), 30.0);
        board.event(&event(RunEventKind::Progress(training())), 42.0);
        (board, 42.0)
    }

    #[test]
    fn the_display_fits_each_width() {
        let (board, now) = board();
        let shown = [120, 79, 60, 40, 20].map(|width| {
            let lines = board.lines(width, now);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{width}: {lines:#?}");
            format!("{width}:\n{}\n", lines.join("\n"))
        });
        insta::assert_snapshot!("board", shown.join("\n"));
    }

    #[test]
    fn the_display_follows_the_run() {
        let mut board = Board::default();
        let mut shown = Vec::new();
        let mut show = |board: &Board, now: f64| shown.push(board.lines(79, now).join("\n"));
        show(&board, 0.0);
        board.expect(Expected::InAll(2));
        board.event(&started(), 0.1);
        show(&board, 0.4);
        let serving = Progress {
            stage: Some(Stage::Serve(1)),
            epoch: None,
            throughput: None,
            known: 0,
            open: vec![open("serve.latency_p50", None, Why::WarmingUp)],
        };
        board.event(&event(RunEventKind::Progress(serving)), 1.0);
        show(&board, 1.0);
        let known = Progress { known: 7, open: Vec::new(), ..training() };
        board.event(&event(RunEventKind::Progress(known)), 8.0);
        show(&board, 8.0);
        board.event(&event(RunEventKind::Ended(Box::new(completed()))), 9.0);
        show(&board, 9.0);
        board.event(&started(), 9.0);
        board.event(&event(RunEventKind::Ended(Box::new(completed()))), 75.0);
        show(&board, 75.0);
        board.expect(Expected::InRound { round: 2, runs: 2 });
        show(&board, 75.0);
        board.event(&started(), 75.0);
        board.event(&event(RunEventKind::Ended(Box::new(completed()))), 80.0);
        show(&board, 80.0);
        // A search, by trials and by time.
        board.expect(Expected::InAll(40));
        let so_far = SoFar {
            recommended: vec!["a-cell-with-a-name-that-is-longer-than-what-is-left".to_owned()],
            figures: Vec::new(),
            runs: 12,
            feasible: Some(9),
        };
        board.found(&so_far);
        board.event(&started(), 80.0);
        show(&board, 80.0);
        board.expect(Expected::Within(Duration::from_mins(2)));
        show(&board, 80.0);
        show(&board, 121.0);
        insta::assert_snapshot!("board_story", shown.join("\n\n"));
    }

    #[test]
    fn runs_side_by_side_have_a_line_each() {
        let mut board = Board::default();
        board.expect(Expected::InAll(20));
        let of = |run: &str, kind| RunEvent { run: run.to_owned(), ..event(kind) };
        let start = |run: &str| of(run, started().kind);
        board.event(&start("a"), 1.0);
        board.event(&start("b"), 2.0);
        board.event(&of("a", RunEventKind::Progress(training())), 3.0);
        let lines = board.lines(79, 4.0);
        assert_eq!((lines.len(), board.height()), (3, 3));
        assert!(lines[1].starts_with("a  ") && lines[1].contains("epoch 3/10"), "{lines:#?}");
        assert_eq!(lines[2], "b  starting, 2 s");
        board.event(&of("a", RunEventKind::Ended(Box::new(completed()))), 5.0);
        // As where nothing runs beside it.
        assert_eq!(board.lines(79, 6.0)[1..], ["b  starting, 4 s", ""]);
        for run in ["c", "d", "e", "f", "g", "h", "i", "j", "k"] {
            board.event(&start(run), 7.0);
        }
        let lines = board.lines(79, 8.0);
        assert_eq!((lines.len(), board.height()), (10, 10));
        assert_eq!(lines[9], "and 2 more");
    }

    proptest! {
        #[test]
        fn no_line_is_ever_too_wide(
            width in 0_usize..140,
            names in prop::collection::vec("[a-z._]{0,30}", 0..6),
            reached in prop::option::of(any::<f64>()),
            now in 0.0..1e6_f64,
        ) {
            let (mut board, _) = board();
            let progress = Progress { open: names.iter().map(|name| open(name, reached, Why::Wide)).collect(), ..training() };
            board.event(&event(RunEventKind::Progress(progress)), now);
            let lines = board.lines(width, now);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width), "{:#?}", lines);
        }
    }
}

//! Frames as they are seen, and that nothing that is pressed breaks them.

use proptest::prelude::*;

use super::*;
use crate::event::Stage;
use crate::report::fixtures::{all_kinds, compared, front};
use crate::report::html::StageSpan;

fn series() -> RunSeries {
    let mut series = RunSeries { end_s: 8.0, ..RunSeries::default() };
    for i in 0..80_u32 {
        let t_s = f64::from(i) / 10.0;
        series.throughput.push(t_s, 5e4 + f64::from(i % 7) * 1e3);
        series.latency.push(t_s, 1e-3);
    }
    let span = |stage, from_s, to_s| StageSpan { stage, from_s, to_s, warm_up_s: None };
    series.stages = vec![span(Stage::Serve(1), 0.5, 3.0), span(Stage::Train, 3.0, 8.0)];
    series
}

fn text(frame: &[Line]) -> String {
    let mark = |line: &Line| match line.look {
        Look::Selected => '>',
        Look::Strong => '*',
        Look::Plain => ' ',
    };
    frame
        .iter()
        .map(|line| format!("{}{}", mark(line), line.text).trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn the_pages_and_what_can_be_opened() {
    let records = compared();
    let front = front();
    let seen = Seen {
        name: "three-by-three",
        records: &records,
        summary: &[],
        front: Some(&front),
        planned: 12,
        live: true,
    };
    let room = Room { width: 80, height: 24 };
    let mut view = View::default();
    let mut shown = String::new();
    let mut press = |view: &mut View, keys: &[Key]| {
        for key in keys {
            assert!(view.press(*key, &seen));
        }
        let series = view.run(&seen).map(|_| Ok(series()));
        shown += &text(&view.frame(&seen, series.as_ref(), room));
    };
    press(&mut view, &[]);
    press(&mut view, &[Key::Down, Key::Open]);
    press(&mut view, &[Key::Back, Key::Page(2)]);
    press(&mut view, &[Key::Tab, Key::End]);
    assert!(!view.press(Key::Back, &seen), "out of the page is out of the view");
    insta::assert_snapshot!(shown);
}

fn key() -> impl Strategy<Value = Key> {
    use Key::{Back, Down, End, Home, Left, Open, Page, PageDown, PageUp, Right, Tab, Up};
    prop::sample::select(vec![
        Up,
        Down,
        PageUp,
        PageDown,
        Home,
        End,
        Left,
        Right,
        Open,
        Back,
        Tab,
        Page(1),
        Page(2),
        Page(3),
        Page(9),
    ])
}

proptest! {
    #[test]
    fn whatever_is_pressed_a_frame_fills_its_room(
        keys in prop::collection::vec(key(), 0..40),
        rooms in prop::collection::vec((1_usize..100, 1_usize..40), 1..6),
        runs in 0_usize..9,
    ) {
        let records: Vec<RunRecord> = all_kinds().into_iter().cycle().take(runs).collect();
        let seen = Seen { name: "a", records: &records, summary: &[], front: None, planned: runs, live: false };
        let mut view = View::default();
        for (at, key) in keys.into_iter().enumerate() {
            view.press(key, &seen);
            let (width, height) = rooms[at % rooms.len()];
            let frame = view.frame(&seen, None, Room { width, height });
            prop_assert_eq!(frame.len(), height);
            prop_assert!(frame.iter().all(|line| line.text.chars().count() <= width));
        }
    }
}

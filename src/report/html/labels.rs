//! Where the names of points stand: beside them, not on each other, not on other points, and not beyond the edge.

use super::plot::{Anchor, Frame, Pixel, width};

/// Half of the height of a line of letters, in pixels.
const HALF_LINE: i32 = 7;

/// Half of a mark, in pixels.
const MARK: i32 = 7;

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) at: Pixel,
    pub(super) anchor: Anchor,
}

/// A point and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) at: Pixel,
    pub(super) text: String,
}

/// Where a name may stand about its point: the side, and how far it is moved, in pixels.
const PLACES: [(Anchor, i32, i32); 12] = [
    (Anchor::Start, 10, 0),
    (Anchor::End, -10, 0),
    (Anchor::Middle, 0, -15),
    (Anchor::Middle, 0, 15),
    (Anchor::Start, 7, -12),
    (Anchor::Start, 7, 12),
    (Anchor::End, -7, -12),
    (Anchor::End, -7, 12),
    (Anchor::Start, 6, -25),
    (Anchor::Start, 6, 25),
    (Anchor::End, -6, -25),
    (Anchor::End, -6, 25),
];

/// Places for all names, or `None` where one has none. `taken` must stay free; `crossed` may be written on where nothing
/// else is left.
pub(super) fn place(
    points: &[Named],
    within: Frame,
    (taken, crossed): (&[Frame], &[Frame]),
) -> Option<Vec<Label>> {
    let marks: Vec<Frame> = points.iter().map(|point| around(point.at, MARK, MARK)).collect();
    let mut boxes: Vec<Frame> = taken.to_vec();
    let mut labels = Vec::with_capacity(points.len());
    for point in points {
        let candidates = PLACES.iter().map(|(anchor, dx, dy)| Label {
            text: point.text.clone(),
            at: (point.at.0 + dx, point.at.1 + dy),
            anchor: *anchor,
        });
        let own = point.at;
        let free = |label: &Label| {
            let area = extent(label);
            let hit = |other: &Frame| overlap(area, *other);
            let others = points.iter().zip(&marks).filter(|(other, _)| other.at != own);
            inside(area, within) && !boxes.iter().any(hit) && !others.map(|(_, mark)| mark).any(hit)
        };
        let cost = |label: &Label| {
            let area = extent(label);
            crossed.iter().filter(|line| overlap(area, **line)).count()
        };
        // The first of the cheapest.
        let best = candidates.filter(free).min_by_key(cost)?;
        boxes.push(extent(&best));
        labels.push(best);
    }
    Some(labels)
}

/// Points of which nobody could tell the names apart, as one: the first name, and how many more.
pub(super) fn merged(points: &[Named]) -> Vec<Named> {
    let mut merged: Vec<(&Named, usize)> = Vec::new();
    for point in points {
        let near = |(first, _): &&mut (&Named, usize)| {
            let (dx, dy) = (first.at.0 - point.at.0, first.at.1 - point.at.1);
            dx.abs() <= MARK && dy.abs() <= MARK
        };
        match merged.iter_mut().find(near) {
            Some((_, more)) => *more += 1,
            None => merged.push((point, 0)),
        }
    }
    let named = |(first, more): &(&Named, usize)| Named {
        at: first.at,
        text: match more {
            0 => first.text.clone(),
            more => format!("{} and {more} more", first.text),
        },
    };
    merged.iter().map(named).collect()
}

/// Names to the right of their points, come what may.
pub(super) fn beside(points: &[Named]) -> Vec<Label> {
    let label = |point: &Named| Label {
        text: point.text.clone(),
        at: (point.at.0 + 10, point.at.1),
        anchor: Anchor::Start,
    };
    points.iter().map(label).collect()
}

/// What a label covers.
pub(super) fn extent(label: &Label) -> Frame {
    let (x, y) = label.at;
    let wide = width(&label.text);
    let left = match label.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - wide / 2,
        Anchor::End => x - wide,
    };
    ((left, y - HALF_LINE), (left + wide, y + HALF_LINE))
}

/// What reaches so far to each side of a place.
pub(super) fn around((x, y): Pixel, dx: i32, dy: i32) -> Frame {
    ((x - dx, y - dy), (x + dx, y + dy))
}

pub(super) fn overlap(a: Frame, b: Frame) -> bool {
    a.0.0 < b.1.0 && b.0.0 < a.1.0 && a.0.1 < b.1.1 && b.0.1 < a.1.1
}

pub(super) fn inside(a: Frame, frame: Frame) -> bool {
    a.0.0 >= frame.0.0 && a.0.1 >= frame.0.1 && a.1.0 <= frame.1.0 && a.1.1 <= frame.1.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Frame = ((0, 0), (400, 300));

    fn named(places: &[Pixel], text: &str) -> Vec<Named> {
        let named = |at: &Pixel| Named { at: *at, text: text.to_owned() };
        places.iter().map(named).collect()
    }

    #[test]
    fn names_keep_out_of_each_others_way_or_are_given_up() {
        let near = named(&[(100, 100), (112, 104), (100, 118)], "digits");
        let placed = place(&near, FRAME, (&[], &[])).unwrap();
        assert_eq!(placed.len(), 3);
        let many: Vec<_> = (0..40).map(|i| (100 + i % 3, 100 + i / 3)).collect();
        assert_eq!(place(&named(&many, "digits"), FRAME, (&[], &[])), None);
        assert_eq!(beside(&near).len(), 3);
        let few = merged(&named(&many, "7"));
        assert!(few.len() < 4 && few[0].text.starts_with("7 and "), "{few:?}");
        assert!(place(&few, FRAME, (&[], &[])).is_some());
    }

    #[test]
    fn a_line_is_written_on_only_where_nothing_else_is_left() {
        let one = named(&[(100, 100)], "digits");
        let right = ((105, 90), (400, 110));
        let placed = |crossed: &[Frame]| place(&one, FRAME, (&[], crossed)).unwrap()[0].anchor;
        assert_eq!(placed(&[]), Anchor::Start);
        assert_eq!(placed(&[right]), Anchor::End);
        assert_eq!(placed(&[FRAME]), Anchor::Start);
        assert_eq!(place(&one, FRAME, (&[FRAME], &[])), None);
    }

    proptest! {
        #[test]
        fn what_is_placed_is_free_and_inside(
            places in proptest::collection::vec((0..400, 0..300), 1..15)
        ) {
            let points = named(&places, "some name");
            if let Some(labels) = place(&points, FRAME, (&[], &[])) {
                for (at, label) in labels.iter().enumerate() {
                    prop_assert!(inside(extent(label), FRAME));
                    for other in &labels[..at] {
                        prop_assert!(!overlap(extent(label), extent(other)));
                    }
                }
            }
        }
    }
}

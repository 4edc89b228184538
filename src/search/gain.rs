//! What a visit may add to the volume that the front covers.

use crate::stats::excess;

/// A box above the front: its ends in each objective, all of which are better upwards.
pub(super) type Room = Vec<(f64, f64)>;

/// The boxes above `reference` that no point of the front covers. They do not overlap, and are all there is.
pub(super) fn rooms(front: &[Vec<f64>], reference: &[f64]) -> Vec<Room> {
    let Some((floor, others)) = reference.split_last() else {
        // A point with no coordinate left covers all.
        return if front.is_empty() { vec![Room::new()] } else { Vec::new() };
    };
    let last = others.len();
    let mut levels: Vec<f64> = front.iter().map(|point| point[last]).collect();
    levels.retain(|level| level > floor);
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    levels.push(f64::INFINITY);
    let mut low = *floor;
    let mut found = Vec::new();
    for high in levels {
        let reaching: Vec<Vec<f64>> =
            front.iter().filter(|point| point[last] >= high).cloned().collect();
        for mut room in rooms(&reaching, others) {
            room.push((low, high));
            found.push(room);
        }
        low = high;
    }
    found
}

/// The volume that these points cover together above `reference`, after each of them. All objectives are better upwards.
pub fn covered(points: &[Vec<f64>], reference: &[f64]) -> Vec<f64> {
    let mut volume = 0.0;
    let volumes = points.iter().enumerate().map(|(at, point)| {
        let exact: Vec<(f64, f64)> = point.iter().map(|value| (*value, 0.0)).collect();
        volume += expected(&rooms(&points[..at], reference), &exact);
        volume
    });
    volumes.collect()
}

/// The expected volume that a point adds whose objectives have these means and deviations.
pub(super) fn expected(rooms: &[Room], objectives: &[(f64, f64)]) -> f64 {
    let part = |(&(mean, sd), &(low, high)): (&(f64, f64), &(f64, f64))| {
        let above = if high.is_finite() { excess(mean, sd, high) } else { 0.0 };
        (excess(mean, sd, low) - above).max(0.0)
    };
    rooms.iter().map(|room| objectives.iter().zip(room).map(part).product::<f64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_point_without_noise_adds_what_it_covers_alone() {
        let front = [vec![1.0, 3.0], vec![2.0, 2.0], vec![3.0, 1.0]];
        let open = rooms(&front, &[0.0, 0.0]);
        for (point, adds) in [
            ([1.0, 1.0], 0.0),
            ([2.0, 2.0], 0.0),
            ([2.0, 3.0], 1.0),
            ([4.0, 1.0], 1.0),
            ([4.0, 4.0], 10.0),
            ([-1.0, 5.0], 0.0),
        ] {
            let found = expected(&open, &point.map(|value| (value, 0.0)));
            assert!((found - adds).abs() < 1e-12, "{point:?}: {found}");
        }
        // One objective: what exceeds the best; none yet: what exceeds the reference.
        assert_eq!(rooms(&[vec![2.0], vec![5.0]], &[0.0]).len(), 1);
        assert!(
            (expected(&rooms(&[vec![2.0], vec![5.0]], &[0.0]), &[(7.0, 0.0)]) - 2.0).abs() < 1e-12
        );
        assert!((expected(&rooms(&[], &[1.0]), &[(7.0, 0.0)]) - 6.0).abs() < 1e-12);
    }

    /// The volume between 0 and the points, by counting unit cells.
    fn counted(points: &[Vec<f64>], sides: usize, objectives: usize) -> f64 {
        let cells = sides.pow(u32::try_from(objectives).unwrap());
        let centre = |cell: usize, at: usize| {
            (cell / sides.pow(u32::try_from(at).unwrap()) % sides) as f64 + 0.5
        };
        let covers =
            |point: &Vec<f64>, cell: usize| (0..objectives).all(|at| centre(cell, at) < point[at]);
        (0..cells).filter(|cell| points.iter().any(|point| covers(point, *cell))).count() as f64
    }

    proptest! {
        #[test]
        fn volumes_agree_with_counting(
            front in proptest::collection::vec(proptest::collection::vec(0u8..6, 3), 0..6),
            point in proptest::collection::vec(0u8..6, 3),
        ) {
            let whole = |point: &Vec<u8>| point.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
            let (mut points, point) = (front.iter().map(whole).collect::<Vec<_>>(), whole(&point));
            let open = rooms(&points, &[0.0; 3]);
            let exact: Vec<(f64, f64)> = point.iter().map(|value| (*value, 0.0)).collect();
            let before = counted(&points, 6, 3);
            points.push(point);
            let adds = counted(&points, 6, 3) - before;
            prop_assert!((expected(&open, &exact) - adds).abs() < 1e-9);
            let all = covered(&points, &[0.0; 3]);
            prop_assert!((all[all.len() - 1] - before - adds).abs() < 1e-9);
        }
    }
}

//! How tasks are dealt out to job arrays.
//!
//! Invariant: the numbers of the tasks of an array are dense from 0, since a cluster limits the largest of them.

/// Tasks of an array where neither the cluster nor the user says how many there may be: the default of Slurm.
const USUAL: usize = 1001;

/// The most tasks of an array. `cluster`: `MaxArraySize` of the cluster, which is one more than the largest number of a task.
pub fn most(cluster: Option<u32>, asked: Option<u32>) -> usize {
    let limits = [cluster, asked].into_iter().flatten();
    limits.min().map_or(USUAL, |most| most as usize).max(1)
}

/// Deals tasks out to arrays of at most this many, as even as can be.
pub fn split<T>(tasks: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let arrays = tasks.len().div_ceil(most).max(1);
    tasks.chunks(tasks.len().div_ceil(arrays).max(1))
}

/// What is tried next where an array was refused: one of half the size, since a limit on a user's tasks counts each of an
/// array. `None`: it was the smallest.
pub fn smaller(size: usize) -> Option<usize> {
    (size > 1).then_some(size / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_cluster_and_the_user_limit_an_array() {
        for (cluster, asked, expected) in [
            (None, None, 1001),
            (Some(4), None, 4),
            (Some(1001), Some(100), 100),
            (Some(4), Some(100), 4),
            (Some(0), None, 1),
        ] {
            assert_eq!(most(cluster, asked), expected);
        }
        assert_eq!([8, 3, 1].map(smaller), [Some(4), Some(1), None]);
    }

    #[test]
    fn arrays_are_even() {
        let sizes = |tasks: usize, most| {
            let tasks: Vec<usize> = (0..tasks).collect();
            split(&tasks, most).map(<[_]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(9, 1001), [9]);
        assert_eq!(sizes(9, 4), [3, 3, 3]);
        assert_eq!(sizes(10, 4), [4, 4, 2]);
        assert!(sizes(0, 4).is_empty());
    }

    proptest! {
        #[test]
        fn every_task_is_in_one_array(tasks in 0usize..500, most in 1usize..60) {
            let tasks: Vec<usize> = (0..tasks).collect();
            let arrays: Vec<&[usize]> = split(&tasks, most).collect();
            prop_assert!(arrays.iter().all(|array| array.len() <= most));
            prop_assert_eq!(arrays.concat(), tasks);
        }
    }
}

//! Lindley's recursion (Lindley 1952): what requests wait at one server, first come, first served.
//!
//! `W[i+1] = max(0, W[i] + S[i] - A[i+1])` with the service times `S` and the gaps `A` between arrivals. Written over
//! arrival times it is `start[i+1] = max(arrival[i+1], start[i] + S[i])`, which is exact in whole nanoseconds.

/// The wait of each request in nanoseconds, from the arrivals (in order) and the service times; as many as the shorter
/// of the two.
pub fn waits_ns<'a>(
    arrivals_ns: impl IntoIterator<Item = &'a u64>,
    services_ns: impl IntoIterator<Item = &'a u64>,
) -> Vec<u64> {
    let mut free_ns = 0;
    let pairs = arrivals_ns.into_iter().zip(services_ns);
    pairs
        .map(|(arrival_ns, service_ns)| {
            let start_ns = free_ns.max(*arrival_ns);
            free_ns = start_ns.saturating_add(*service_ns);
            start_ns - arrival_ns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_by_hand() {
        for (arrivals, services, expected) in [
            (vec![], vec![], vec![]),
            (vec![3], vec![9], vec![0]),
            (vec![0, 10, 20], vec![10, 10, 10], vec![0, 0, 0]),
            (vec![0, 10, 20, 50], vec![15, 15, 1, 1], vec![0, 5, 10, 0]),
            (vec![4, 4, 4], vec![2, 2, 2], vec![0, 2, 4]),
            (vec![0, 1, 2], vec![5], vec![0]),
        ] {
            assert_eq!(waits_ns(&arrivals, &services), expected, "{arrivals:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_recursion_in_gaps(pairs in prop::collection::vec((0..1000_u64, 0..1000_u64), 1..100)) {
            let services: Vec<u64> = pairs.iter().map(|pair| pair.0).collect();
            let arrivals: Vec<u64> = pairs.iter().scan(0, |at, pair| { *at += pair.1; Some(*at) }).collect();
            let waits = waits_ns(&arrivals, &services);
            prop_assert_eq!(waits[0], 0);
            for i in 1..pairs.len() {
                let next = (waits[i - 1] + services[i - 1]).saturating_sub(pairs[i].1);
                prop_assert_eq!(waits[i], next);
            }
        }

        #[test]
        fn longer_times_scale_the_waits(pairs in prop::collection::vec((0..1000_u64, 0..1000_u64), 1..100), by in 1..1000_u64) {
            let run = |by: u64| {
                let services: Vec<u64> = pairs.iter().map(|pair| pair.0 * by).collect();
                let arrivals: Vec<u64> = pairs.iter().scan(0, |at, pair| { *at += pair.1 * by; Some(*at) }).collect();
                waits_ns(&arrivals, &services)
            };
            let scaled: Vec<u64> = run(1).iter().map(|wait| wait * by).collect();
            prop_assert_eq!(run(by), scaled);
        }
    }
}

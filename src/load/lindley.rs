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

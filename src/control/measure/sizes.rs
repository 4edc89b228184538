//! The size of requests with the highest throughput.

use super::figure::Figure;
use crate::event::{Note, Num};
use crate::stats::Estimate;

/// The size with the highest throughput; of those that cannot be told apart from it, the smallest. No size where one of
/// them has no interval: nobody knows how far apart they are. `sizes`: all that were to be served, each with its throughput
/// if it was.
pub(crate) fn best(mut sizes: Vec<(u32, Option<Estimate>)>) -> Figure {
    sizes.sort_unstable_by_key(|(size, _)| *size);
    let rates = sizes.iter().filter_map(|(size, rate)| Some((*size, (*rate)?)));
    let served: Vec<(u32, Estimate)> = rates.collect();
    let by_rate =
        |(_, a): &&(u32, Estimate), (_, b): &&(u32, Estimate)| a.value.total_cmp(&b.value);
    let Some((fastest, highest)) = served.iter().max_by(by_rate).copied() else {
        return Figure::missing(Note::NoSizeServed);
    };
    let per_s = Num(highest.value);
    let samples = served.len() as u64;
    let of = |left: &dyn Fn(Option<Estimate>) -> bool| -> Vec<u32> {
        sizes.iter().filter(|(_, rate)| left(*rate)).map(|(size, _)| *size).collect()
    };
    let unserved = of(&|rate| rate.is_none());
    let imprecise = of(&|rate| rate.is_some_and(|rate| rate.interval.is_none()));
    if !unserved.is_empty() || !imprecise.is_empty() {
        let open = Note::SizesOpen { unserved, imprecise, fastest, per_s };
        return Figure { samples, ..Figure::missing(open) };
    }
    let low = highest.interval.map(|interval| interval.low);
    let tied = |(size, rate): &&(u32, Estimate)| {
        *size == fastest || rate.interval.map(|interval| interval.high) >= low
    };
    let alike: Vec<u32> = served.iter().filter(tied).map(|(size, _)| *size).collect();
    let smallest = alike.first().copied().unwrap_or(fastest);
    Figure::exact(f64::from(smallest), samples).noted([Note::BestSize { alike, fastest, per_s }])
}

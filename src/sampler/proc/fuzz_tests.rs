//! The parsers against any bytes, and against real texts that were damaged. Few cases by default; millions with
//! `cargo test --release --no-default-features --lib -- --ignored millions_of_texts`.

use proptest::collection::vec;
use proptest::prelude::*;

use super::parse;
use crate::event::HostReading;
use crate::sampler::cgroup::Cgroups;

/// Real texts of every kind that is parsed.
const TEXTS: [&[u8]; 16] = [
    b"42 (a) b) S 17 18 19 0 -1 4194304 100 200 3 4 50 60 70 80 20 0 5 0 12345 1 2 3 18446744073709551615 1 1 0\n",
    b"100 25 3 1 0 9 0\n",
    b"Name:\tx\nUmask:\t0022\nVmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nThreads:\t5\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t3\n",
    b"rchar: 1\nwchar: 2\nsyscr: 3\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 5\n",
    b"11 22 33\n",
    b"12 34 5 \n",
    b"cpu  10 20 30 1000 7 4 5 6 3 2\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n",
    b"some avg10=0.00 avg60=1.94 avg300=6.09 total=16274822195\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
    b"usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 4\nnr_throttled 1\nthrottled_usec 12\n",
    b"nr_periods 0\nnr_throttled 0\nthrottled_time 17\n",
    b"200000 100000\n",
    b"max 100000\n",
    b"Rss:  900 kB\nPss:  300 kB\nPss_Anon: 1 kB\n",
    b"0.75 1.03 1.71 2/93 18925\n",
    b"4:memory:/box/7\n1:cpu,cpuacct:/box/7\n0::/user/job\n",
    b"32 31 0:29 /box /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n31 30 0:28 / /my\\040fs rw - cgroup2 cgroup2 rw\n",
];

/// Pieces that numbers and lines go wrong with.
const PIECES: [&[u8]; 12] = [
    b"18446744073709551615",
    b"99999999999999999999999",
    b"-1",
    b"0",
    b" ",
    b"\n",
    b")",
    b":",
    b"NaN",
    b"\xff\xfe",
    b"total=",
    b"/..",
];

/// What happens to a text: where (in 65,536ths of it), to how many bytes, and what is put there.
type Damage = (u16, u8, Option<prop::sample::Index>);

fn damaged(text: &[u8], all: &[Damage]) -> Vec<u8> {
    let mut text = text.to_vec();
    for (place, length, piece) in all {
        let at = (usize::from(*place) * text.len()) >> 16;
        let end = text.len().min(at + usize::from(*length % 16));
        let piece = piece.map_or(&b""[..], |index| PIECES[index.index(PIECES.len())]);
        text.splice(at..end, piece.iter().copied());
    }
    text
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    vec((any::<u16>(), any::<u8>(), any::<Option<prop::sample::Index>>()), 0..6)
}

/// Any bytes, or a real text that was damaged.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..200),
        4 => (any::<prop::sample::Index>(), damage())
            .prop_map(|(index, all)| damaged(TEXTS[index.index(TEXTS.len())], &all)),
    ]
}

/// Every parser; what they say of a text must be possible.
fn all_parsers(text: &[u8]) {
    let words = String::from_utf8_lossy(text);
    // The name may be damaged where the numbers are not.
    let _ = (parse::stat(text), parse::stat_name(text));
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let numbers = [
        parse::statm_resident(text),
        parse::high_water(text),
        parse::run_delay(text),
        parse::pressure(text),
        parse::throttled(text),
        parse::keyed(text, "Pss:"),
        parse::io(text).map(|(read, _)| read),
        parse::machine_ticks(text).map(|(busy, _)| busy),
    ];
    let said = numbers.iter().any(Option::is_some);
    assert!(!said || digits > 0, "a number from nowhere: {words}");
    for cores in [parse::cpu_max(&words), parse::load(text)].into_iter().flatten() {
        assert!(cores.is_finite() && cores >= 0.0, "{words}");
    }
    assert!(parse::ids(text).count() <= text.len());
    let mut reading = HostReading::default();
    let told = parse::host_times(&mut reading, text, 10_000_000, None);
    assert!(told || reading == HostReading::default(), "{words}");
    let groups = Cgroups::of_texts(&words, &words);
    assert!(groups.depth() <= text.len() + 1);
}

proptest! {
    #[test]
    fn damaged_texts_are_read_or_not_and_never_a_panic(text in texts()) {
        all_parsers(&text);
    }

    #[test]
    fn an_undamaged_text_is_read(index in 0..TEXTS.len()) {
        prop_assert_eq!(damaged(TEXTS[index], &[]), TEXTS[index]);
    }
}

#[test]
#[ignore = "takes minutes"]
fn millions_of_texts() {
    let config =
        ProptestConfig { cases: 4_000_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&texts(), |text| {
        all_parsers(&text);
        Ok(())
    });
    result.unwrap();
}

#![expect(clippy::too_many_lines, reason = "tables: a row for each variant")]

mod findings;
mod gate;
mod notes;
mod stops;

use crate::event::{Age, MemoryGuard, Num, Phase, Shortage, Stage};

fn age() -> Age {
    Age { seconds: Num(1.5), stage: Stage::Serve(1), queues: false }
}

/// The words, and what is recorded read back.
pub(super) fn check<T>(of: &T, words: impl Fn(&T) -> String, says: &str)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_eq!(words(of), says);
    let text = serde_json::to_string(of).unwrap();
    assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *of, "{text}");
}

fn shortage() -> Shortage {
    Shortage {
        held_bytes: 268 << 20,
        limit_bytes: 256 << 20,
        guard: MemoryGuard::Watched,
        phase: Some(Phase::Serve(1)),
    }
}

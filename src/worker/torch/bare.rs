//! The same training loop with nothing around it: no protocol, no sampler, no runner. What perftune adds is measured
//! against this by `benches/training.rs`.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use perftune::clock::{Clock, MonotonicClock};
use perftune::event::wire::decode;
use perftune::event::{Command, JobSpec};

use super::facts;
use super::failure::Failure;
use super::session::{self, TorchRun};
use super::train::Trainer;

/// Trains the job on standard input for about `seconds`, or until standard input ends; returns what it did as JSON: `steps`, `samples`, `cpu_ns`,
/// when it began, `wall_ns` and the time of each step.
pub(super) fn run(seconds: &str) -> Result<String, Failure> {
    let seconds: f64 = seconds
        .parse()
        .map_err(|_| Failure::Job(format!("`{seconds}` is not a number of seconds")))?;
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    let job = match (read, decode::<Command>(line.trim_end())) {
        (Ok(_), Ok(Command::Job(job))) => *job,
        _ => return Err(Failure::Job("no job on standard input".to_owned())),
    };
    train(&job, seconds, &until_stdin_ends())
}

/// Set when standard input has ended; a thread waits for it, so that the loop reads one flag.
fn until_stdin_ends() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&ended);
    std::thread::spawn(move || {
        // Whatever else comes, and an error, mean the end as well.
        let _ = std::io::stdin().lock().read_until(b'\0', &mut Vec::new());
        set.store(true, Ordering::Relaxed);
    });
    ended
}

fn train(job: &JobSpec, seconds: f64, ended: &AtomicBool) -> Result<String, Failure> {
    session::prepare(job);
    let mut session = TorchRun::load(job)?;
    let mut data = session.training_data(job)?;
    let batch = i64::from(job.train.batch_size);
    let total = i64::try_from(data.len()).unwrap_or(i64::MAX);
    let model = session.model.as_ref();
    let mut trainer = Trainer::new(&job.train, model, &mut session.parameters)?;
    let rehearsal = data.rehearsal()?;
    for _ in 0..job.train.warmup_steps {
        trainer.step(&rehearsal, 0, batch.min(total))?;
    }
    let clock = MonotonicClock;
    let (begin, cpu) = (clock.now_ns(), facts::usage().cpu_ns.unwrap_or(0));
    let (mut samples, mut before) = (0, begin);
    let mut dur_ns: Vec<u64> = Vec::with_capacity(1 << 20);
    'time: loop {
        let epoch = data.epoch()?;
        let mut from = 0;
        while from < total {
            let size = batch.min(total - from);
            trainer.step(&epoch, from, size)?;
            from += size;
            samples += size;
            let now = clock.now_ns();
            dur_ns.push(now - before);
            before = now;
            if (now - begin) as f64 >= seconds * 1e9 || ended.load(Ordering::Relaxed) {
                break 'time;
            }
        }
    }
    let cpu_ns = facts::usage().cpu_ns.unwrap_or(0) - cpu;
    let result = serde_json::json!({
        "steps": dur_ns.len(), "samples": samples, "cpu_ns": cpu_ns, "begin_ns": begin, "wall_ns": before - begin,
        "dur_ns": dur_ns,
    });
    Ok(result.to_string())
}

//! Why a job could not be done, in the words of the protocol.

use std::any::Any;

use perftune::dataset::DataError;
use perftune::event::WorkerFailure;
use perftune::worker::link::LinkError;
use tch::TchError;

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The data cannot be used.
    #[error("{0}")]
    Data(#[from] DataError),
    /// The model cannot be built as asked.
    #[error("{0}")]
    Model(String),
    /// The device is not there.
    #[error("{0}")]
    Device(String),
    /// A value of the job that no worker could obey.
    #[error("{0}")]
    Job(String),
    /// Memory ran out.
    #[error("out of memory: {0}")]
    Memory(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
    /// The runner cannot be reached.
    #[error("{0}")]
    Link(#[from] LinkError),
}

impl Failure {
    /// What a panic's payload says; libtorch's errors arrive this way from the bindings that do not return them.
    pub(super) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Self::classify(text.unwrap_or("panicked without a message"))
    }

    fn classify(text: &str) -> Self {
        let lower = text.to_lowercase();
        let message = first_lines(text);
        // The words of libtorch's allocators: DefaultCPUAllocator, CUDACachingAllocator, MPSAllocator.
        if ["out of memory", "can't allocate memory", "bad_alloc"]
            .iter()
            .any(|words| lower.contains(words))
        {
            Self::Memory(message)
        } else {
            Self::Internal(message)
        }
    }

    /// The message to the runner, if it can still be told.
    pub(super) fn report(&self) -> Option<WorkerFailure> {
        let kind = match self {
            Self::Data(_) => "data",
            Self::Model(_) => "model",
            Self::Device(_) => "device",
            Self::Job(_) => "job",
            Self::Memory(_) => "memory",
            Self::Internal(_) => "internal",
            Self::Link(_) => return None,
        };
        Some(WorkerFailure { kind: kind.to_owned(), message: self.to_string() })
    }
}

impl From<TchError> for Failure {
    fn from(error: TchError) -> Self {
        Self::classify(&error.to_string())
    }
}

/// libtorch appends its own stack to each message.
fn first_lines(text: &str) -> String {
    let end = ["Exception raised from", "\\nException raised from", "\n#0"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    text[..end].trim().chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_messages_lose_their_stack_and_memory_has_its_own_kind() {
        let text = "Torch(\"[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 \
                    bytes.\nException raised from alloc_cpu at x.cpp:1\n#0 ...\")";
        let report = Failure::classify(text).report().unwrap();
        assert_eq!(report.kind, "memory");
        assert!(report.message.ends_with("bytes."), "{}", report.message);
        let shapes = tch::no_grad(|| {
            let a = tch::Tensor::zeros([2, 3], (tch::Kind::Float, tch::Device::Cpu));
            a.f_matmul(&a)
        });
        let report = Failure::from(shapes.unwrap_err()).report().unwrap();
        assert_eq!(report.kind, "internal");
        assert!(report.message.contains("shapes cannot be multiplied"), "{}", report.message);
    }
}

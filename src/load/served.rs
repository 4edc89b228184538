//! One answered request.

/// When one request was due, begun and answered, in nanoseconds of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// When it arrived by its schedule.
    pub scheduled_ns: u64,
    /// When the server began with it.
    pub start_ns: u64,
    /// When it was answered.
    pub end_ns: u64,
}

impl Served {
    /// From the scheduled arrival to the answer.
    pub fn latency_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.scheduled_ns)
    }

    /// From the scheduled arrival to the start.
    pub fn wait_ns(&self) -> u64 {
        self.start_ns.saturating_sub(self.scheduled_ns)
    }

    /// From the start to the answer.
    pub fn service_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }

    /// How long the server was taken up by it: from when it could have begun (it was due, and the request before it was
    /// answered at `free_ns`) to the answer. What this is more than the service is the generator's own delay.
    pub fn busy_ns(&self, free_ns: u64) -> u64 {
        self.end_ns.saturating_sub(self.scheduled_ns.max(free_ns))
    }
}

//! What other rates would do to requests that take up measured times: Lindley's recursion over many schedules.

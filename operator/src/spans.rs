//! Under what name spans of the operator's work stand.

/// The target of all spans. They are for whoever collects traces, not for the log: nothing is made of them otherwise.
pub const TARGET: &str = "temper::trace";

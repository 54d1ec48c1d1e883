//! Starting a command, and ending it with everything it has started.
//!
//! The agent owns its process: it is the reaper of all that its command leaves behind, and waits for any child.

mod spawn;
mod tree;

pub(super) use spawn::{Launch, Running};
pub(super) use tree::{become_reaper, end_descendants, is_written_by_others, is_written_to, reap_adopted};

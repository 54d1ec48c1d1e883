//! The agent: runs any training command, reads its metrics, moves its checkpoints, obeys pause and stop.
//!
//! - [`serve()`]: for an executor, which speaks [`protocol`] over stdin and stdout
//! - `run_in_pod` (feature `pod`): in a pod, where the Kubernetes API takes the executor's place
//! - [`run_by_hand`]: for a person who wants to see what Temper makes of a command

mod attempt;
mod by_hand;
mod checkpoints;
mod conduct;
mod environment;
mod expand;
mod file_uri;
mod link;
mod log;
mod metrics;
mod nearest;
#[cfg(feature = "pod")]
mod pod;
mod process;
pub mod protocol;
mod reports;
mod serve;
mod short;
mod verdict;

pub use by_hand::{ByHand, check_metrics, run_by_hand};
pub use checkpoints::is_committed;
pub use environment::preview;
pub use file_uri::{file_path, file_uri};
#[cfg(feature = "pod")]
pub use pod::{NoPod, run_in_pod};
pub use serve::serve;
pub(crate) use short::short;

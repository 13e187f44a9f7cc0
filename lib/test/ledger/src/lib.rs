//! Ledger writer, counting backend and judge: the proof that nothing is lost.
//!
//! Every line that [`Pod`] writes carries its writer, its number and a checksum. [`Oracle`] is the
//! pipeline's last step in a backend: it knows which numbers it has seen. What was written and not
//! seen is missing, what was seen twice is doubled, what does not check is torn.

mod backend;
mod latency;
mod line;
mod oracle;
mod pods;
mod process;

pub use backend::{Backend, free_port};
pub use latency::Latency;
pub use line::{Line, Torn, padding};
pub use oracle::{Fault, Oracle, Tally};
pub use pods::{Pod, PodName, Stream};
pub use process::Usage;

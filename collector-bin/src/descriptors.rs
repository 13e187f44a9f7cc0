//! How many files and sockets the process may have open.
//!
//! The soft limit is 1024 in most places, for programs that use `select(2)` (systemd.exec(5), LimitNOFILE=). Those that
//! do not, like this one, may raise it to the hard limit, as the Go runtime does at the start of every program.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// What became of the limit; said when there is a log.
pub struct Raised {
    before: Rlimit,
    result: rustix::io::Result<()>,
}

/// Raises the soft limit to the hard one.
pub fn raise() -> Raised {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    Raised { before, result: setrlimit(Resource::Nofile, wanted) }
}

impl Raised {
    pub fn say(self) {
        let Rlimit { current: soft, maximum: hard } = self.before;
        match self.result {
            Ok(()) => debug!(soft, hard, "The limit of open files is now the hard one"),
            Err(error) => warn!(%error, soft, hard, "The limit of open files stays as it is"),
        }
    }
}

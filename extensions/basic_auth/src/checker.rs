//! Checks passwords whose hashes are slow on purpose, so that a flood of wrong ones harms nobody else.
//!
//! A check takes a thread beside those that serve, and there are few of them. Of each user one password is checked at a time:
//! who guesses at one name does not keep the others waiting. The right password of a user is remembered for a while, as a keyed
//! hash, so that a client is known at once from its second request on, whatever the queue looks like.

use std::sync::Arc;

use component::Refusal;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::htpasswd::User;

/// Shares the threads among the users.
#[derive(Debug)]
pub(crate) struct Checker {
    threads: Arc<Semaphore>,
    /// Nobody who reads the memory of this process can try passwords against the proofs of another.
    key: [u128; 2],
}

impl Checker {
    pub(crate) fn new() -> Self {
        // Half of the cores stay for those who are known already.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let key = [(); 2].map(|()| uuid::Uuid::new_v4().as_u128());
        Self { threads: Arc::new(Semaphore::new(cores.div_ceil(2))), key }
    }

    /// Whether the password is right.
    ///
    /// # Errors
    /// Too many are waiting.
    pub(crate) async fn check(&self, user: &Arc<User>, password: &[u8]) -> Result<bool, Refusal> {
        if !user.hash.is_slow() {
            return Ok(user.hash.matches(password));
        }
        let proof = self.proof(password);
        if user.turn.knows(&proof) {
            return Ok(true);
        }
        let Some(_waiting) = user.turn.wait() else {
            return Err(Refusal::later("too many passwords of this user are being checked"));
        };
        let turn = user.turn.come().await;
        // Those before may have had the same: clients come back all at once.
        if user.turn.knows(&proof) {
            return Ok(true);
        }
        let Ok(thread) = Arc::clone(&self.threads).acquire_owned().await else {
            return Ok(false);
        };
        let (user, password) = (Arc::clone(user), password.to_owned());
        let check = tokio::task::spawn_blocking(move || {
            // Held to the end, even if the client does not wait for it.
            let _held = (turn, thread);
            let is_right = user.hash.matches(&password);
            if is_right {
                user.turn.remember(proof);
            }
            is_right
        });
        Ok(check.await.unwrap_or(false))
    }

    fn proof(&self, password: &[u8]) -> [u8; 32] {
        let keyed =
            self.key.iter().fold(Sha256::new(), |it, part| it.chain_update(part.to_le_bytes()));
        keyed.chain_update(password).finalize().into()
    }
}

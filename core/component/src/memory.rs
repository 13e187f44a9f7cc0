//! Memory that is free and that the allocator keeps. Each thread keeps what it has allocated until it looks: what
//! another thread has freed of it counts as used for as long as its own thread has nothing to do.

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Host;

/// More than any machine has, in bytes.
const IMPOSSIBLE_BYTES: usize = isize::MAX as usize / 2;

/// How often the threads were asked.
static ASKED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The last time that this thread did as it was asked.
    static DONE: Cell<u64> = const { Cell::new(0) };
}

/// Gives back what is free of this thread's memory, and asks the other threads of the runtime to do the same as soon
/// as they have nothing else to do.
pub fn give_back(host: &Host) {
    DONE.set(ASKED.fetch_add(1, Relaxed) + 1);
    collect();
    // A thread that sleeps has to wake to hear of it: work that waits wakes one after the other.
    for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
        host.spawn(async { Ok(()) });
    }
}

/// To be called by the threads of the runtime before they sleep.
pub fn before_sleep() {
    let asked = ASKED.load(Relaxed);
    if DONE.replace(asked) != asked {
        collect();
    }
}

/// mimalloc, which the program uses, gives back all that is free of the thread's memory before it says that there is
/// none for an allocation: `_mi_malloc_generic` in `page.c`, v3. There is no safe function for it.
fn collect() {
    let mut nothing = Vec::<u8>::new();
    let refused = nothing.try_reserve_exact(IMPOSSIBLE_BYTES);
    // The compiler might find out that nobody uses it, and not ask at all.
    black_box((nothing, refused.is_err()));
}

//! Compressed files that are damaged: said once, and counted.

use crate::FileKey;
use crate::engine::Engine;
use crate::gzip::Health;
use crate::sink::Sink;
use crate::source::Source;

impl<S: Sink> Engine<S> {
    /// Looks whether something is wrong with a file that was read to its end. One that is `over` will not grow.
    pub(crate) fn note_damage(&mut self, key: FileKey, over: bool) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let Some(Source::Gzip(gzip)) = &file.source else { return };
        let (at, what, ends) = match gzip.health() {
            Health::Damaged(damage) => (damage.at, damage.what, damage.ends),
            Health::Unfinished if over => {
                let size = gzip.file().metadata().map_or(0, |it| it.len());
                (size, "it ends in the middle".to_owned(), true)
            }
            Health::Unfinished => return,
            Health::Whole => {
                // It may have been mended.
                file.damaged = false;
                return;
            }
        };
        // Of one that an earlier run has read so far, or that is not read at all, nothing is lost now.
        let nothing_read = file.position > 0 && file.tail.is_empty();
        if nothing_read || std::mem::replace(&mut file.damaged, true) {
            return;
        }
        self.lost.damaged.add(1);
        let (path, decompressed) = (file.path().display(), file.known_end());
        if ends {
            tracing::error!(%path, offset = at, decompressed, damage = what, remedy = "put a whole copy in its \
                place, and reading goes on; 'gzip -t' checks it", "a compressed file is damaged: what stands \
                before the damage is read, the rest is lost");
        } else {
            tracing::error!(%path, offset = at, decompressed, damage = what, remedy = "compare it with where it \
                came from; 'gzip -t' checks it", "a compressed file is damaged: all its lines are read, and \
                some of them may be wrong");
        }
    }
}

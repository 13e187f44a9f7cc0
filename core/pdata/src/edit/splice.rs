//! Copies a chunk around changes. Bytes that do not change form a run, which is copied with one
//! `memcpy` when it ends; the headers of enclosing messages are part of the run, and their lengths
//! are patched in the output when the message turns out to have changed.

use crate::wire::{Field, Writer, varint};

/// Output and the start of the pending run in the source.
#[derive(Debug, Default)]
pub(crate) struct Splice {
    pub(crate) out: Writer,
    run: usize,
}

/// A message of the source while its content is being walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// In the source: the field, its body, its end.
    pub(crate) start: usize,
    pub(crate) body_at: usize,
    pub(crate) end: usize,
    /// In the output: the field and its length.
    start_out: usize,
    length_out: usize,
    /// Bytes of the length.
    width: usize,
}

/// Where the length of the length-delimited field at `start` stands.
#[inline]
pub(crate) fn length_at(src: &[u8], start: usize) -> usize {
    varint(src, start).map_or(start + 1, |(_, at)| at)
}

/// Where the body of a length-delimited field begins.
#[inline]
pub(crate) fn body_at(field: &Field<'_>) -> usize {
    field.end - field.payload.bytes().len()
}

impl Frame {
    /// Where the body stands in the output, once it is there.
    pub(crate) fn body_out(&self) -> usize {
        self.length_out + self.width
    }
}

impl Splice {
    /// Begins another chunk.
    pub(crate) fn begin(&mut self) {
        self.run = 0;
    }

    /// Where the source position `at`, not before the pending run, will stand in the output.
    #[inline]
    pub(crate) fn position(&self, at: usize) -> usize {
        self.out.len() + at.saturating_sub(self.run)
    }

    /// Copies the source up to `to`.
    #[inline]
    pub(crate) fn copy(&mut self, src: &[u8], to: usize) {
        if self.run < to {
            self.out.raw(src.get(self.run..to).unwrap_or_default());
            self.run = to;
        }
    }

    /// Copies up to `from` and leaves out what lies between `from` and `to`.
    #[inline]
    pub(crate) fn skip(&mut self, src: &[u8], from: usize, to: usize) {
        self.copy(src, from);
        self.run = self.run.max(to);
    }

    /// Enters a message.
    #[inline]
    pub(crate) fn open(&self, src: &[u8], field: &Field<'_>) -> Frame {
        let (start, body_at) = (field.start, body_at(field));
        let length_at = length_at(src, start);
        Frame {
            start,
            body_at,
            end: field.end,
            start_out: self.position(start),
            length_out: self.position(length_at),
            width: body_at - length_at,
        }
    }

    /// True if nothing in the message has changed so far.
    #[inline]
    pub(crate) fn is_untouched(&self, frame: &Frame) -> bool {
        self.run <= frame.start
    }

    /// Leaves a message.
    #[inline]
    pub(crate) fn close(&mut self, src: &[u8], frame: &Frame) {
        if self.is_untouched(frame) {
            return;
        }
        self.copy(src, frame.end);
        let length = self.out.len().saturating_sub(frame.body_out());
        self.out.patch(frame.length_out, frame.width, length);
    }

    /// Leaves a message and takes it out of the output.
    pub(crate) fn abandon(&mut self, src: &[u8], frame: &Frame) {
        if self.is_untouched(frame) {
            self.copy(src, frame.start);
        } else {
            self.out.buf.truncate(frame.start_out);
        }
        self.run = frame.end;
    }

    /// Ends the chunk: true if it changed, and then all of it has been written.
    pub(crate) fn end(&mut self, src: &[u8], out_at_begin: usize) -> bool {
        if self.run == 0 && self.out.len() == out_at_begin {
            return false;
        }
        self.copy(src, src.len());
        true
    }
}

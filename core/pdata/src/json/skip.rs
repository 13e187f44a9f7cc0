//! Steps over what nobody wants to know.

use super::JsonError;
use super::number;
use super::scan::{Scanner, Start};

/// Most levels of arrays and objects in a value that is skipped; one bit each in a `u128`.
const SKIP_DEPTH_MAX: u32 = 128;

impl Scanner<'_> {
    /// Steps over a value of any kind, without recursion.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        // One bit per open container, the innermost lowest: 1 for an object, 0 for an array.
        let (mut objects, mut depth) = (0u128, 0u32);
        loop {
            let is_object = self.peek() == b'{';
            let entered = match self.peek() {
                b'{' => self.object()? == Start::Members,
                b'[' => self.array()? == Start::Members,
                _ => self.skip_scalar().map(|()| false)?,
            };
            if entered {
                if depth == SKIP_DEPTH_MAX {
                    return Err(self.fail("incrementDepth", "exceeded max depth"));
                }
                depth += 1;
                objects = objects << 1 | u128::from(is_object);
                if is_object {
                    self.key()?;
                }
                continue;
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                let more = if in_object { self.another_member()? } else { self.another_element()? };
                if more {
                    if in_object {
                        self.key()?;
                    }
                    break;
                }
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    fn skip_scalar(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b't' | b'f' => self.boolean().map(drop),
            b'-' | b'0'..=b'9' => number::skip(self),
            b'n' => self.string().map(drop),
            _ => {
                let found = self.token();
                Err(self.fail("Skip", &format!("do not know how to skip: {found}")))
            }
        }
    }
}

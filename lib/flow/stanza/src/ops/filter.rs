//! `filter`: drops the records for which an expression is true.

use config::Fault;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Built, Cx, Failure, Flow, Operator};
use crate::entry::Entry;
use crate::section::Section;
use expr::Program;

#[derive(Debug)]
struct Filter {
    expression: Program,
    /// Share of the matching records that is dropped, 0 to 1.
    drop_ratio: f64,
    random: AtomicU64,
}

/// Makes it. `if` and `on_error` have no meaning here, as in the Collector.
pub(crate) fn build(section: &mut Section<'_>) -> Result<Built, Fault> {
    let text = section.text("expr").unwrap_or_default();
    let drop_ratio = section.float("drop_ratio", 1.0);
    section.check()?;
    if text.is_empty() {
        return Err("missing required field 'expr'".into());
    }
    let expression = Program::condition(text)
        .map_err(|problem| format!("failed to compile expression '{text}': {problem}"))?;
    if !(0.0..=1.0).contains(&drop_ratio) {
        return Err("drop_ratio must be a number between 0 and 1".into());
    }
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    Ok(Built::plain(Filter { expression, drop_ratio, random: AtomicU64::new(seed) }))
}

impl Operator for Filter {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        // Upstream drops the record when the expression fails; it goes on here.
        let matches = self.expression.holds(entry, cx.arena).unwrap_or_else(|text| {
            let failure = Failure::Text(text);
            cx.warning = Some(failure.at("Running expressing returned an error"));
            false
        });
        Ok(if matches && self.throw() < self.drop_ratio { Flow::Stop } else { Flow::Next })
    }
}

impl Filter {
    /// Evenly spread over 0 to below 1. `SplitMix64`; nothing here needs secrecy.
    fn throw(&self) -> f64 {
        if self.drop_ratio >= 1.0 {
            return 0.0;
        }
        let state = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((state ^ (state >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

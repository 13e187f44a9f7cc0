//! `filter`: drops the records for which an expression is true.

use config::{Described, Problems};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{Built, Cx, Failure, Flow, Operator, Transformer, Warning};
use crate::entry::Entry;
use crate::keys::condition;
use expr::Program;

#[derive(Debug)]
struct Filter {
    expression: Program,
    /// Share of the matching records that is dropped, 0 to 1.
    drop_ratio: f64,
    random: AtomicU64,
}

/// The keys of `filter`.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// An expression. A record for which it is true is thrown away. Required.
    expr: String,
    /// Of the records for which it is true, the share that is thrown away, from 0 to 1. Default 1: all of them.
    drop_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { expr: String::new(), drop_ratio: 1.0 }
    }
}

impl Transformer for Config {
    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let text = &self.expr;
        let expression = condition("expr", text, found, |why| {
            format!("failed to compile expression '{text}': {why}")
        });
        let drop_ratio = self.drop_ratio;
        if !(0.0..=1.0).contains(&drop_ratio) {
            let text = "drop_ratio must be a number between 0 and 1";
            let percent = drop_ratio / 100.0;
            let better = if (0.0..=1.0).contains(&percent) { percent } else { 1.0 };
            found.late("", text).set("drop_ratio", better.to_string());
        }
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
        Some(Built::plain(Filter {
            expression: expression?,
            drop_ratio,
            random: AtomicU64::new(seed),
        }))
    }
}

impl Operator for Filter {
    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        // Upstream drops the record when the expression fails; it goes on here.
        let matches = self.expression.holds(entry, cx.arena).unwrap_or_else(|text| {
            let failure = Failure::Text(text);
            cx.warning = Some(Warning::Filter(failure));
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

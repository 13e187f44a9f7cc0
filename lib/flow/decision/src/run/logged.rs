//! What of a decision is logged.

use rego::Value;

use super::{Run, Said};
use crate::decision_log::{self, DECISIONS_MAX, Decision};
use crate::fields::Record;

impl Run<'_> {
    /// The document of the record, and what each query of the section says of it.
    pub(super) fn said(&mut self, record: &Record<'_, '_>) -> Result<Said, String> {
        let rules = self.rules;
        let queries = rules.iter().map(|it| it.query).chain(self.engine.decision);
        let said = queries.map(|it| Ok((it, self.answer(it, record)?)));
        let said = said.collect::<Result<_, String>>()?;
        Ok((self.input(record.place), said))
    }

    /// Logs decisions about a record, as far as that is wanted.
    pub(super) fn log(&mut self, input: &Value, said: &[(usize, Value)], stays: bool) {
        let Some((logs, mask)) = &self.engine.logs else { return };
        if !logs.wants(stays) {
            return;
        }
        for (query, result) in said {
            if self.decisions.len() >= DECISIONS_MAX {
                self.instance.lost_decisions(1);
                continue;
            }
            let facts = decision_log::Facts {
                query: self.engine.wanted.queries.get(*query).map_or("", String::as_str),
                input,
                result,
                now: self.now,
                component: self.around.component,
                pipeline: self.around.pipeline,
                revision: &self.policy.revision,
            };
            let mut decision = Decision::new(&facts, self.decisions.len());
            let rules = match self.workers.evaluate.get_mut(*mask) {
                Some(worker) => worker.evaluate(decision.event()).map_err(|it| it.to_string()),
                None => Ok(None),
            };
            let masked = rules.and_then(|it| decision.mask(&it.unwrap_or(Value::Undefined)));
            match masked {
                Ok(()) => self.decisions.push(decision),
                // What could not be masked is not shown.
                Err(why) => {
                    self.instance.lost_decisions(1);
                    self.instance.complain(&format!("a decision was not logged: {why}"));
                }
            }
        }
    }
}

//! Rewriting for components that treat all signals alike.

use super::{AttributesEdit, Scratch};
use crate::data::Data;
use crate::view::ItemRef;

impl Data {
    /// Changes the attributes of every resource.
    #[must_use]
    pub fn edit_resources(
        &self,
        scratch: &mut Scratch,
        mut edit: impl FnMut(&mut AttributesEdit<'_>),
    ) -> Data {
        match self {
            Data::Logs(it) => it.rewrite(scratch, |_, at| edit(&mut at.attributes())).into(),
            Data::Traces(it) => it.rewrite(scratch, |_, at| edit(&mut at.attributes())).into(),
            Data::Metrics(it) => it.rewrite(scratch, |_, at| edit(&mut at.attributes())).into(),
        }
    }

    /// Changes the attributes of every log record, span or data point.
    #[must_use]
    pub fn edit_attributes(
        &self,
        scratch: &mut Scratch,
        mut edit: impl FnMut(ItemRef<'_>, &mut AttributesEdit<'_>),
    ) -> Data {
        match self {
            Data::Logs(it) => it
                .rewrite(scratch, |_, at| {
                    at.records(|record, at| {
                        let (resource, scope) = (at.resource(), at.scope());
                        let item = ItemRef::Record { resource, scope, record };
                        edit(item, &mut at.attributes());
                    });
                })
                .into(),
            Data::Traces(it) => it
                .rewrite(scratch, |_, at| {
                    at.spans(|span, at| {
                        let (resource, scope) = (at.resource(), at.scope());
                        edit(ItemRef::Span { resource, scope, span }, &mut at.attributes());
                    });
                })
                .into(),
            Data::Metrics(it) => it
                .rewrite(scratch, |_, at| {
                    at.metrics(|metric, at| {
                        let (resource, scope) = (at.resource(), at.scope());
                        at.points(|point, at| {
                            let item = ItemRef::Point { resource, scope, metric, point };
                            edit(item, &mut at.attributes());
                        });
                    });
                })
                .into(),
        }
    }
}

//! Rewriting for components that treat all signals alike.

use bytes::Bytes;

use super::{AttributesEdit, Scratch};
use crate::data::Data;
use crate::fields::{RESOURCES, group, points};
use crate::view::{ItemRef, Metric};
use crate::wire::Messages;

/// Log records or spans in `chunks`.
pub(super) fn count_groups(chunks: &[Bytes]) -> usize {
    scopes(chunks).map(|scope| Messages::new(scope, group::CHILDREN).count()).sum()
}

/// Data points in `chunks`.
pub(super) fn count_points(chunks: &[Bytes]) -> usize {
    scopes(chunks)
        .flat_map(|scope| Messages::new(scope, group::CHILDREN))
        .map(|metric| Messages::new(Metric::new(metric).data().source().1, points::POINTS).count())
        .sum()
}

fn scopes(chunks: &[Bytes]) -> impl Iterator<Item = &[u8]> {
    chunks
        .iter()
        .flat_map(|chunk| Messages::new(chunk, RESOURCES))
        .flat_map(|resource| Messages::new(resource, group::CHILDREN))
}

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

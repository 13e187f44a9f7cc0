//! A list, page by page. All pages show the same moment, that of their version.
//!
//! [`Feed`](crate::Feed) reads pages in place; [`List`] copies what is to be handed on.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Change, Client, Error, Happened, Query, null_is_default};

/// Objects of one page. As client-go has it.
const PAGE: usize = 500;

/// A page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Page<'a> {
    /// `PodList`.
    pub(crate) kind: String,
    pub(crate) api_version: String,
    pub(crate) metadata: PageMeta,
    #[serde(borrow, deserialize_with = "null_is_default")]
    pub(crate) items: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PageMeta {
    pub(crate) resource_version: String,
    r#continue: String,
}

/// Asks for one page after the other.
pub(crate) struct Pages<'a> {
    client: &'a Client,
    query: &'a Query,
    /// Parameters of the list.
    parameters: Vec<(&'static str, String)>,
    size: usize,
    /// Where the next page begins; `None` behind the last one.
    next: Option<String>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(client: &'a Client, query: &'a Query) -> Self {
        Self { client, query, parameters: Vec::new(), size: PAGE, next: Some(String::new()) }
    }

    /// As of exactly this version.
    pub(crate) fn at(mut self, version: &str) -> Self {
        self.parameters.push(("resourceVersion", version.to_owned()));
        self.parameters.push(("resourceVersionMatch", "Exact".into()));
        self
    }

    /// The next page, to be read by [`Pages::read`]; `None` behind the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(next) = &self.next else { return Ok(None) };
        let accept = self.query.accept("PartialObjectMetadataList");
        loop {
            let limit = self.size.to_string();
            let mut parameters = vec![("limit", &*limit), ("continue", next)];
            // The token of a page holds the version.
            if next.is_empty() {
                parameters.extend(self.parameters.iter().map(|(key, it)| (*key, it.as_str())));
            }
            let path = self.query.path(&parameters);
            match self.client.send(http::Method::GET, &path, &accept, &[]).await {
                // Large objects: fewer at once.
                Err(error) if error.is_too_long() && self.size > 1 => self.size /= 2,
                other => return other.map(Some),
            }
        }
    }

    /// What is on a page; the next one is behind it.
    pub(crate) fn read<'p>(&mut self, body: &'p [u8]) -> Result<Page<'p>, Error> {
        let page: Page<'_> = serde_json::from_slice(body).map_err(|error| {
            Error::Malformed(format!("a list of {}: {error}", self.query.resource))
        })?;
        let next = &page.metadata.r#continue;
        self.next = (!next.is_empty()).then(|| next.clone());
        Ok(page)
    }
}

/// A list whose objects are handed on.
pub(crate) struct List<'a> {
    pages: Pages<'a>,
    /// Of the page that was read last.
    pub(crate) version: String,
}

impl<'a> List<'a> {
    /// Of all that is there now, or was at `version` if that is not empty.
    pub(crate) fn new(client: &'a Client, query: &'a Query, version: &str) -> Self {
        let pages = Pages::new(client, query);
        let pages = if version.is_empty() { pages } else { pages.at(version) };
        Self { pages, version: String::new() }
    }

    /// The objects of the next page, as if they were new.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Happened>>, Error> {
        let Some(body) = self.pages.next().await? else { return Ok(None) };
        let page = self.pages.read(&body)?;
        let kind = page.kind.strip_suffix("List").unwrap_or(&page.kind).to_owned();
        let of = Arc::new((kind, page.api_version));
        let copy = |it: &RawValue| Happened {
            change: Change::Added,
            object: it.get().as_bytes().into(),
            of: Some(Arc::clone(&of)),
        };
        self.version = page.metadata.resource_version;
        Ok(Some(page.items.into_iter().map(copy).collect()))
    }
}

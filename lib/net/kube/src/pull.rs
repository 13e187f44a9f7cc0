//! Everything that is there, again and again.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::complaints::Complaints;
use crate::pages::List;
use crate::{Client, Error, Query, Taker};

/// Lists the objects of a query now and after each `interval`, until it is dropped. With a `version` it is always the list of
/// that version. A list that fails is tried again before its time.
pub async fn pull(
    client: &Client,
    query: &Query,
    version: &str,
    interval: Duration,
    taker: &dyn Taker,
) {
    let mut complaints = Complaints::default();
    loop {
        let next = Instant::now() + interval;
        let mut backoff = Backoff::default();
        while let Err(error) = once(client, query, version, taker).await {
            complaints.say(&query.resource, &["list"], &error);
            let again = Instant::now() + backoff.next(error.retry_after());
            if next <= again {
                break;
            }
            tokio::time::sleep_until(again).await;
        }
        tokio::time::sleep_until(next).await;
    }
}

async fn once(
    client: &Client,
    query: &Query,
    version: &str,
    taker: &dyn Taker,
) -> Result<(), Error> {
    let mut list = List::new(client, query, version);
    while let Some(page) = list.next().await? {
        if !page.is_empty() && !taker.take(page).await {
            break;
        }
    }
    Ok(())
}

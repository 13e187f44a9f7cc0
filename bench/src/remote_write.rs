//! What Prometheus takes from others: remote write, version 1. A series has its ledger line as a label.

use anyhow::Context as _;
use ledger::Oracle;
use prost::Message;

use crate::push::Kind;

/// The sink.
pub const KIND: Kind = Kind { path: "/api/v1/write", count };

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// Each has one sample here.
#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// Series without a line are about the sender.
fn count(body: &[u8], oracle: &Oracle) -> anyhow::Result<()> {
    let request = WriteRequest::decode(body).context("no write request")?;
    let labels = request.timeseries.iter().flat_map(|it| &it.labels);
    labels.filter(|it| it.name == "ledger").for_each(|it| oracle.count_text(&it.value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use ledger::Line;

    use super::*;

    #[test]
    fn series_are_counted_by_their_lines() {
        let label = |name: &str, value: String| Label { name: name.to_owned(), value };
        let series = |labels| TimeSeries { labels };
        let timeseries = vec![
            series(vec![label("__name__", "up".into()), label("ledger", Line::now(1, 0).text(9))]),
            series(vec![label("__name__", "target_info".into())]),
            series(vec![label("ledger", "w=1 seq=1 torn".into())]),
        ];
        let oracle = Oracle::default();
        count(&WriteRequest { timeseries }.encode_to_vec(), &oracle).unwrap();
        let tally = oracle.tally();
        assert_eq!((tally.delivered, tally.torn, tally.foreign), (1, 1, 0));
        assert!(count(b"\xff", &oracle).is_err());
    }
}

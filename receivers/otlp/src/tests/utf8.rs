//! Strings that are not UTF-8, over both transports.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use bytes::Bytes;
use component::Signal;
use component::config::{Choice, load};

use super::grpc::{call, framed};
use super::http::{post, post_json};
use super::{ALL, Fixture, run};
use crate::config::InvalidUtf8;

/// A log record whose severity text is not UTF-8, beside one that is right.
const BAD: &[u8] = b"\x0a\x10\x12\x0e\x12\x05\x1a\x03a\xffb\x12\x05\x1a\x03abc";
const MENDED: &[u8] = b"\x0a\x12\x12\x10\x12\x07\x1a\x05a\xef\xbf\xbdb\x12\x05\x1a\x03abc";
const PROTO: &str = "application/x-protobuf";

async fn receiver(word: Option<&str>) -> Fixture {
    Fixture::configured(ALL, |config| {
        config.invalid_utf8 = word.map(|word| {
            let value: Choice<InvalidUtf8> = serde_json::from_value(word.into()).unwrap();
            assert!(value.refused("").is_none());
            value
        });
    })
    .await
}

/// What arrived, and how many strings of it were repaired over `transport`.
fn arrived(it: &Fixture, transport: &str) -> (Vec<Bytes>, Option<f64>) {
    let got = it.sink.received().iter().map(component::Data::to_bytes).collect();
    it.sink.clear();
    let labels = [("receiver", "otlp"), ("transport", transport)];
    (got, componenttest::metric(&it.meter, "sluice_receiver_repaired_strings", &labels))
}

#[test]
fn a_string_that_is_not_utf8_is_repaired_by_default_and_all_records_arrive() {
    run(async {
        for word in [None, Some("replace")] {
            let it = receiver(word).await;
            post(it.http(), "/v1/logs", PROTO, MENDED).await.check(200, PROTO, "\n\0");
            assert_eq!(arrived(&it, "http"), (vec![MENDED.into()], None));
            post(it.http(), "/v1/logs", PROTO, BAD).await.check(200, PROTO, "\n\0");
            assert_eq!(arrived(&it, "http"), (vec![MENDED.into()], Some(1.0)));
            call(&it, &[], framed(false, BAD)).await.check_success();
            assert_eq!(arrived(&it, "grpc"), (vec![MENDED.into()], Some(1.0)));
            it.stop().await;
        }
    });
}

#[test]
fn it_can_be_refused_with_its_place() {
    run(async {
        let it = receiver(Some("refuse")).await;
        let why = "resource_logs[0].scope_logs[0].log_records[0]: string field contains invalid UTF-8 at byte 9";
        let reply = post(it.http(), "/v1/logs", PROTO, BAD).await;
        let status = rpcstatus::encode(3, why, None);
        reply.check(400, PROTO, std::str::from_utf8(&status).unwrap());
        let text = format!("grpc: error unmarshalling request: {why}");
        call(&it, &[], framed(false, BAD)).await.check(200, "3", &text);
        assert_eq!(it.sink.calls(), 0);
        call(&it, &[], framed(false, MENDED)).await.check_success();
        it.stop().await;
    });
}

#[test]
fn it_can_be_passed_on_as_in_go() {
    run(async {
        let it = receiver(Some("pass")).await;
        post(it.http(), "/v1/logs", PROTO, BAD).await.check(200, PROTO, "\n\0");
        call(&it, &[], framed(false, BAD)).await.check_success();
        assert_eq!(arrived(&it, "http"), (vec![BAD.into(), BAD.into()], None));
        it.stop().await;
    });
}

#[test]
fn json_that_is_not_utf8_is_refused_whatever_is_configured() {
    run(async {
        for word in ["replace", "refuse", "pass"] {
            let it = receiver(Some(word)).await;
            for body in
                [&b"{\"resourceLogs\": [{\"schemaUrl\": \"\xff\"}]}"[..], b"{\"x\": \"\xc3\"}"]
            {
                let reply = post_json(it.http(), body).await;
                let at = body.iter().position(|it| *it >= 0x80).unwrap();
                reply.check_json_error(400, 3, &format!("invalid UTF-8 at byte {at}"));
            }
            assert_eq!(it.sink.calls(), 0);
            it.stop().await;
        }
    });
}

#[test]
fn each_signal_is_repaired() {
    run(async {
        let it = receiver(None).await;
        for signal in Signal::ALL {
            // Of a resource: the schema, and an item so that a pipeline sees it.
            let item: &[u8] = match signal {
                // Metric.gauge with one point.
                Signal::Metrics => b"\x12\x06\x12\x04\x2a\x02\x0a\x00",
                _ => b"\x12\x02\x12\x00",
            };
            let group = [item, b"\x1a\x02u\xff"].concat();
            let body = [&[0x0a, group.len() as u8], &group[..]].concat();
            let path = format!("/v1/{signal}");
            post(it.http(), &path, PROTO, &body).await.check(200, PROTO, "\n\0");
            let (got, _) = arrived(&it, "http");
            assert!(got[0].ends_with("\x1a\x04u\u{fffd}".as_bytes()), "{got:?}");
        }
        it.stop().await;
    });
}

#[test]
fn another_word_is_refused_with_those_that_there_are() {
    let section = componenttest::section("{protocols: {http: }, invalid_utf8: drop}");
    let faults = load::<crate::Config>(&section).unwrap_err();
    assert_eq!(faults[0].text, "unknown value \"drop\" (valid values: [replace refuse pass])");
}

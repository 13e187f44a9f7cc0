//! The receiver against a server with a few answers.

use std::sync::Arc;
use std::time::Duration;

use component::{Component as _, Data, Receiver as _};
use componenttest::{Authority, Sink, TestHost, config, settings};
use configtls::{Acceptor, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::HttpCheck;

componenttest::conformance!(
    receiver HttpCheck,
    "{targets: [{endpoint: 'http://127.0.0.1:1'}], initial_delay: 1h, collection_interval: 1h}"
);

async fn answer(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = [0; 4096];
    let length = socket.read(&mut request).await.unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let text = request.to_lowercase();
    let (status, more, body) = match path {
        "/good" => (200, "", "{\"status\": \"ok\"}"),
        "/moved" => (302, "Location: /good\r\n", ""),
        "/posted" if text.contains("post ") && text.contains("content-type: application/json") => {
            (201, "", "")
        }
        "/secret" if text.contains("x-key: k") && text.contains("host: other") => (200, "", "in"),
        _ => (503, "", "no"),
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{more}", body.len());
    let _ = socket.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).await;
}

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    componenttest::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            componenttest::spawn(answer(socket));
        }
    });
    address
}

/// One line for each point: its name, attributes without the server, and value. Times are left out.
fn lines(data: &Data, server: &str) -> Vec<String> {
    let mut text = Vec::new();
    data.to_json(&mut text);
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut all = Vec::new();
    for metric in json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap() {
        let name = metric["name"].as_str().unwrap().trim_start_matches("httpcheck.");
        let points = if metric["gauge"].is_null() { &metric["sum"] } else { &metric["gauge"] };
        for point in points["dataPoints"].as_array().unwrap() {
            let shown = |it: &serde_json::Value| {
                let value = it["value"].as_object().unwrap().values().next().unwrap();
                value.as_str().unwrap().replace(server, "")
            };
            let own: Vec<String> =
                point["attributes"].as_array().unwrap().iter().map(shown).collect();
            let value =
                if name.ends_with("duration") { "-" } else { point["asInt"].as_str().unwrap() };
            if name == "status" && value == "0" {
                assert_eq!(own.len(), 3, "without a status code: {own:?}");
            } else {
                all.push(format!("{name} {} {value}", own.join(" ")));
            }
        }
    }
    all
}

async fn scraped(section: &str) -> Data {
    let (sink, host) = (Sink::new(), TestHost::new());
    let receiver =
        HttpCheck::create(settings("http_check"), config(section), sink.outputs(&["metrics"]));
    let receiver = Arc::new(receiver.unwrap());
    Arc::clone(&receiver).start(&host).await.unwrap();
    while sink.calls() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.shutdown(&*receiver, Duration::from_secs(5)).await;
    sink.received().remove(0)
}

#[tokio::test]
async fn each_url_is_asked_and_one_that_does_not_answer_is_an_error() {
    let address = server().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let section = format!(
        "{{initial_delay: 0s, collection_interval: 1h, targets: [
            {{endpoints: ['http://{address}/good', 'http://{address}/moved'], validations: [{{json_path: status, equals: ok}}]}},
            {{endpoint: 'http://{address}/posted', method: POST, body: '{{}}', auto_content_type: true}},
            {{endpoint: 'http://{address}/secret', headers: {{X-Key: k, Host: other}}}},
            {{endpoint: 'http://{address}/bad', timeout: 5s, tls: {{insecure_skip_verify: true}}}},
            {{endpoint: 'http://{nobody}'}}],
          metrics: {{httpcheck.response.size: {{enabled: true}}, httpcheck.validation.passed: {{enabled: true}},
            httpcheck.validation.failed: {{enabled: true}}, httpcheck.dns.lookup.duration: {{enabled: true}}}}}}"
    );
    let data = scraped(&section).await;
    let got = lines(&data, &format!("http://{address}"));
    let got: Vec<String> =
        got.iter().map(|it| it.replace(&format!("{nobody}"), "nobody")).collect();
    let of_all = |name: &str| {
        ["/good", "/moved", "/posted", "/secret", "/bad", "http://nobody"]
            .map(|it| format!("{name} {it} -"))
    };
    let mut want: Vec<String> = of_all("dns.lookup.duration").to_vec();
    want.extend(of_all("duration"));
    want.extend([
        "error http://nobody Get \"http://nobody\": dial tcp nobody: connect: connection refused 1",
        "response.size /good 16",
        "response.size /moved 16",
        "response.size /secret 2",
        "response.size /bad 2",
        "status /good 200 GET 2xx 1",
        "status /moved 200 GET 2xx 1",
        "status /posted 201 POST 2xx 1",
        "status /secret 200 GET 2xx 1",
        "status /bad 503 GET 5xx 1",
        "validation.passed /good json_path 1",
        "validation.passed /moved json_path 1",
    ].map(str::to_owned));
    assert_eq!(got, want);
}

#[tokio::test]
async fn a_certificate_is_named_with_the_time_that_it_has_left() {
    let authority = Authority::new();
    authority.issue("server", "127.0.0.1");
    let mut tls = ServerConfig::default();
    tls.common.cert_file = authority.path("server.pem");
    tls.common.key_file = authority.path("server.key");
    let acceptor = Acceptor::new(&tls, &["http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    componenttest::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            componenttest::spawn(answer(stream));
        }
    });
    let section = format!(
        "{{initial_delay: 0s, collection_interval: 1h,
          targets: [{{endpoint: 'https://{address}/good', tls: {{ca_file: '{}'}}}}],
          metrics: {{httpcheck.tls.cert_remaining: {{enabled: true}}, httpcheck.duration: {{enabled: false}},
            httpcheck.status: {{enabled: false}}}}}}",
        authority.path("ca.pem")
    );
    let mut text = Vec::new();
    scraped(&section).await.to_json(&mut text);
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let metrics = &json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    assert_eq!(metrics.as_array().map(Vec::len), Some(1), "{metrics}");
    let point = &metrics[0]["gauge"]["dataPoints"][0];
    assert!(point["asInt"].as_str().unwrap().parse::<i64>().unwrap() > 0, "{point}");
    let attributes = point["attributes"].as_array().unwrap();
    assert_eq!(attributes[1]["value"]["stringValue"], "CN=Sluice test authority");
    assert_eq!(attributes[2]["value"]["stringValue"], "rcgen self signed cert");
    let names = &attributes[3]["value"]["arrayValue"]["values"];
    assert_eq!(*names, serde_json::json!([{"stringValue": "127.0.0.1"}]));
}

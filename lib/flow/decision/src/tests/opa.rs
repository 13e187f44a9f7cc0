//! The random policies and records beside the Open Policy Agent itself: the interpreter says the same, so what is faster does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use proptest::strategy::ValueTree as _;
use rego::{Options, Policy, Source, Value};

use super::*;
use crate::remote_tests::opa;

/// Records for each policy.
const RECORDS: usize = 20;
/// Rules that are compared; some policies lack some.
const RULES: [&str; 7] = ["allow", "deny", "choice", "verdict", "decision", "other", "third"];

/// `opa run --server`.
struct Server {
    child: Child,
    stream: BufReader<TcpStream>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `None` if it is not there.
    fn start() -> Option<Self> {
        let opa = opa()?;
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(opa);
        command.args([
            "run",
            "--server",
            "--log-level",
            "error",
            "--disable-telemetry",
            "--addr",
            &free,
        ]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let connect = || {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            TcpStream::connect(&free).ok()
        };
        let stream = std::iter::repeat_with(connect).take(3_000).flatten().next().unwrap();
        Some(Self { child, stream: BufReader::new(stream) })
    }

    /// Status and answer.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, Json) {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: opa\r\nContent-Length: {length}\r\n\r\n");
        self.stream.get_mut().write_all((head + body).as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Json::Null))
    }
}

/// Numbers as doubles, as the two write them in their own way.
fn plain(json: &Json) -> Json {
    match json {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, it)| (key.clone(), plain(it))).collect())
        }
        other => other.clone(),
    }
}

/// How many pairs were compared, and where the answers differ.
fn compare(server: &mut Server, text: &str, records: &[Json]) -> (usize, Vec<String>) {
    let sources = vec![Source::new("p.rego", text), Source::new("base.rego", BASE)];
    let data = Value::from_json_str(&format!("{{\"base\": {DATA}}}")).unwrap();
    let policy = Policy::compile(sources, data, &Options::default());
    let (status, said) = server.ask("PUT", "/v1/policies/p", text);
    let Ok(policy) = policy else {
        assert_eq!(status, 400, "OPA takes what is refused here: {text}\n{:?}", policy.err());
        return (0, Vec::new());
    };
    assert_eq!(status, 200, "OPA refuses what is taken here: {text}\n{said}");
    let (mut count, mut differ) = (0, Vec::new());
    for document in crate::documents(&request(records)) {
        let document = document.to_json_str().unwrap();
        for rule in RULES.iter().filter(|it| text.contains(&format!("\n{it}"))) {
            let path = format!("/v1/data/p/{rule}");
            let (status, theirs) = server.ask("POST", &path, &format!("{{\"input\": {document}}}"));
            let input = Value::from_json_str(&document).unwrap();
            let mut worker = policy.query(&format!("data.p.{rule}")).unwrap().worker();
            let ours = worker.evaluate(input);
            let ours = ours
                .map(|it| it.map(|it| serde_json::from_str(&it.to_json_str().unwrap()).unwrap()));
            let same = match (&ours, theirs.get("result")) {
                (Err(_), _) => status == 500,
                (Ok(None), None) => status == 200,
                (Ok(Some(ours)), Some(theirs)) => plain(ours) == plain(theirs),
                _ => false,
            };
            count += 1;
            if !same {
                differ
                    .push(format!("{rule} of {text}\n{document}\n{ours:?}\nnot {status} {theirs}"));
            }
        }
    }
    (count, differ)
}

#[test]
fn random_policies_have_the_answers_of_opa() {
    let Some(mut server) = Server::start() else { return };
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let base = format!("{BASE}\n");
    assert_eq!(server.ask("PUT", "/v1/policies/base", &base).0, 200);
    assert_eq!(server.ask("PUT", "/v1/data/base", DATA).0, 204);
    let (mut count, mut differ) = (0, Vec::new());
    for _ in 0..policies() / 2 {
        let text = policy().new_tree(&mut runner).unwrap().current();
        let records =
            proptest::collection::vec(record(), RECORDS).new_tree(&mut runner).unwrap().current();
        let (more, wrong) = compare(&mut server, &text, &records);
        count += more;
        differ.extend(wrong);
    }
    eprintln!("{count} answers compared, {} differ", differ.len());
    assert!(differ.is_empty(), "{} of {count} differ: {}", differ.len(), differ[0]);
}

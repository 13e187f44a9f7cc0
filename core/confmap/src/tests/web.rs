//! `http:` locations against a server that misbehaves.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::web::{LIMITS, Limits, get};

/// Answers every request with what `answer` writes, until the process ends.
fn server(answer: fn(&str, &mut TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                answer(head.split(' ').nth(1).unwrap_or_default(), &mut stream);
            });
        }
    });
    format!("http://{address}")
}

/// What is written to who has left is lost.
fn send(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).is_ok()
}

fn misbehave(path: &str, stream: &mut TcpStream) {
    let redirect = |to: &str| {
        format!(
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
    };
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    match path.split('?').next().unwrap_or_default() {
        "/good" => {
            send(stream, &format!("{chunks}5\r\na: {{b\r\n6\r\n: 1}}\n\n\r\n0\r\n\r\n"));
        }
        "/part" => {
            send(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nc: 3");
        }
        "/moved" => {
            send(stream, &redirect("/good"));
        }
        "/loop" => {
            send(stream, &redirect("/loop"));
        }
        "/slow" => {
            send(stream, chunks);
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            while send(stream, "1\r\na\r\n") {
                let _ = stream.read(&mut [0]);
            }
        }
        "/silent" => {
            let _ = stream.read(&mut [0]);
        }
        "/endless" => {
            send(stream, chunks);
            while send(stream, &format!("3e8\r\n{}\r\n", "x".repeat(1000))) {}
        }
        "/head" => {
            send(stream, "HTTP/1.1 200 OK\r\n");
            while send(stream, &format!("a: {}\r\n", "x".repeat(1000))) {}
        }
        "/binary" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\xff");
        }
        _ => {
            send(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
    }
}

#[test]
fn a_location_is_downloaded_and_redirects_are_followed() {
    let at = server(misbehave);
    for path in ["/good", "/moved"] {
        let uri = format!("{at}{path}");
        let conf =
            resolve(&locations(&[uri.clone(), "yaml:a: {c: 2}".into()], &[]), &environment());
        let conf = conf.unwrap();
        assert_eq!(show(&conf.root), "{a: {b: 1, c: 2}}");
        let place = conf.origin(&["a", "b"], At::Value).unwrap().to_string();
        assert_eq!(place, format!("{uri}:1:8"));
    }
    let conf = yaml(&[&format!("k: ${{{at}/part}}")]).unwrap();
    assert_eq!(show(&conf.root), "{k: {c: 3}<c: 3>}");
}

#[test]
fn what_cannot_be_downloaded_has_the_collectors_text() {
    let at = server(misbehave);
    let error = |uri: String| {
        resolve(&locations(&[uri], &[]), &environment()).unwrap_err().headline.replace(&at, "URL")
    };
    let intro = "failed to get config: cannot resolve the configuration: cannot retrieve the configuration: ";
    assert_eq!(
        error(format!("{at}/absent")),
        format!("{intro}failed to load resource from uri \"URL/absent\". status code: 404")
    );
    let loops = error(format!("{at}/loop?token=hunter2"));
    assert_eq!(
        loops,
        format!(
            "{intro}unable to download the file via HTTP GET for uri \"URL/loop?token=[REDACTED]\": stopped \
             after 10 redirects"
        )
    );
    assert!(error(format!("{at}/binary")).ends_with("is not UTF-8 at byte 0"));
    // Nobody listens there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(error(format!("http://{free}")).ends_with("connection refused"));
    // Encrypted, to who does not speak it.
    let tls = error(at.replace("http:", "https:") + "/good");
    assert!(tls.contains("unable to download the file via HTTP GET"), "{tls}");
}

#[test]
fn a_server_that_dawdles_or_never_ends_is_left() {
    let at = server(misbehave);
    let short = Limits { time: Duration::from_millis(200), bytes: 100_000, ..LIMITS };
    for (path, want) in [
        ("/slow", "no complete answer within 0.2 s"),
        ("/silent", "no complete answer within 0.2 s"),
        ("/endless", "the answer is larger than 100000 bytes"),
    ] {
        let limits = if path == "/endless" { Limits { bytes: 100_000, ..LIMITS } } else { short };
        let error = get(&format!("{at}{path}"), limits).unwrap_err();
        assert!(error.ends_with(want), "{path}: {error}");
    }
    assert!(get(&format!("{at}/head"), LIMITS).is_err());
}

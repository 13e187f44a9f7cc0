use std::sync::{Mutex, PoisonError};

use kube::Client;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
type Subject = componenttest::conformance::extension<K8sLeaderElector>;
const SECTION: &str = "{lease_name: foo, lease_namespace: bar}";

// The start needs a cluster: `tests/e2e/kube_objects.rs`.
#[test]
fn it_is_as_all_components() {
    componenttest::conformance::check_type::<Subject>(FOLDER);
    componenttest::conformance::check_readme::<Subject>(FOLDER);
    componenttest::conformance::check_defaults::<Subject>(SECTION);
    componenttest::conformance::check_unknown_key::<Subject>(SECTION);
    componenttest::conformance::check_create::<Subject>(SECTION);
}

#[test]
fn a_lease_needs_a_name_a_namespace_and_times_that_fit() {
    let check = |section: &str, want: &str| {
        let (_, found) =
            component::config::check::<Config>(&componenttest::section(section)).unwrap();
        let texts: Vec<&str> = found.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts.join("; "), want, "{section}");
    };
    check("lease_name: foo", "lease name and namespace must be set");
    check("lease_namespace: foo", "lease name and namespace must be set");
    check(SECTION, "");
    let with = |keys: &str| format!("{{lease_name: foo, lease_namespace: bar, {keys}}}");
    check(&with("lease_duration: 10s"), "leaseDuration must be greater than renewDeadline");
    check(
        &with("renew_deadline: 2s"),
        "renewDeadline must be greater than retryPeriod*JitterFactor",
    );
    check(&with("retry_period: 0s"), "retryPeriod must be greater than zero");
    check(&with("auth_type: x"), "invalid authType for kubernetes: x");
}

/// An API server that knows one lease, and can be out of order.
#[derive(Default)]
struct Server {
    lease: Mutex<Option<Json>>,
    broken: Mutex<bool>,
}

impl Server {
    async fn new() -> (Arc<Self>, Client) {
        let server = Arc::new(Self::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::plain(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let own = Arc::clone(&server);
        componenttest::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    // The client may have gone.
                    let Ok(byte) = socket.read_u8().await else { break };
                    head.push(byte);
                }
                if head.is_empty() {
                    continue;
                }
                let head = String::from_utf8(head).unwrap().to_lowercase();
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|it| it.split("\r\n").next()?.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                socket.read_exact(&mut body).await.unwrap();
                let (status, body) = own.answer(&head, &body);
                let text = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = socket.write_all(text.as_bytes()).await;
            }
        });
        (server, client)
    }

    fn answer(&self, head: &str, body: &[u8]) -> (u16, String) {
        let of = |code: u16, message: &str| {
            (code, json!({"code": code, "message": message}).to_string())
        };
        if *self.broken.lock().unwrap() {
            return of(503, "out of order");
        }
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let version =
            |it: &Json| it["metadata"]["resourceVersion"].as_str().unwrap_or("").to_owned();
        let path = "/apis/coordination.k8s.io/v1/namespaces/bar/leases";
        if head.starts_with(&format!("get {path}/foo ")) {
            return lease.as_ref().map_or_else(|| of(404, "none"), |it| (200, it.to_string()));
        }
        let mut new: Json = serde_json::from_slice(body).unwrap();
        let known = lease.as_ref().map(version);
        if head.starts_with(&format!("post {path} ")) && known.is_some()
            || head.starts_with("put ") && known.as_deref() != Some(&*version(&new))
        {
            return of(409, "the object has been modified");
        }
        let next = known.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) + 1;
        new["metadata"]["resourceVersion"] = next.to_string().into();
        *lease = Some(new.clone());
        (200, new.to_string())
    }

    fn spec(&self) -> Json {
        self.lease.lock().unwrap().as_ref().map_or(Json::Null, |it| it["spec"].clone())
    }

    fn set(&self, spec: Json) {
        let mut lease = self.lease.lock().unwrap();
        let lease =
            lease.get_or_insert_with(|| json!({"metadata": {"name": "foo", "labels": {"a": "b"}}}));
        lease["spec"] = spec;
        lease["metadata"]["resourceVersion"] = format!("1{}", fastrand::u16(..)).into();
    }
}

const TIMES: Times = Times {
    lease: Duration::from_secs(2),
    renew: Duration::from_millis(600),
    retry: Duration::from_millis(100),
};

fn candidate(client: &Client, identity: &str) -> Candidate {
    Candidate::new(client.clone(), ("bar", "foo"), identity.to_owned(), TIMES)
}

async fn is(leads: &mut watch::Receiver<Lead>, want: Lead) {
    let came =
        tokio::time::timeout(Duration::from_secs(20), leads.wait_for(|it| *it == want)).await;
    assert!(came.is_ok(), "{want:?} did not come");
}

#[tokio::test]
async fn one_of_two_leads_and_the_other_follows_when_the_lease_is_given_back() {
    let (server, client) = Server::new().await;
    let (mut one, mut two) = (candidate(&client, "one"), candidate(&client, "two"));
    let (lead, other) = (watch::Sender::default(), watch::Sender::default());
    let mut leads = lead.subscribe();
    let mut others = other.subscribe();
    tokio::select! {
        () = one.run(&lead) => {}
        () = is(&mut leads, Lead::Anew) => {}
    }
    assert_eq!(server.spec()["holderIdentity"], "one");
    assert_eq!(server.spec()["leaseDurationSeconds"], 2);
    assert_eq!(server.spec()["leaseTransitions"], 0);
    tokio::select! {
        () = two.run(&other) => {}
        () = tokio::time::sleep(Duration::from_millis(400)) => {}
    }
    assert_eq!(*others.borrow(), Lead::No);
    one.release().await;
    assert_eq!(server.spec()["holderIdentity"], "");
    tokio::select! {
        () = two.run(&other) => {}
        () = is(&mut others, Lead::Anew) => {}
    }
    assert_eq!(
        (&server.spec()["holderIdentity"], &server.spec()["leaseTransitions"]),
        (&json!("two"), &json!(1))
    );
}

#[tokio::test]
async fn a_lease_that_nobody_renews_is_taken_when_it_is_over() {
    let (server, client) = Server::new().await;
    server.set(json!({"holderIdentity": "gone", "leaseDurationSeconds": 1, "leaseTransitions": 4,
        "acquireTime": "2020-01-01T00:00:00.000000Z", "renewTime": "2099-01-01T00:00:00.000000Z"}));
    let (mut one, lead) = (candidate(&client, "one"), watch::Sender::default());
    let mut leads = lead.subscribe();
    let begun = tokio::time::Instant::now();
    tokio::select! {
        () = one.run(&lead) => {}
        () = is(&mut leads, Lead::Anew) => {}
    }
    // The times in it are another machine's, and do not matter.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(server.spec()["leaseTransitions"], 5);
    // What else is in the object stays.
    assert_eq!(
        server.lease.lock().unwrap().as_ref().unwrap()["metadata"]["labels"],
        json!({"a": "b"})
    );
}

#[tokio::test]
async fn a_leader_that_cannot_renew_stops_in_time_and_leads_again_when_it_can() {
    let (server, client) = Server::new().await;
    let (mut one, lead) = (candidate(&client, "one"), watch::Sender::default());
    let mut leads = lead.subscribe();
    tokio::select! {
        () = one.run(&lead) => {}
        () = async {
            is(&mut leads, Lead::Anew).await;
            *server.broken.lock().unwrap() = true;
            let begun = tokio::time::Instant::now();
            is(&mut leads, Lead::No).await;
            assert!(begun.elapsed() < TIMES.lease, "{:?}", begun.elapsed());
            *server.broken.lock().unwrap() = false;
            // Nobody else has led.
            is(&mut leads, Lead::Again).await;
        } => {}
    }
}

#[tokio::test]
async fn a_lease_that_another_one_has_taken_is_lost_at_once() {
    let (server, client) = Server::new().await;
    let (mut one, lead) = (candidate(&client, "one"), watch::Sender::default());
    let mut leads = lead.subscribe();
    tokio::select! {
        () = one.run(&lead) => {}
        () = async {
            is(&mut leads, Lead::Anew).await;
            server.set(json!({"holderIdentity": "two", "leaseDurationSeconds": 1, "leaseTransitions": 1}));
            is(&mut leads, Lead::No).await;
            // Somebody else has led in between.
            is(&mut leads, Lead::Anew).await;
        } => {}
    }
    assert_eq!(server.spec()["leaseTransitions"], 2);
}

//! The follower against a server that answers from a script.

use std::sync::Arc;
use std::sync::Mutex;

use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::Resource;
use crate::script::{Act, MESSAGES, event, server, stream};

/// Notes what it is told: `+a`, `~a`, `-a`, and `@7` for a version that was reached.
struct Notes {
    notes: mpsc::Sender<String>,
    /// As many batches are taken as there are permits.
    permits: Semaphore,
    /// What it answers.
    takes: Mutex<bool>,
}

#[async_trait]
impl Taker for Notes {
    async fn take(&self, happened: Vec<Happened>) -> bool {
        self.permits.acquire().await.unwrap().forget();
        for it in &happened {
            let sign = match it.change {
                Change::Added => '+',
                Change::Modified => '~',
                _ => '-',
            };
            let object: serde_json::Value = serde_json::from_slice(&it.object).unwrap();
            let name = object["metadata"]["name"].as_str().unwrap();
            let of = it.of.as_ref().map_or(String::new(), |it| format!(" {}", it.0));
            self.notes.try_send(format!("{sign}{name}{of}")).unwrap();
        }
        *self.takes.lock().unwrap()
    }

    fn reached(&self, version: &str) {
        self.notes.try_send(format!("@{version}")).unwrap();
    }
}

fn thing(name: &str, version: u64, created: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}","resourceVersion":"{version}","creationTimestamp":"{created}"}}}}"#
    )
}

/// A list of things, in a version.
fn things(version: u64, items: &[String]) -> Act {
    let items = items.join(",");
    let body = format!(
        r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"}},"items":[{items}]}}"#
    );
    Act::Answer(200, "", body)
}

const OLD: &str = "2020-01-01T00:00:00Z";
const NEW: &str = "2999-01-01T00:00:00Z";

/// Runs a follower while `script` looks at what it notes and what it asks.
async fn run<F: Future<Output = ()>>(
    acts: Vec<Act>,
    beginning: Beginning,
    permits: usize,
    script: impl FnOnce(Arc<Notes>, Told, CancellationToken) -> F,
) {
    let (client, asked) = server(acts).await;
    let (notes, told) = mpsc::channel(MESSAGES);
    let notes =
        Arc::new(Notes { notes, permits: Semaphore::new(permits), takes: Mutex::new(true) });
    let stopping = CancellationToken::new();
    let follow = Follow::new(&client, Query::all(Resource::PODS), beginning);
    tokio::select! {
        () = follow.run(&*notes, &stopping) => panic!("it ended"),
        () = script(Arc::clone(&notes), Told { told, asked }, stopping.clone()) => {}
    }
}

struct Told {
    told: mpsc::Receiver<String>,
    asked: mpsc::Receiver<String>,
}

impl Told {
    async fn expect(&mut self, want: &[&str]) {
        for want in want {
            let next = tokio::time::timeout(Duration::from_secs(20), self.told.recv()).await;
            assert_eq!(next.expect("it is told in time").as_deref(), Some(*want));
        }
    }

    /// The last part of the next request.
    async fn asks(&mut self, want: &str) {
        let next = tokio::time::timeout(Duration::from_secs(20), self.asked.recv()).await;
        let path = next.expect("it is asked in time").unwrap();
        assert!(path.ends_with(want), "{path}");
    }
}

#[tokio::test]
async fn what_is_there_is_not_told_and_what_happens_is_told_once() {
    let (send, watch) = stream();
    let (keep, again) = stream();
    let cut = Act::Cut("{\"type\":\"ADDED\",\"obj");
    let acts = vec![things(7, &[thing("old", 5, OLD)]), watch, cut, again];
    run(acts, Beginning::Now, 100, async |_, mut told, _| {
        told.expect(&["@7"]).await;
        told.asks("?limit=500").await;
        told.asks("resourceVersion=7").await;
        let lines = event("ADDED", &thing("a", 8, OLD)) + &event("MODIFIED", &thing("a", 9, OLD));
        send.try_send(lines).unwrap();
        told.expect(&["+a", "~a", "@9"]).await;
        send.try_send(event("BOOKMARK", &thing("", 20, OLD))).unwrap();
        told.expect(&["@20"]).await;
        send.try_send(event("DELETED", &thing("a", 21, OLD))).unwrap();
        told.expect(&["-a", "@21"]).await;
        drop(send);
        // It ended in good order, and then in the middle of a line: it goes on where it was.
        told.asks("resourceVersion=21").await;
        told.asks("resourceVersion=21").await;
        keep.try_send(event("ADDED", &thing("b", 22, OLD))).unwrap();
        told.expect(&["+b", "@22"]).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_reached_before_it_was_taken() {
    let (send, watch) = stream();
    let acts = vec![things(7, &[]), watch];
    run(acts, Beginning::Now, 0, async |notes, mut told, _| {
        told.expect(&["@7"]).await;
        send.try_send(event("ADDED", &thing("a", 8, OLD))).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        send.try_send(event("ADDED", &thing("b", 9, OLD))).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(told.told.try_recv().is_err());
        notes.permits.add_permits(1);
        told.expect(&["+a", "@8"]).await;
        notes.permits.add_permits(1);
        told.expect(&["+b", "@9"]).await;
    })
    .await;
}

#[tokio::test]
async fn who_is_to_stop_takes_first_what_is_being_taken() {
    let (send, watch) = stream();
    let (client, _asked) = server(vec![things(7, &[]), watch]).await;
    let (notes, told) = mpsc::channel(MESSAGES);
    let notes = Notes { notes, permits: Semaphore::new(0), takes: Mutex::new(true) };
    let (stopping, mut told) = (CancellationToken::new(), Told { told, asked: mpsc::channel(1).1 });
    let follow = Follow::new(&client, Query::all(Resource::PODS), Beginning::Now);
    let script = async {
        told.expect(&["@7"]).await;
        send.try_send(event("ADDED", &thing("a", 8, OLD))).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stopping.cancel();
        tokio::time::sleep(Duration::from_millis(50)).await;
        notes.permits.add_permits(1);
        told.expect(&["+a", "@8"]).await;
    };
    tokio::join!(follow.run(&notes, &stopping), script);
}

#[tokio::test]
async fn what_is_not_taken_is_not_reached() {
    let (send, watch) = stream();
    let (client, _asked) = server(vec![things(7, &[]), watch]).await;
    let (notes, told) = mpsc::channel(MESSAGES);
    let notes = Notes { notes, permits: Semaphore::new(9), takes: Mutex::new(false) };
    let mut told = Told { told, asked: mpsc::channel(1).1 };
    send.try_send(event("ADDED", &thing("a", 8, OLD))).unwrap();
    let follow = Follow::new(&client, Query::all(Resource::PODS), Beginning::Now);
    follow.run(&notes, &CancellationToken::new()).await;
    told.expect(&["@7", "+a"]).await;
    assert!(told.told.try_recv().is_err());
}

#[tokio::test]
async fn after_a_gap_what_is_newer_is_told_as_it_is_now() {
    let (send, watch) = stream();
    let (keep, again) = stream();
    let listed = [thing("old", 5, OLD), thing("changed", 30, OLD), thing("made", 31, NEW)];
    let acts = vec![things(7, &[]), watch, things(40, &listed), again];
    run(acts, Beginning::Now, 100, async |_, mut told, _| {
        told.expect(&["@7"]).await;
        send.try_send(event("ADDED", &thing("a", 8, OLD))).unwrap();
        told.expect(&["+a", "@8"]).await;
        send.try_send(event("ERROR", r#"{"code":410,"reason":"Expired"}"#)).unwrap();
        told.expect(&["~changed Pod", "+made Pod", "@40"]).await;
        for _ in 0..3 {
            told.asked.recv().await.unwrap();
        }
        told.asks("resourceVersion=40").await;
        drop(keep);
    })
    .await;
}

#[tokio::test]
async fn what_is_there_is_told_as_new_if_that_is_wanted() {
    let listed = || things(9, &[thing("a", 5, OLD), thing("b", 6, OLD)]);
    let (_keep, watch) = stream();
    run(vec![listed(), watch], Beginning::Existing, 100, async |_, mut told, _| {
        told.expect(&["+a Pod", "+b Pod", "@9"]).await;
    })
    .await;
    let (_keep, watch) = stream();
    let after = Beginning::ExistingAfter("5".into());
    run(vec![listed(), watch], after, 100, async |_, mut told, _| {
        told.expect(&["+b Pod", "@9"]).await;
    })
    .await;
    let (_keep, watch) = stream();
    run(vec![watch], Beginning::After("3".into()), 100, async |_, mut told, _| {
        told.asks("resourceVersion=3").await;
    })
    .await;
}

#[tokio::test]
async fn objects_are_pulled_again_and_again() {
    let acts = vec![
        things(9, &[thing("a", 5, OLD)]),
        Act::Answer(503, "", "not now".into()),
        things(9, &[thing("b", 6, OLD)]),
    ];
    let (client, mut asked) = server(acts).await;
    let (notes, told) = mpsc::channel(MESSAGES);
    let notes = Notes { notes, permits: Semaphore::new(100), takes: Mutex::new(true) };
    let mut told = Told { told, asked: mpsc::channel(1).1 };
    let query = Query::all(Resource::PODS);
    tokio::select! {
        () = crate::pull(&client, &query, "7", Duration::from_millis(1500), &notes) => panic!("it ended"),
        () = told.expect(&["+a Pod", "+b Pod"]) => {}
    }
    let path = asked.recv().await.unwrap();
    assert!(path.ends_with("&resourceVersion=7&resourceVersionMatch=Exact"), "{path}");
}

#[tokio::test]
async fn the_kinds_of_a_server_are_found_core_first() {
    let body = |text: &str| Act::Answer(200, "", text.into());
    let acts = vec![
        body(
            r#"{"resources":[{"name":"pods","namespaced":true,"verbs":["list","watch"]},{"name":"pods/log"},{"name":"events","namespaced":true}]}"#,
        ),
        body(
            r#"{"groups":[{"name":"events.k8s.io","preferredVersion":{"version":"v1"},"versions":[{"version":"v1"}]}]}"#,
        ),
        body(r#"{"resources":[{"name":"events","namespaced":true}]}"#),
    ];
    let (client, _asked) = server(acts).await;
    let kinds = client.kinds().await.unwrap();
    let names: Vec<String> = kinds.iter().map(|it| it.resource.to_string()).collect();
    assert_eq!(names, ["pods", "events", "events.events.k8s.io"]);
    assert_eq!(kinds[0].verbs, ["list", "watch"]);
}

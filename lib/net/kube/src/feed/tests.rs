//! The feed against a server that answers from a script, one request after the other.

use componenttest::TestHost;
use tokio::sync::mpsc;

use super::*;
use crate::script::{Act, MESSAGES, event, list, object, server, stream};
use crate::{Object, Resource};

/// Notes what it is told.
struct Notes(mpsc::Sender<String>);

impl Sink<Object> for Notes {
    fn event(&self, event: Event<'_, Object>) {
        let _ = self.0.try_send(match event {
            Event::Restarted => "restarted".into(),
            Event::Applied(it) => format!("+{}", it.metadata.name),
            Event::Deleted(it) => format!("-{}", it.metadata.name),
            Event::Synced => "synced".into(),
        });
    }
}

struct Watcher {
    events: mpsc::Receiver<String>,
    _sink: Arc<dyn Sink<Object>>,
}

impl Watcher {
    fn of(feed: &Feed<Object>) -> Self {
        let (notes, events) = mpsc::channel(MESSAGES);
        let sink: Arc<dyn Sink<Object>> = Arc::new(Notes(notes));
        feed.subscribe(Arc::downgrade(&sink));
        Self { events, _sink: sink }
    }

    async fn expect(&mut self, want: &[&str]) {
        for want in want {
            let next = tokio::time::timeout(Duration::from_secs(20), self.events.recv()).await;
            assert_eq!(next.expect("it is told in time").as_deref(), Some(*want));
        }
    }
}

fn feed(client: &Client) -> Arc<Feed<Object>> {
    Feed::of(client, Query::metadata(Resource::PODS))
}

#[tokio::test]
async fn a_list_of_several_pages_is_followed_by_a_watch_from_its_version() {
    let (send, watch) = stream();
    let (client, mut asked) =
        server(vec![list("", "next page", &["a"]), list("7", "", &["b"]), watch]).await;
    let (feed, host) = (feed(&client), TestHost::new());
    let mut watcher = Watcher::of(&feed);
    feed.serve(&host);
    watcher.expect(&["restarted", "+a", "+b", "synced"]).await;
    assert!(feed.state().borrow().synced);
    send.try_send(event("ADDED", &object("c")) + &event("DELETED", &object("a"))).unwrap();
    watcher.expect(&["+c", "-a"]).await;
    // A line may come in pieces.
    let line = event("MODIFIED", &object("b"));
    let (one, two) = line.split_at(30);
    send.try_send(one.into()).unwrap();
    send.try_send(two.into()).unwrap();
    watcher.expect(&["+b"]).await;
    assert_eq!(asked.recv().await.unwrap(), "/api/v1/pods?limit=500");
    assert_eq!(asked.recv().await.unwrap(), "/api/v1/pods?limit=500&continue=next%20page");
    let watch = asked.recv().await.unwrap();
    assert!(
        watch.contains("allowWatchBookmarks=true") && watch.ends_with("resourceVersion=7"),
        "{watch}"
    );
    host.stop().await;
}

#[tokio::test]
async fn an_expired_version_begins_a_new_list_and_a_cut_watch_goes_on_where_it_was() {
    let (send, first) = stream();
    let (keep, last) = stream();
    let cut = Act::Cut("{\"type\":\"ADDED\",\"obj");
    let script = vec![list("7", "", &["a"]), first, cut, list("8", "", &["b"]), last];
    let (client, mut asked) = server(script).await;
    let (feed, host) = (feed(&client), TestHost::new());
    let mut watcher = Watcher::of(&feed);
    feed.serve(&host);
    watcher.expect(&["restarted", "+a", "synced"]).await;
    send.try_send(event("BOOKMARK", r#"{"metadata":{"resourceVersion":"70"}}"#)).unwrap();
    send.try_send(event("ADDED", "{\"metadata\":3}")).unwrap();
    send.try_send(event("ADDED", &object("x"))).unwrap();
    // What cannot be read is passed over.
    watcher.expect(&["+x"]).await;
    drop(send);
    for _ in 0..3 {
        asked.recv().await.unwrap();
    }
    // The watch ended in good order, and again in the middle of a line: from the version that was seen last.
    let again = asked.recv().await.unwrap();
    assert!(again.ends_with("resourceVersion=9"), "{again}");
    host.stop().await;
    drop(keep);

    let (told, expired) = stream();
    let (keep, last) = stream();
    let (client, _asked) =
        server(vec![list("7", "", &["a"]), expired, list("8", "", &["b"]), last]).await;
    let (feed, host) = (self::feed(&client), TestHost::new());
    let mut watcher = Watcher::of(&feed);
    feed.serve(&host);
    watcher.expect(&["restarted", "+a", "synced"]).await;
    told.try_send(event("ERROR", r#"{"code":410,"reason":"Expired","message":"too old"}"#))
        .unwrap();
    watcher.expect(&["restarted", "+b", "synced"]).await;
    host.stop().await;
    drop(keep);
}

#[tokio::test]
async fn a_refusal_is_told_with_the_missing_rule_and_tried_again() {
    let forbidden = r#"{"message":"pods is forbidden: User \"n\" cannot list","code":403}"#;
    let busy = Act::Answer(429, "Retry-After: 1\r\n", "slow down".into());
    let script = vec![Act::Answer(403, "", forbidden.into()), busy, list("1", "", &["a"])];
    let (client, _asked) = server(script).await;
    let (feed, host) = (feed(&client), TestHost::new());
    let mut watcher = Watcher::of(&feed);
    feed.serve(&host);
    let mut state = feed.state();
    let problem = state.wait_for(|it| it.problem.is_some()).await.unwrap().problem.clone();
    assert_eq!(
        problem.unwrap(),
        "cannot watch pods: pods is forbidden: User \"n\" cannot list; add to the ClusterRole: \
         {apiGroups: [\"\"], resources: [\"pods\"], verbs: [get, list, watch]}"
    );
    watcher.expect(&["restarted", "+a", "synced"]).await;
    assert_eq!(feed.state().borrow().problem, None);
    host.stop().await;
}

#[tokio::test]
async fn one_feed_serves_all_and_a_newcomer_is_told_everything() {
    let (first, watch) = stream();
    let (second, again) = stream();
    let (third, last) = stream();
    let script = vec![list("1", "", &["a"]), watch, list("2", "", &["a", "b"]), again, last];
    let (client, mut asked) = server(script).await;
    let (one, two) = (feed(&client), feed(&client));
    assert!(Arc::ptr_eq(&one, &two));
    assert!(!Arc::ptr_eq(&one, &Feed::of(&client, Query::metadata(Resource::NODES))));
    let (host, successor) = (TestHost::new(), TestHost::new());
    let mut watcher = Watcher::of(&one);
    one.serve(&host);
    two.serve(&successor);
    watcher.expect(&["restarted", "+a", "synced"]).await;
    // The list, and the watch: one that is given up before it was asked for does not use up its answer.
    for _ in 0..2 {
        asked.recv().await.unwrap();
    }
    let mut newcomer = Watcher::of(&two);
    newcomer.expect(&["restarted", "+a", "+b", "synced"]).await;
    watcher.expect(&["restarted", "+a", "+b", "synced"]).await;
    // The one that does the work stops, and the other goes on: with a list, since it knows no version.
    host.stop().await;
    second.try_send(event("ADDED", &object("late"))).unwrap();
    drop((first, third));
    successor.stop().await;
}

//! Several addresses behind one name.

use std::net::SocketAddr;

use super::super::balance;
use super::*;

/// Between two look-ups.
const PAUSE: Duration = Duration::from_millis(50);

/// Addresses that a test changes while a client runs.
type Addresses = Arc<Mutex<Result<Vec<SocketAddr>, String>>>;

/// A client for a name with these addresses.
fn client_of(addresses: &Addresses, change: impl FnOnce(&mut ClientConfig)) -> Client {
    let mut config = plain("backend:4317".into());
    change(&mut config);
    let client = Client::new(&config, "Test/1", Duration::from_secs(5)).unwrap();
    let addresses = Arc::clone(addresses);
    let resolve = move || -> balance::LookUp {
        let found = addresses.lock().unwrap().clone();
        Box::pin(async move { found })
    };
    let start = client.start.lock().unwrap().take();
    *client.start.lock().unwrap() = start.map(|it| it.resolved_by(Arc::new(resolve), PAUSE));
    client
}

async fn servers(count: usize) -> (Vec<SocketAddr>, Vec<(JoinHandle<()>, Seen)>) {
    let (mut addresses, mut all) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        all.push(serve(listener, ok()));
    }
    (addresses, all)
}

/// Calls until each of these has come, and says how many each server got.
async fn calls(client: &Client, count: usize, all: &mut [(JoinHandle<()>, Seen)]) -> Vec<usize> {
    for _ in 0..count {
        call(client, &[Bytes::from_static(b"x")]).await.unwrap();
    }
    all.iter_mut().map(|it| std::iter::from_fn(|| it.1.try_recv().ok()).count()).collect()
}

/// Waits until calls reach `wanted` servers.
async fn until_reached(client: &Client, wanted: usize, all: &mut [(JoinHandle<()>, Seen)]) {
    let reach = async {
        while calls(client, 6, all).await.iter().filter(|it| **it > 0).count() != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(2 * LIMIT, reach).await.unwrap();
}

#[tokio::test]
async fn calls_go_to_all_addresses_in_turn() {
    let (found, mut all) = servers(3).await;
    let client = client_of(&Arc::new(Mutex::new(Ok(found))), |_| {});
    until_reached(&client, 3, &mut all).await;
    assert_eq!(calls(&client, 9, &mut all).await, [3, 3, 3]);
}

#[test]
fn pick_first_takes_the_first_address_that_can_be_reached_and_looks_up_no_others() {
    let resolves = |balancer_name: &str| {
        let balancer_name = balancer_name.to_owned();
        let config = ClientConfig { balancer_name, ..plain("backend:4317".into()) };
        let client = Client::new(&config, "Test/1", Duration::ZERO).unwrap();
        let balancer = client.start.lock().unwrap().take().unwrap();
        balancer.resolves()
    };
    assert!(!resolves("pick_first"));
    assert!(resolves("round_robin") && resolves("weighted_round_robin") && resolves(""));
}

#[tokio::test]
async fn an_address_where_nobody_is_costs_no_call() {
    let (mut found, mut all) = servers(2).await;
    let (listener, _) = listen().await;
    found.push(listener.local_addr().unwrap());
    drop(listener);
    let client = client_of(&Arc::new(Mutex::new(Ok(found))), |_| {});
    until_reached(&client, 2, &mut all).await;
    assert_eq!(calls(&client, 8, &mut all).await, [4, 4]);
}

#[tokio::test]
async fn a_server_that_has_moved_is_found_again_and_one_that_is_gone_gets_no_calls() {
    let (found, mut all) = servers(3).await;
    let addresses: Addresses = Arc::new(Mutex::new(Ok(found[..2].to_vec())));
    let client = client_of(&addresses, |_| {});
    until_reached(&client, 2, &mut all).await;
    // The second has moved, and its connection ends.
    *addresses.lock().unwrap() = Ok(vec![found[0], found[2]]);
    all[1].0.abort();
    let moved = async {
        loop {
            let _ = call(&client, &[Bytes::from_static(b"x")]).await;
            if all[2].1.try_recv().is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(2 * LIMIT, moved).await.unwrap();
    until_reached(&client, 2, &mut all).await;
    assert_eq!(calls(&client, 6, &mut all).await, [3, 0, 3]);
}

#[tokio::test]
async fn a_name_without_addresses_is_said_and_looked_up_again() {
    let (found, mut all) = servers(1).await;
    let nobody = Err("lookup backend: no such host".to_owned());
    let addresses: Addresses = Arc::new(Mutex::new(nobody));
    let client = client_of(&addresses, |_| {});
    let status = call(&client, &[]).await.unwrap_err();
    let text = "name resolver error: produced zero addresses: lookup backend: no such host";
    assert_eq!((status.code, status.message.as_str()), (code::UNAVAILABLE, text));
    *addresses.lock().unwrap() = Ok(found);
    let heal = async {
        while call(&client, &[]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(2 * LIMIT, heal).await.unwrap();
    assert_eq!(calls(&client, 1, &mut all).await, [2]);
}

#[tokio::test]
async fn a_call_under_way_ends_on_the_connection_that_is_no_longer_wanted() {
    let (found, mut all) = servers(2).await;
    // Answers when it is told to.
    let (listener, _) = listen().await;
    let slow = listener.local_addr().unwrap();
    let (asked, mut is_asked) = mpsc::channel(16);
    let (tell, told) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            asked.send(()).await.unwrap();
            let mut told = told.clone();
            tokio::spawn(async move {
                told.wait_for(|it| *it).await.unwrap();
                let (sender, _seen) = mpsc::channel(1);
                one(request, respond, ok(), sender).await;
            });
        }
    });
    let addresses: Addresses = Arc::new(Mutex::new(Ok(vec![slow, found[0]])));
    let client = Arc::new(client_of(&addresses, |_| {}));
    let mut late = tokio::task::JoinSet::new();
    while is_asked.try_recv().is_err() {
        let client = Arc::clone(&client);
        late.spawn(async move { call(&client, &[Bytes::from_static(b"x")]).await });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let up = || match &*client.link.borrow() {
        Link::Up(all) => all.iter().map(|it| Arc::clone(&it.calls)).collect(),
        _ => Vec::new(),
    };
    let before = up();
    // The other connection ends, and the look-up finds that the slow one is gone as well.
    *addresses.lock().unwrap() = Ok(vec![found[1]]);
    all[0].0.abort();
    let replaced = async {
        while up().is_empty() || up().iter().any(|it| before.iter().any(|old| Arc::ptr_eq(it, old)))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, replaced).await.unwrap();
    tokio::time::sleep(10 * PAUSE).await;
    tell.send(true).unwrap();
    while let Some(reply) = tokio::time::timeout(LIMIT, late.join_next()).await.unwrap() {
        assert_eq!(reply.unwrap().unwrap(), "fine");
    }
    assert_eq!(calls(&client, 4, &mut all[1..]).await, [4]);
}

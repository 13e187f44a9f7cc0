//! The client against brokers of the test's, which answer as the test says.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use crate::connection::{
    FIND_COORDINATOR, JOIN_GROUP, LIST_OFFSETS, METADATA, PRODUCE, SYNC_GROUP,
};
use crate::wire::{Reader, Writer};
use crate::{ClientConfig, Cluster, Error, Group, Membership, Message, Place, Producer, Start};

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30);
const TOPIC: &str = "logs";
const PRODUCES: i16 = PRODUCE.0;
const LISTS_OFFSETS: i16 = LIST_OFFSETS.0;
const NOT_LEADER: i16 = 6;
const REBALANCE_IN_PROGRESS: i16 = 27;

fn listen() -> (TcpListener, i32) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port.into())
}

/// Answers requests by their numbers. The threads end with the process.
fn serve(listener: TcpListener, answer: impl Fn(i16) -> Writer + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A client that goes away is none of the test's.
            std::thread::spawn(move || drop(talk(stream, &*answer)));
        }
    });
}

fn talk(mut stream: TcpStream, answer: &impl Fn(i16) -> Writer) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut request)?;
        let mut request = Reader::new(request.into());
        let (kind, _version, id) =
            (request.i16().unwrap(), request.i16().unwrap(), request.i32().unwrap());
        let mut body = Writer::default();
        body.i32(id).out.extend(answer(kind).out);
        let mut out = Writer::default();
        out.bytes(&body.out);
        stream.write_all(&out.out)?;
    }
}

fn cluster(port: i32) -> Arc<Cluster> {
    let brokers = vec![format!("127.0.0.1:{port}")];
    Arc::new(Cluster::new(&ClientConfig { brokers, ..ClientConfig::default() }).unwrap())
}

/// Brokers 1 and 2, and who leads the only partition.
fn metadata(ports: [i32; 2], leader: i32) -> Writer {
    let mut out = Writer::default();
    out.i32(0).list([(1, ports[0]), (2, ports[1])].into_iter(), |out, it| {
        out.i32(it.0).text("127.0.0.1").i32(it.1).null_text();
    });
    out.null_text().i32(1).list([TOPIC].into_iter(), |out, topic| {
        out.i16(0).text(topic).i8(0).list([leader].into_iter(), |out, leader| {
            out.i16(0).i32(0).i32(leader).i32(0).i32(0);
        });
    });
    out
}

fn of_partition(write: impl Fn(&mut Writer)) -> Writer {
    let mut out = Writer::default();
    out.list([TOPIC].into_iter(), |out, topic| {
        out.text(topic).list([0].into_iter(), |out, partition| write(out.i32(partition)));
    });
    out
}

/// Broker 2 leads, but that is known only when somebody has asked broker 1.
fn with_a_new_leader() -> Arc<Cluster> {
    let ((first, first_port), (second, second_port)) = (listen(), listen());
    let is_known = Arc::new(AtomicBool::new(false));
    for (node, listener) in [(1, first), (2, second)] {
        let is_known = Arc::clone(&is_known);
        serve(listener, move |kind| {
            if kind == METADATA.0 {
                let leader = if is_known.load(SeqCst) { 2 } else { 1 };
                return metadata([first_port, second_port], leader);
            }
            is_known.store(true, SeqCst);
            let code = if node == 2 { 0 } else { NOT_LEADER };
            match kind {
                PRODUCES => of_partition(|it| _ = it.i16(code).i64(0).i64(0).i64(0)),
                LISTS_OFFSETS => of_partition(|it| _ = it.i16(code).i64(0).i64(42)),
                other => panic!("{other} is not asked for"),
            }
        });
    }
    cluster(first_port)
}

#[tokio::test]
async fn records_that_wait_go_to_the_new_leader_of_their_partition() {
    let producer = Producer::new(with_a_new_leader());
    let message = Message {
        topic: TOPIC.into(),
        key: None,
        value: Bytes::from_static(b"a"),
        headers: Arc::default(),
        items: 1,
    };
    let mut packed = producer.pack(&[message], 0).await.unwrap();
    assert_eq!(producer.send(&mut packed).await, Err(Error::Broker(NOT_LEADER)));
    let again = async {
        while producer.send(&mut packed).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, again).await.expect("the new leader is found");
    assert!(packed.is_empty());
}

#[tokio::test]
async fn an_offset_is_asked_of_the_new_leader_of_its_partition() {
    let cluster = with_a_new_leader();
    let place = Place { topic: TOPIC.into(), partition: 0 };
    cluster.partitions(TOPIC, false).await.unwrap();
    assert_eq!(Start::Earliest.offset(&cluster, &place).await, Err(Error::Broker(NOT_LEADER)));
    let again = async {
        loop {
            cluster.partitions(TOPIC, false).await.unwrap();
            if let Ok(offset) = Start::Earliest.offset(&cluster, &place).await {
                return offset;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(timeout(LIMIT, again).await.expect("the new leader is found"), 42);
}

fn group(cluster: Arc<Cluster>) -> Group {
    Group::new(cluster, "g", (LIMIT, LIMIT), Vec::new())
}

fn coordinator(host: &str, port: i32) -> Writer {
    let mut out = Writer::default();
    out.i16(0).i32(1).text(host).i32(port);
    out
}

#[tokio::test]
async fn a_member_is_known_by_its_id_also_when_its_group_does_not_come_together() {
    let (listener, port) = listen();
    serve(listener, move |kind| {
        let mut out = Writer::default();
        if kind == FIND_COORDINATOR.0 {
            return coordinator("127.0.0.1", port);
        } else if kind == JOIN_GROUP.0 {
            out.i32(0).i16(0).i32(1).text("range").text("another").text("me").i32(0);
        } else if kind == SYNC_GROUP.0 {
            out.i16(REBALANCE_IN_PROGRESS).bytes(&[]);
        }
        out
    });
    let mut member = String::new();
    let joined = group(cluster(port)).join(&[TOPIC.to_owned()], &mut member).await;
    assert_eq!(joined.unwrap_err(), Error::Broker(REBALANCE_IN_PROGRESS));
    assert_eq!(member, "me");
}

#[tokio::test]
async fn a_coordinator_may_have_an_ipv6_address() {
    let (listener, port) = listen();
    serve(listener, |_| coordinator("::1", 1));
    let membership = Membership { member: "me".to_owned(), generation: 1 };
    let error = group(cluster(port)).heartbeat(&membership).await.unwrap_err().to_string();
    assert!(error.starts_with("broker [::1]:1: dial tcp [::1]:1: "), "{error}");
}

#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers of tests are small, or drawn by chance"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use componenttest::spawn;
use tokio::net::TcpListener;

use super::*;

/// The numbers of types, as on the wire.
const SRV: u16 = 33;

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|it| !it.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// A record of the name that stands at byte 12.
fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    let head = [&[0xc0, 12][..], &kind.to_be_bytes(), &[0, 1, 0, 0, 0, 60]].concat();
    [&head, &(data.len() as u16).to_be_bytes()[..], data].concat()
}

fn service(port: u16, target: &str) -> Vec<u8> {
    let numbers = [&[0, 1, 0, 2][..], &port.to_be_bytes()].concat();
    record(SRV, &[numbers, name(target)].concat())
}

/// The answer to a question.
fn answer(asked: &[u8], flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let end = 12 + asked[12..].iter().position(|it| *it == 0).unwrap() + 5;
    let count = (records.len() as u16).to_be_bytes();
    let head = [&asked[..2], &(0x8000 | flags).to_be_bytes(), &[0, 1], &count, &[0; 4]].concat();
    [&head, &asked[12..end], &records.concat()].concat()
}

/// What a server of a test says: to a name and a type its flags and records; to another name that there is none.
type Zone = BTreeMap<(&'static str, u16), (u16, Vec<Vec<u8>>)>;

const TOO_LONG: u16 = 0x0200;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;

fn said(zone: &Zone, asked: &[u8], over_tcp: bool) -> Vec<u8> {
    let found = zone.iter().find(|((text, kind), _)| {
        asked[12..].starts_with(&[name(text), kind.to_be_bytes().to_vec()].concat())
    });
    let (flags, records) = found.map_or((NO_SUCH_NAME, Vec::new()), |it| it.1.clone());
    if over_tcp {
        return answer(asked, flags & !TOO_LONG, &records);
    }
    answer(asked, flags, if flags & TOO_LONG == 0 { &records } else { &[] })
}

/// A server on a port of its own.
async fn server(zone: Zone) -> SocketAddr {
    let zone = Arc::new(zone);
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // The same port of the other protocol may be taken.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    let own = Arc::clone(&zone);
    spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let asked = &buffer[..length];
            // What is none of the client's: another number, another name, and nothing at all.
            let mut forged = answer(asked, 0, &[service(666, "evil.test")]);
            forged[0] ^= 1;
            let other = asked.iter().map(|it| if *it == b'o' { b'0' } else { *it });
            let other = answer(&other.collect::<Vec<_>>(), 0, &[service(666, "evil.test")]);
            for sent in [forged, other, vec![1], said(&own, asked, false)] {
                udp.send_to(&sent, from).await.unwrap();
            }
        }
    });
    spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut asked = vec![0; usize::from(length)];
            stream.read_exact(&mut asked).await.unwrap();
            let said = said(&zone, &asked, true);
            stream.write_u16(said.len() as u16).await.unwrap();
            stream.write_all(&said).await.unwrap();
        }
    });
    address
}

fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver {
        servers: servers.to_vec(),
        attempts: 1,
        ..Resolver::read("search one.test two.test")
    }
}

fn found(target: &str, port: u16) -> Record {
    Record::Service { target: target.to_owned(), port }
}

#[tokio::test]
async fn records_of_each_type_are_found() {
    let mail = record(15, &[&[0, 10][..], &name("mail.test")].concat());
    let alias = record(5, &name("b.test"));
    let zone = Zone::from([
        (("o.test", SRV), (0, vec![service(9100, "a.test"), alias, service(9101, "b.test")])),
        (("o.test", 15), (0, vec![mail])),
        (("o.test", 2), (0, vec![record(2, b"\x02ns\xc0\x0c")])),
    ]);
    let resolver = resolver(&[server(zone).await]);
    for (kind, want) in [
        ("srv", vec![found("a.test.", 9100), found("b.test.", 9101)]),
        ("MX", vec![Record::Mail("mail.test.".to_owned())]),
        ("NS", vec![Record::NameServer("ns.o.test.".to_owned())]),
    ] {
        let Some(Kind::Record(kind)) = Kind::named(kind) else { panic!("{kind} is known") };
        assert_eq!(resolver.look_up("o.test.", kind).await, Ok(want));
    }
    assert_eq!((Kind::named("a"), Kind::named("AAAA")), (Some(Kind::A), Some(Kind::Aaaa)));
    assert_eq!(Kind::named("TXT"), None);
}

#[tokio::test]
async fn what_is_too_long_for_udp_is_asked_for_over_tcp() {
    let all: Vec<_> = (0..500).map(|it| service(it, "some.where.test")).collect();
    let zone = Zone::from([(("o.test", SRV), (TOO_LONG, all))]);
    let resolver = resolver(&[server(zone).await]);
    let records = resolver.look_up("o.test.", Type::Srv).await.unwrap();
    assert_eq!((records.len(), &records[499]), (500, &found("some.where.test.", 499)));
}

#[tokio::test]
async fn the_search_path_is_walked_until_a_name_is_known() {
    let zone = Zone::from([(("o.two.test", SRV), (0, vec![service(1, "a.test")]))]);
    let resolver = resolver(&[server(zone).await]);
    assert_eq!(resolver.look_up("o", Type::Srv).await, Ok(vec![found("a.test.", 1)]));
    assert_eq!(resolver.look_up("nobody.o", Type::Srv).await, Ok(vec![]));
    // With a dot at the end it is the whole name.
    assert_eq!(resolver.look_up("o.", Type::Srv).await, Ok(vec![]));
}

#[tokio::test]
async fn a_server_that_cannot_say_is_no_server_that_says_no() {
    let zone = || Zone::from([(("o.one.test", SRV), (SERVER_FAILURE, vec![]))]);
    let failing = server(zone()).await;
    let error = resolver(&[failing]).look_up("o", Type::Srv).await.unwrap_err();
    let want =
        "could not resolve \"o\": all servers responded with errors to at least one search domain";
    assert_eq!(error, want);
    let zone = Zone::from([(("o.one.test", SRV), (0, vec![service(1, "a.test")]))]);
    let both = resolver(&[failing, server(zone).await]);
    assert_eq!(both.look_up("o", Type::Srv).await, Ok(vec![found("a.test.", 1)]));
}

#[test]
fn resolv_conf_says_whom_to_ask() {
    let text = "# made by hand\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver nonsense\n\
        domain old.test\nsearch a.test b.test.\noptions ndots:2 timeout:900 attempts:0 rotate\n";
    let resolver = Resolver::read(text);
    let want = ["192.0.2.1:53".parse().unwrap(), "[fe80::1]:53".parse().unwrap()];
    assert_eq!(resolver.servers, want);
    assert_eq!((resolver.timeout, resolver.attempts), (Duration::from_secs(60), 1));
    assert_eq!(resolver.names("web"), ["web.a.test", "web.b.test", "web"]);
    assert_eq!(resolver.names("a.b"), ["a.b.a.test", "a.b.b.test", "a.b"]);
    assert_eq!(resolver.names("a.b.c"), ["a.b.c", "a.b.c.a.test", "a.b.c.b.test"]);
    assert_eq!(resolver.names("web."), ["web"]);
    let many = "nameserver 192.0.2.1\n".repeat(100);
    assert_eq!(Resolver::read(&many).servers.len(), SERVERS_MAX);
    assert_eq!(Resolver::read("").servers, ["127.0.0.1:53".parse().unwrap()]);
}

#[test]
fn names_that_are_none_are_not_asked_for() {
    let long = "a".repeat(64);
    let longer = "a.".repeat(200);
    for wrong in ["a..b", ".a", &long, longer.trim_end_matches('.')] {
        assert!(question(1, wrong, SRV, None).is_err(), "{wrong}");
    }
    assert_eq!(question(1, "", 2, None).unwrap()[12..], [0, 0, 2, 0, 1]);
}

#[test]
fn answers_that_lie_are_refused() {
    let asked = question(7, "o.test", SRV, None).unwrap();
    let read = |bytes: &[u8]| Reply::read(bytes, &asked);
    let good = answer(&asked, 0, &[service(1, "a.test")]);
    assert!(matches!(read(&good), Ok(Some(Reply::Whole(Answer::Records(it)))) if it.len() == 1));
    for cut in 0..good.len() {
        let cut = read(&good[..cut]);
        assert!(!matches!(cut, Ok(Some(_))), "{cut:?}");
    }
    // A name that leads to itself, forwards, or in a circle; a length beyond the end; an odd kind of label.
    let at = (good.len() - 8) as u8;
    for target in [vec![0xc0, at], vec![0xc0, 0xff], vec![0xc0, at - 20, 0], vec![0x40], vec![9]] {
        let data = [&[0, 1, 0, 2, 0, 80][..], &target].concat();
        let reply = read(&answer(&asked, 0, &[record(SRV, &data)]));
        assert!(matches!(&reply, Err(_) | Ok(Some(Reply::Whole(Answer::Records(_))))), "{reply:?}");
    }
    let odd = read(&answer(&asked, 0, &[record(SRV, b"\0\0\0\0\0\x50\x04a.\x07\\\0")]));
    let odd = odd.unwrap().unwrap();
    assert_eq!(odd, Reply::Whole(Answer::Records(vec![found("a\\.\\007\\\\.", 80)])));
    // Names that are longer than any name can be.
    let label = [&[63][..], &[b'x'; 63]].concat();
    let long = [&[0; 6][..], &label.repeat(20), &[0]].concat();
    assert!(read(&answer(&asked, 0, &[record(SRV, &long)])).is_err());
}

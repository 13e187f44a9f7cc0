use std::sync::Arc;

use componenttest::{TestHost, config, planned, problems, settings};

use super::*;
use crate::turn::WAITING_MAX;

componenttest::conformance!(extension BasicAuth, "{htpasswd: {inline: \"ann:secret\"}}");

const SLOW: &str = "$2y$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6O";

fn basic(login: &[u8]) -> String {
    format!("Basic {}", Base64::STANDARD.encode(login))
}

async fn started(section: &str) -> (Arc<BasicAuth>, TestHost) {
    let host = TestHost::new();
    let extension = Arc::new(BasicAuth::create(settings("basic_auth"), config(section)).unwrap());
    Arc::clone(&extension).start(&host).await.unwrap();
    (extension, host)
}

/// A server with these lines.
async fn server(lines: &[&str]) -> (Arc<BasicAuth>, TestHost) {
    let inline = lines.join("\\n");
    started(&format!(r#"{{"htpasswd": {{"inline": "{inline}"}}}}"#)).await
}

/// What it says to a client with this `Authorization`.
async fn told(extension: &BasicAuth, header: &str) -> Result<AuthData, String> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(header.as_bytes()).unwrap());
    extension.authenticate(&headers).await.map_err(|it| it.text().to_owned())
}

async fn knows(extension: &BasicAuth, login: &str) -> bool {
    match told(extension, &basic(login.as_bytes())).await {
        Ok(_) => true,
        Err(why) => {
            assert_eq!(why, "invalid credentials", "{login}");
            false
        }
    }
}

#[tokio::test]
async fn every_kind_of_hash_knows_its_password_and_no_other() {
    let (longer, long) = ("a longer password with spaces", "p".repeat(100));
    // Of OpenSSL 3 and libxcrypt 4, and of the tests of upstream's library.
    for (hash, password) in [
        ("secret", "secret"),
        ("with:colon", "with:colon"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password"),
        ("{SSHA}/lLSOXpMWipWr3ifiighLCpqBiFoMzBM", "password"),
        ("$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "secret"),
        ("$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0", ""),
        ("$1$abc$lyib3x75i7dog6fw0/te9/", long.get(..40).unwrap()),
        ("$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "secret"),
        ("$apr1$saltsalt$noLuWqTHOuEP37m0NiS5v.", longer),
        ("$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA", "secret"),
        ("$5$saltsalt$s.9iWSbdQvXXV9Tvupe8JYUo5sM.oLLbrsgziAEQGBB", longer),
        ("$5$abc$mudX224s60/Y093xoiatJLfZIl3L/.eHk97DT7WWlt8", &long),
        ("$5$rounds=2000$longersaltstring$ykGrbo7hOFKg/muJPzvBGjRM1z22Wra9.DlFM6/UfV7", "secret"),
        (
            "$6$saltsalt$YCTalYjC8q.LMkkYaOZYvQmZp50Mig9awA1GN.7u0juk/L63VCZJSlbIy9neiP5v28ZSKljfQjDBXR/DPWx5l0",
            longer,
        ),
        (
            "$6$rounds=2000$abc$4RZIOT4altcbmcr4iDDfoLIjbdaijfqfvb1GJJPxYI3GmLE3LTXE9GGnpCiPZ2rwbmU6ZxoJS4zy4.NQ2Q/vY0",
            &long,
        ),
        (SLOW, "bar"),
        ("$2a$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6O", "bar"),
        ("$2b$08$hQbZuw.cHsECArUAP9mOjehaJxTG9NMJfioQIHcbC0YyXpVybhoQa", "bar"),
        ("$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i", &"x".repeat(100)),
    ] {
        let (extension, _host) = server(&[&format!("ann:{hash}")]).await;
        assert!(knows(&extension, &format!("ann:{password}")).await, "{hash}");
        for wrong in [format!("ann:{password}."), format!("bob:{password}"), format!("ann:{hash}x")]
        {
            // bcrypt has never looked at more than 72 bytes.
            let is_cut =
                hash.starts_with("$2") && 72 < password.len() && wrong.starts_with("ann:x");
            assert_eq!(knows(&extension, &wrong).await, is_cut, "{hash}: {wrong}");
        }
    }
}

#[tokio::test]
async fn passwords_are_bytes_and_have_a_longest() {
    let hash = "ann:$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e";
    let (extension, _host) = server(&[hash]).await;
    told(&extension, &basic(b"ann:\xff\xff\xa3")).await.unwrap();
    let (extension, _host) = server(&[&format!("ann:{}", "x".repeat(1025))]).await;
    assert!(!knows(&extension, &format!("ann:{}", "x".repeat(1025))).await);
}

#[tokio::test]
async fn a_client_is_told_what_is_wrong_in_the_collectors_words() {
    let (extension, _host) = server(&["ann:secret", "bob:bar"]).await;
    let missing = extension.authenticate(&HeaderMap::new()).await.unwrap_err();
    assert_eq!(missing.text(), "no basic auth provided");
    for (header, why) in [
        ("", "no basic auth provided"),
        ("Basic", "invalid authorization scheme prefix"),
        ("Bearer YW5uOnNlY3JldA==", "invalid authorization scheme prefix"),
        ("Basic ***", "invalid authorization format"),
        ("Basic YW5u", "invalid authorization format"),
        ("Basic YW5uOmJhcg==", "invalid credentials"),
    ] {
        assert_eq!(told(&extension, header).await.unwrap_err(), why, "{header}");
    }
    let known = told(&extension, "bAsIc YW5uOnNlY3JldA==").await.unwrap();
    let text = |it: &str| Some(Value::String(it.to_owned()));
    assert_eq!(known.get("username").cloned(), text("ann"));
    assert_eq!(known.get("raw").cloned(), text("YW5uOnNlY3JldA=="));
}

#[test]
fn lines_that_are_no_user_are_named_without_what_they_hide() {
    let lines = "# a comment: x\n\nann\nbob:{SHA}short\ncid:$y$j9T$abc\ndan:{CRYPT}x\neve:$2y$20$bWBMg3oUStnhfy5rFvoyreviPySU6hv\n\
                 fay:$6$rounds=9000000$a$b\ngus:$2y$05$short\nhal: a$b$c {x} ";
    let users = Users::read(lines);
    let unused: Vec<String> = users.unused.iter().map(|(at, why)| format!("{at} {why}")).collect();
    let again = "are not supported: make the line again with htpasswd -B";
    assert_eq!(
        unused,
        [
            "3 there is no colon in it: write name:password",
            "4 its {SHA} hash is damaged: make the line again",
            &format!("5 hashes of the kind $y$ {again}"),
            &format!("6 hashes of the kind {{CRYPT}} {again}"),
            "7 checking bcrypt with cost 20 takes minutes: make the line again with at most 17",
            "8 checking SHA-crypt with 9000000 rounds takes seconds: make the line again with at most 1000000",
            "9 its bcrypt hash is damaged: make the line again",
        ]
    );
    assert!(users.get("hal").is_some_and(|it| it.hash.matches(b" a$b$c {x}")));
}

#[tokio::test]
async fn inline_users_count_before_those_of_the_file_which_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("htpasswd");
    std::fs::write(&path, "ann:file\nbob:one\nbob:two\n").unwrap();
    let section =
        format!(r#"{{"htpasswd": {{"file": "{}", "inline": "ann:inline"}}}}"#, path.display());
    let (extension, _host) = started(&section).await;
    for (login, want) in
        [("ann:inline", true), ("ann:file", false), ("bob:one", false), ("bob:two", true)]
    {
        assert_eq!(knows(&extension, login).await, want, "{login}");
    }
    std::fs::write(&path, "bob:three, which is longer\n").unwrap();
    while !knows(&extension, "bob:three, which is longer").await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!knows(&extension, "bob:two").await);
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_keeps_nobody_out_who_is_known() {
    let (extension, _host) = server(&[&format!("ann:{SLOW}"), &format!("bob:{SLOW}")]).await;
    assert!(knows(&extension, "ann:bar").await);
    let mut flood = tokio::task::JoinSet::new();
    for guess in 0..2 * WAITING_MAX {
        let extension = Arc::clone(&extension);
        flood.spawn(
            async move { told(&extension, &basic(format!("ann:{guess}").as_bytes())).await },
        );
    }
    // One thread runs the tasks: after the turn of each, all are in the line or have been sent away.
    tokio::task::yield_now().await;
    assert!(knows(&extension, "ann:bar").await, "ann is remembered");
    assert!(knows(&extension, "bob:bar").await, "bob has a line of his own");
    let mut answers: Vec<String> = Vec::new();
    while let Some(answer) = flood.join_next().await {
        answers.push(answer.unwrap().unwrap_err());
    }
    let later = answers.iter().filter(|it| it.starts_with("too many passwords")).count();
    // A check that ends meanwhile makes room for another one.
    assert_eq!(answers.len(), 2 * WAITING_MAX);
    assert!((WAITING_MAX / 2..=WAITING_MAX).contains(&later), "{later}");
    assert!(answers.iter().any(|it| it == "invalid credentials"));
}

#[tokio::test]
async fn a_name_that_nobody_has_takes_a_check_like_any_other() {
    let (extension, _host) = server(&[&format!("ann:{SLOW}")]).await;
    let (user, is_nobody) = extension.user("zoe").unwrap();
    assert!(is_nobody && user.hash.is_slow());
    assert!(
        !knows(&extension, "zoe:bar").await,
        "even with the password of the one whose time it takes"
    );
}

#[tokio::test]
async fn an_exporter_sends_name_and_password_and_what_their_files_say_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "p:w\n").unwrap();
    let files = format!(
        r#"{{"client_auth": {{"username": "ann", "password": "x", "password_file": "{}"}}}}"#,
        path.display()
    );
    let fixed = r#"{"client_auth": {"username": "ann", "password": "x"}}"#;
    for (section, want) in [(fixed, "ann:x"), (&files, "ann:p:w")] {
        let (extension, _host) = started(section).await;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "other".parse().unwrap());
        extension.authorize(&Context::default(), &mut headers).await.unwrap();
        let sent: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
        assert_eq!(sent, [&basic(want.as_bytes())]);
        assert!(sent[0].is_sensitive() && extension.needs_encryption());
    }
    let missing = r#"{"client_auth": {"username_file": "/nowhere"}}"#;
    let extension = BasicAuth::create(settings("basic_auth"), config(missing)).unwrap();
    let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "open /nowhere: no such file or directory");
}

#[test]
fn it_offers_what_its_section_is_about() {
    let offered = |section: &str| {
        let extension = BasicAuth::create(settings("basic_auth"), config(section)).unwrap();
        matches!(Arc::new(extension).offers().as_slice(), [Capability::ServerAuth(_)])
    };
    assert!(offered(r#"{"htpasswd": {"inline": "a:b"}}"#));
    assert!(!offered(r#"{"client_auth": {"username": "a"}}"#));
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &[&str]| assert_eq!(problems::<Plan>(section), want);
    check("{}", &[NO_SOURCE]);
    let both = "only one of `htpasswd` or `client_auth` can be specified";
    check(r#"{"htpasswd": {"inline": "a:b"}, "client_auth": {"username": "a"}}"#, &[both]);
    check(r#"{"htpasswd": {"file": "a"}}"#, &[]);
    // Said when it is created or started.
    let later = |section: &str, want: &str| {
        let (_, found) = planned::<Plan>(section);
        let found: Vec<&str> = found.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(found, [want]);
    };
    later(r#"{"htpasswd": {}}"#, NO_SOURCE);
    later(r#"{"htpasswd": {"inline": "nothing"}}"#, NO_USER);
    let colon = "invalid authorization format: a name cannot contain a colon";
    later(r#"{"client_auth": {"username": "a:b"}}"#, colon);
}

#[tokio::test]
async fn a_file_that_is_not_there_keeps_the_collector_from_starting() {
    let section = config(r#"{"htpasswd": {"file": "/nowhere"}}"#);
    let extension = BasicAuth::create(settings("basic_auth"), section).unwrap();
    let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "open htpasswd file: open /nowhere: no such file or directory");
}

#[test]
fn a_secret_provider_is_checked_as_upstream_does_and_then_refused_with_what_can_be_used() {
    let check = |section: &str, want: &[&str]| assert_eq!(problems::<Plan>(section), want);
    let other =
        "only one credential source allowed: choose `secret_provider` or inline/file, not both";
    let keys = "`secret_provider.username_key` and `secret_provider.password_key` are required for client_auth";
    let none = "`secret_provider.id` is required";
    check("{htpasswd: {inline: 'a:b', secret_provider: {id: p}}}", &[other]);
    check("{htpasswd: {secret_provider: {}}}", &[none]);
    check("{client_auth: {username: a, secret_provider: {id: p}}}", &[other]);
    check("{client_auth: {secret_provider: {id: p, username_key: u}}}", &[keys]);
    for section in [
        "{htpasswd: {secret_provider: {id: p}}}",
        "{client_auth: {secret_provider: {id: p, username_key: u, password_key: w}}}",
    ] {
        check(section, &[]);
        let (_, found) = planned::<Plan>(section);
        let texts: Vec<_> = found.faults().iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["secret provider extension \"p\" not found"]);
    }
}

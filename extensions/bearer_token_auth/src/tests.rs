use componenttest::{TestHost, config, problems, settings};
use http::header::AUTHORIZATION;

use super::*;

componenttest::conformance!(extension BearerTokenAuth, "{token: secret}");

async fn started(section: &str) -> (Arc<BearerTokenAuth>, TestHost) {
    let host = TestHost::new();
    let extension = BearerTokenAuth::create(settings("bearer_token_auth"), config(section));
    let extension = Arc::new(extension.unwrap());
    Arc::clone(&extension).start(&host).await.unwrap();
    (extension, host)
}

/// What a server with this section says to a client with this header.
async fn told(section: &str, name: &'static str, value: &str) -> Result<(), String> {
    let (extension, _host) = started(section).await;
    let mut headers = HeaderMap::new();
    if !name.is_empty() {
        headers.insert(name, value.parse().unwrap());
    }
    let known = extension.authenticate(&headers).await;
    known.map(|_| ()).map_err(|it| it.text().to_owned())
}

#[tokio::test]
async fn a_client_is_known_by_its_token_and_scheme() {
    let one = r#"{"token": "tok-1"}"#;
    told(one, "authorization", "Bearer tok-1").await.unwrap();
    let mismatch = Err("provided authorization does not match expected scheme or token".to_owned());
    for wrong in ["Bearer tok-2", "bearer tok-1", "tok-1", "Bearer  tok-1", "Bearer"] {
        assert_eq!(told(one, "authorization", wrong).await, mismatch, "{wrong}");
    }
    let missing = Err("missing or empty authorization header: Authorization".to_owned());
    assert_eq!(told(one, "", "").await, missing);
    assert_eq!(told(one, "authorization", "").await, missing);
    let several = r#"{"tokens": ["a", "b"], "header": "X-Token", "scheme": ""}"#;
    told(several, "x-token", "b").await.unwrap();
    assert_eq!(told(several, "x-token", "c").await, mismatch);
}

#[tokio::test]
async fn an_exporter_sends_the_first_token() {
    let (extension, _host) = started(r#"{"tokens": ["a", "b"]}"#).await;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, "other".parse().unwrap());
    extension.authorize(&Context::default(), &mut headers).await.unwrap();
    let sent: Vec<_> = headers.get_all(AUTHORIZATION).iter().collect();
    assert_eq!(sent, ["Bearer a"]);
    assert!(sent[0].is_sensitive());
}

#[tokio::test]
async fn a_file_may_hold_several_tokens_and_an_empty_one_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(&path, "a # the first\n\n b \n").unwrap();
    let section = format!(r#"{{"filename": "{}", "token": "ignored"}}"#, path.display());
    told(&section, "authorization", "Bearer b").await.unwrap();
    for wrong in ["Bearer ignored", "Bearer "] {
        told(&section, "authorization", wrong).await.unwrap_err();
    }
    std::fs::write(&path, "\n").unwrap();
    let extension = BearerTokenAuth::create(settings("bearer_token_auth"), config(&section));
    let error = Arc::new(extension.unwrap()).start(&TestHost::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the file holds no token: write one per line");
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check = |section: &str, want: &[&str]| assert_eq!(problems::<Config>(section), want);
    check("{}", &["no bearer token provided"]);
    let both = "either tokens or token should be provided, not both";
    check(r#"{"token": "a", "tokens": ["b"]}"#, &[both]);
    check(r#"{"filename": "a"}"#, &[]);
    check(
        r#"{"token": "a", "retry_on_failure": {"enabled": true}}"#,
        &["requires filename to be set"],
    );
    let waits = "wait_for_token_file requires retry_on_failure to be enabled";
    check(r#"{"filename": "a", "wait_for_token_file": true}"#, &[waits]);
}

#[tokio::test]
async fn a_file_that_is_not_there_keeps_the_collector_from_starting() {
    let config: Config = config(r#"{"filename": "/nowhere"}"#);
    let extension = BearerTokenAuth::create(settings("bearer_token_auth"), config).unwrap();
    let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err().to_string();
    assert_eq!(error, "open /nowhere: no such file or directory");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_comes_later_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (path, host) = (folder.path().join("token"), TestHost::new());
    let started = async |more: &str| {
        let section =
            format!(r#"{{"filename": "{}", "retry_on_failure": {{{more}"#, path.display());
        let extension = BearerTokenAuth::create(settings("bearer_token_auth"), config(&section));
        let extension = Arc::new(extension.unwrap());
        Arc::clone(&extension).start(&host).await.map(|()| extension)
    };
    let sent = async |extension: &BearerTokenAuth| {
        let mut headers = HeaderMap::new();
        let authorized = extension.authorize(&Context::default(), &mut headers).await;
        authorized.map(|()| headers["authorization"].clone())
    };
    let later = started(r#""enabled": true}}"#).await.unwrap();
    assert!(sent(&later).await.unwrap_err().starts_with("there is no token yet"));
    let tried =
        r#""enabled": true, "max_retries": 2, "interval": "1m"}, "wait_for_token_file": true}"#;
    let begun = tokio::time::Instant::now();
    let error = started(tried).await.err().unwrap().to_string();
    assert!(error.ends_with("no such file or directory"), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 120);
    let put = async {
        tokio::time::sleep(std::time::Duration::from_secs(90)).await;
        std::fs::write(&path, "tok").unwrap();
    };
    let (awaited, ()) = tokio::join!(started(tried), put);
    assert_eq!(sent(&awaited.unwrap()).await.unwrap(), "Bearer tok");
    while sent(&later).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    host.stop().await;
}

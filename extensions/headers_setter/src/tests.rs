use component::config::Value;
use component::{AuthData, Client};
use componenttest::{TestHost, config, problems, settings};

use super::*;

componenttest::conformance!(extension HeadersSetter, "{headers: [{action: upsert, key: a, value: b}]}");

/// An authenticator as others are.
struct Token;

#[async_trait]
impl ClientAuth for Token {
    async fn authorize(&self, _ctx: &Context, headers: &mut HeaderMap) -> Result<(), String> {
        headers.insert("authorization", HeaderValue::from_static("Bearer t"));
        Ok(())
    }
}

async fn started(section: &str) -> (Arc<HeadersSetter>, TestHost) {
    let host = TestHost::new();
    host.offer("token", Capability::ClientAuth(Arc::new(Token)));
    let extension = HeadersSetter::create(settings("headers_setter"), config(section));
    let extension = Arc::new(extension.unwrap());
    Arc::clone(&extension).start(&host).await.unwrap();
    (extension, host)
}

fn sent_by(metadata: &[(&str, &str)], attributes: &[(&str, Value)]) -> Context {
    let metadata = metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let attributes = attributes.iter().map(|(k, v)| ((*k).into(), v.clone())).collect();
    let auth = Some(AuthData { attributes });
    let client = Client { metadata, auth, ..Client::default() };
    Context { client: Some(Arc::new(client)), ..Context::default() }
}

/// The headers of a request that had `x-old: 1`, in the order of their names.
async fn headers(section: &str, ctx: &Context) -> Result<Vec<String>, String> {
    let (extension, _host) = started(section).await;
    let mut headers = HeaderMap::new();
    headers.insert("x-old", HeaderValue::from_static("1"));
    extension.authorize(ctx, &mut headers).await?;
    let shown =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut headers: Vec<String> = headers.iter().map(shown).collect();
    headers.sort();
    Ok(headers)
}

#[tokio::test]
async fn headers_are_inserted_updated_and_deleted() {
    let ctx = Context::default();
    for (header, want) in [
        ("action: insert, key: X-New, value: a", &["x-new: a", "x-old: 1"][..]),
        ("action: insert, key: X-Old, value: a", &["x-old: 1"]),
        ("action: update, key: X-New, value: a", &["x-old: 1"]),
        ("action: update, key: X-Old, value: a", &["x-old: a"]),
        ("action: upsert, key: X-Old, value: a", &["x-old: a"]),
        ("key: X-New, value: a", &["x-new: a", "x-old: 1"]),
        ("action: delete, key: X-Old", &[]),
    ] {
        let got = headers(&format!("{{headers: [{{{header}}}]}}"), &ctx).await.unwrap();
        assert_eq!(got, want, "{header}");
    }
}

#[tokio::test]
async fn a_value_tells_whose_data_it_is() {
    let list = Value::List(vec![Value::String("a".into()), Value::String("b".into())]);
    let ann = sent_by(
        &[("x-tenant", "blue")],
        &[("username", Value::String("ann".into())), ("groups", list)],
    );
    let section = "{headers: [{key: A, from_context: X-Tenant, default_value: none}, \
                   {key: B, from_attribute: username, default_value: nobody}, {key: C, from_attribute: groups}]}";
    assert_eq!(headers(section, &ann).await.unwrap(), ["a: blue", "b: ann", "c: a;b", "x-old: 1"]);
    let unknown = headers(section, &Context::default()).await.unwrap();
    assert_eq!(unknown, ["a: none", "b: nobody", "c: ", "x-old: 1"]);
    let two = sent_by(&[("x-tenant", "blue"), ("x-tenant", "red")], &[]);
    let why = "failed to determine the source: 2 source keys found in the context, can't determine which one to use";
    assert_eq!(headers(section, &two).await, Err(why.to_owned()));
    let broken = sent_by(&[("x-tenant", "a\nb")], &[]);
    let why = "the value for a cannot be sent in a header";
    assert_eq!(headers(section, &broken).await, Err(why.to_owned()));
}

#[tokio::test]
async fn a_value_comes_from_a_file_and_others_authenticate_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "from file\n").unwrap();
    let section = format!(
        "{{additional_auth: token, headers: [{{key: A, value_file: {}}}, {{action: update, key: Authorization, value: mine}}]}}",
        path.display()
    );
    let got = headers(&section, &Context::default()).await.unwrap();
    assert_eq!(got, ["a: from file", "authorization: mine", "x-old: 1"]);
    let (with, _host) = started(&section).await;
    let (without, _host) = started("{headers: [{key: a, value: b}]}").await;
    assert_eq!((with.needs_encryption(), without.needs_encryption()), (true, false));
}

#[test]
fn mistakes_are_named_in_the_collectors_words() {
    let check =
        |section: &str, want: &[&str]| assert_eq!(problems::<Config>(section), want, "{section}");
    check("{}", &["missing headers configuration"]);
    check("{headers: [{value: a}]}", &["missing header name"]);
    let missing =
        "missing header source, must be 'from_context', 'from_attribute', 'value', or 'value_file'";
    check("{headers: [{key: a}]}", &[missing]);
    check("{headers: [{key: a, action: delete}]}", &[]);
    let two = "invalid header source, must be only one of 'from_context', 'from_attribute', 'value', or 'value_file'";
    check("{headers: [{key: a, value: b, from_context: c}]}", &[two]);
    let later = |section: &str| {
        let mut found = Problems::default();
        component::Config::validate(&config::<Config>(section), &mut found);
        let texts = found.faults().iter().chain(found.warnings().iter().map(|it| &it.1));
        texts.map(|it| it.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        later("{headers: [{key: 'a b', value: c}]}"),
        ["\"a b\" cannot be the name of a header"]
    );
    assert_eq!(
        later("{headers: [{key: a, value: c, action: set}]}"),
        ["\"set\" is no action: upsert is done, as upstream"]
    );
    assert_eq!(
        later("{headers: [{key: a, value: c}], additional_auth: headers_setter/b}"),
        ["another headers_setter cannot be the additional_auth: write its headers here"]
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_keeps_the_collector_from_starting() {
    let config: Config = config("{headers: [{key: a, value_file: /nowhere}]}");
    let extension = HeadersSetter::create(settings("headers_setter"), config).unwrap();
    let error = Arc::new(extension).start(&TestHost::new()).await.unwrap_err().to_string();
    assert_eq!(error, "open /nowhere: no such file or directory");
}

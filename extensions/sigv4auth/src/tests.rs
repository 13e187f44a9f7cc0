use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use component::Meter;
use componenttest::{TestHost, config, problems, settings};
use confighttp::client::{Client, ClientConfig, Url};
use confighttp::server::{Handler, ServerConfig, serve};
use confignet::AddrConfig;
use credentials::Lasting as _;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::*;

componenttest::conformance!(extension SigV4, "region: eu-west-1");

/// Longest time that a test waits for something that has to happen.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
const END: &str = "2999-01-01T00:00:00Z";

/// Answers by method and path, and keeps what it was asked: the line, the headers, the body.
#[derive(Default)]
struct Site {
    answers: HashMap<String, (u16, String)>,
    seen: Mutex<Vec<(String, HeaderMap, String)>>,
}

#[async_trait]
impl Handler for Site {
    fn check(&self, _head: &Parts) -> Option<Response<Bytes>> {
        None
    }

    async fn handle(&self, head: &Parts, _ctx: &Context, body: Bytes) -> Response<Bytes> {
        let line = format!("{} {}", head.method, head.uri.path());
        let body = String::from_utf8(body.to_vec()).unwrap();
        let (status, answer) = self.answers.get(&line).cloned().unwrap_or((404, String::new()));
        self.seen.lock().unwrap().push((line, head.headers.clone(), body));
        let mut answer = Response::new(Bytes::from(answer));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        answer
    }
}

impl Site {
    fn new(answers: &[(&str, u16, &str)]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|(line, status, text)| ((*line).to_owned(), (*status, (*text).to_owned())));
        Arc::new(Self { answers: answers.collect(), ..Self::default() })
    }

    fn serve(self: &Arc<Self>, host: &Host) -> String {
        let net = AddrConfig::tcp("127.0.0.1:0");
        let config = ServerConfig { net, ..ServerConfig::default() };
        let address = serve(&config, Arc::clone(self) as _, (host, &Meter::default())).unwrap();
        format!("http://{}", address.unwrap())
    }

    fn seen(&self) -> Vec<(String, HeaderMap, String)> {
        self.seen.lock().unwrap().clone()
    }
}

/// An extension whose environment is `variables`.
fn started(host: &Host, section: &str, variables: &[(&str, &str)]) -> Arc<SigV4> {
    let extension = Arc::new(SigV4::create(settings("sigv4auth"), config(section)).unwrap());
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    extension.run(host, move |name| variables.get(name).cloned());
    extension
}

/// The headers of a request to `to` that is signed now.
async fn signed(extension: &SigV4, to: &'static str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static(to));
    let request = Outgoing { method: "POST", path: "/v1/logs", body: vec![b"a", b"b"] };
    let ctx = Context::default();
    let signing = extension.sign(&ctx, &request, &mut headers);
    tokio::time::timeout(LIMIT, signing).await.unwrap()?;
    Ok(headers)
}

/// Who signed a request, and for what: `AKID/eu-west-1/aps`.
fn scope(headers: &HeaderMap) -> String {
    let text = headers["authorization"].to_str().unwrap();
    let scope = text.split_once("Credential=").unwrap().1.split_once(',').unwrap().0;
    let parts: Vec<&str> = scope.split('/').collect();
    [parts[0], parts[2], parts[3]].join("/")
}

#[tokio::test]
async fn service_and_region_are_those_of_the_section_or_of_the_host() {
    let environment = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let host = TestHost::new();
    for (section, to, want) in [
        ("{}", "aps-workspaces.eu-west-1.amazonaws.com", "AKID/eu-west-1/aps"),
        ("{}", "search-logs-abc.us-east-2.es.amazonaws.com", "AKID/us-east-2/es"),
        ("{}", "logs.eu-north-1.amazonaws.com", "AKID/eu-north-1/logs"),
        ("{}", "xray.us-west-2.amazonaws.com:443", "AKID/us-west-2/xray"),
        ("{region: a, service: b}", "xray.us-west-2.amazonaws.com", "AKID/a/b"),
        ("{}", "gateway.example", "AKID//"),
    ] {
        let extension = started(&host, section, &environment);
        assert_eq!(scope(&signed(&extension, to).await.unwrap()), want, "{to}");
    }
    host.stop().await;
}

/// As AWS's token service answers.
fn sts(action: &str, id: &str) -> String {
    format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>{id}</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken>\
         <Expiration>{END}</Expiration></Credentials></{action}Result></{action}Response>"
    )
}

#[tokio::test]
async fn a_role_is_assumed_with_what_the_environment_gives() {
    let host = TestHost::new();
    let site = Site::new(&[("POST /", 200, &sts("AssumeRole", "ASIA1"))]);
    let base = site.serve(&host);
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_ENDPOINT_URL_STS", base.as_str()),
    ];
    let section = "{region: eu-west-1, service: aps, assume_role: {arn: 'arn:aws:iam::1:role/a', session_name: s}}";
    let extension = started(&host, section, &environment);
    let headers = signed(&extension, "h").await.unwrap();
    assert_eq!(scope(&headers), "ASIA1/eu-west-1/aps");
    assert_eq!(headers["x-amz-security-token"], "session");
    signed(&extension, "h").await.unwrap();
    let seen = site.seen();
    let [(_, asked, form)] = seen.as_slice() else { panic!("one request, not {}", seen.len()) };
    assert_eq!(scope(asked), "AKID/eu-west-1/sts");
    assert_eq!(
        form,
        "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa&RoleSessionName=s"
    );
    host.stop().await;
}

#[tokio::test]
async fn the_token_of_a_service_account_is_exchanged() {
    let (host, folder) = (TestHost::new(), tempfile::tempdir().unwrap());
    let file = folder.path().join("token");
    std::fs::write(&file, "a.b/c\n").unwrap();
    let site = Site::new(&[("POST /", 200, &sts("AssumeRoleWithWebIdentity", "ASIA2"))]);
    let base = site.serve(&host);
    let file = file.to_str().unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
        ("AWS_ROLE_ARN", "arn"),
        ("AWS_ROLE_SESSION_NAME", "pod"),
        ("AWS_ENDPOINT_URL_STS", base.as_str()),
    ];
    let extension = started(&host, "{region: r, service: s}", &environment);
    assert_eq!(scope(&signed(&extension, "h").await.unwrap()), "ASIA2/r/s");
    let section = format!(
        "{{region: r, service: s, assume_role_with_web_identity: {{arn: other, token_file: {file}}}}}"
    );
    let extension = started(&host, &section, &environment);
    assert_eq!(scope(&signed(&extension, "h").await.unwrap()), "ASIA2/r/s");
    let start = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=";
    let seen = site.seen();
    assert_eq!(seen[0].2, format!("{start}arn&RoleSessionName=pod&WebIdentityToken=a.b%2Fc"));
    assert!(
        seen[1].2.starts_with(&format!("{start}other&RoleSessionName=sluice-")),
        "{}",
        seen[1].2
    );
    host.stop().await;
}

fn json(id: &str) -> String {
    format!(
        r#"{{"AccessKeyId": "{id}", "SecretAccessKey": "s", "Token": "t", "Expiration": "{END}"}}"#
    )
}

#[tokio::test]
async fn a_container_and_an_instance_give_credentials() {
    let host = TestHost::new();
    let roles = "/latest/meta-data/iam/security-credentials/";
    let (container, instance) = (json("ASIA3"), json("ASIA4"));
    let site = Site::new(&[
        ("GET /creds", 200, &container),
        ("PUT /latest/api/token", 200, "imds-token"),
        (&format!("GET {roles}"), 200, "node-role"),
        (&format!("GET {roles}node-role"), 200, &instance),
    ]);
    let base = site.serve(&host);
    let section = "{region: r, service: s}";
    let url = format!("{base}/creds");
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token"),
    ];
    let extension = started(&host, section, &environment);
    assert_eq!(scope(&signed(&extension, "h").await.unwrap()), "ASIA3/r/s");
    assert_eq!(site.seen()[0].1["authorization"], "pod-token");
    let extension = started(&host, section, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &base)]);
    assert_eq!(scope(&signed(&extension, "h").await.unwrap()), "ASIA4/r/s");
    assert_eq!(site.seen()[3].1["x-aws-ec2-metadata-token"], "imds-token");
    assert_eq!(site.seen().len(), 4);
    host.stop().await;
}

#[tokio::test]
async fn a_file_has_profiles() {
    let (host, folder) = (TestHost::new(), tempfile::tempdir().unwrap());
    let file = folder.path().join("credentials");
    let text = "[default]\naws_access_key_id = ONE\naws_secret_access_key = x\n\
        [team]\naws_access_key_id=TWO\naws_secret_access_key=y=z\naws_session_token = t\n";
    std::fs::write(&file, text).unwrap();
    let file = ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap());
    for (environment, want) in
        [(vec![file], "ONE/r/s"), (vec![file, ("AWS_PROFILE", "team")], "TWO/r/s")]
    {
        let extension = started(&host, "{region: r, service: s}", &environment);
        assert_eq!(scope(&signed(&extension, "h").await.unwrap()), want);
    }
    host.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_said_and_nothing_is_sent_unsigned() {
    let host = TestHost::new();
    let refusal = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
    let site = Site::new(&[("POST /", 403, refusal)]);
    let base = site.serve(&host);
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hunter2")];
    let sts = ("AWS_ENDPOINT_URL_STS", base.as_str());
    let role = "{region: r, service: s, assume_role: {arn: a}}";
    for (section, environment, want) in [
        (role, vec![keys[0], keys[1], sts], "403 Forbidden: not you"),
        (
            "{}",
            vec![("AWS_EC2_METADATA_DISABLED", "true")],
            "no credentials: set AWS_ACCESS_KEY_ID",
        ),
        (
            "{}",
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", base.as_str())],
            "this seems to be no EC2 instance",
        ),
        (
            "{assume_role_with_web_identity: {arn: a, token_file: /nowhere/token}}",
            vec![],
            "open /nowhere/token: no such file or directory",
        ),
    ] {
        let extension = started(&host, section, &environment);
        let why = signed(&extension, "h").await.unwrap_err();
        assert!(why.starts_with("error retrieving credentials: ") && why.contains(want), "{why}");
        assert!(!why.contains("hunter2"));
    }
    let extension = started(&host, "{}", &keys);
    let why = extension.authorize(&Context::default(), &mut HeaderMap::new()).await.unwrap_err();
    assert!(why.contains("HTTP only"));
    host.stop().await;
}

#[test]
fn credentials_are_replaced_before_their_end() {
    let at = |seconds: u64| Credentials {
        id: String::new(),
        secret: "".into(),
        token: None,
        end: Some(component::clock::now() + std::time::Duration::from_secs(seconds)),
    };
    let states = [at(3600), at(60), at(0)].map(|it| (it.is_due(), it.is_valid()));
    assert_eq!(states, [(false, true), (true, true), (true, false)]);
}

#[tokio::test]
async fn an_exporters_request_is_signed_over_its_body() {
    let host = TestHost::new();
    let site = Site::new(&[("POST /v1/metrics", 200, "")]);
    let url = Url::parse(&format!("{}/v1/metrics", site.serve(&host))).unwrap();
    let environment = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let extension = started(&host, "{region: r, service: aps}", &environment);
    let client = Client::new(&ClientConfig::default(), url, "test").unwrap();
    let client = client.authorized(Some(extension));
    let mut signatures = Vec::new();
    for body in ["one", "two"] {
        let kind = HeaderValue::from_static("application/x-protobuf");
        let body = Bytes::from_static(body.as_bytes()).into();
        let reply = client.post(&Context::default(), kind, body).await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        let headers = site.seen().last().unwrap().1.clone();
        let text = headers["authorization"].to_str().unwrap().to_owned();
        assert!(text.contains("SignedHeaders=content-type;host;x-amz-date,"), "{text}");
        signatures.push(text.rsplit_once("Signature=").unwrap().1.to_owned());
    }
    assert_ne!(signatures[0], signatures[1]);
    client.close();
    host.stop().await;
}

#[test]
fn a_section_that_cannot_work_is_told() {
    for (section, want) in [
        (
            "assume_role_with_web_identity: {arn: a}",
            "assume_role_with_web_identity needs token_file",
        ),
        ("assume_role: {session_name: s}", "session_name has no effect without arn"),
    ] {
        let found = problems::<Config>(section);
        assert!(format!("{found:?}").contains(want), "{found:?}");
    }
}

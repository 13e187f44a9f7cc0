//! Where credentials come from, in the order of AWS's SDKs: the environment, a token of an identity provider (a service
//! account on EKS), files, the endpoint of a container (ECS, EKS Pod Identity), the instance (EC2). The first that is
//! configured is the one. A role is then assumed with what it gave.

use std::time::{Duration, SystemTime};

use component::config::Secret;
use confighttp::client::{Fetcher, Url, Ways};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::sign::{Credentials, ToSign, encoded, sign, time};
use crate::{Role, WebIdentity};

/// Most bytes of an answer, and of a file.
const BYTES_MAX: usize = 64 * 1024;
/// The time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of EC2's metadata: the SDK's default, and the largest that its server takes.
const METADATA_TOKEN_SECONDS: &str = "21600";
const METADATA: &str = "http://169.254.169.254";
const CONTAINER: &str = "http://169.254.170.2";
const TOKEN_TTL: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");

/// What is read when credentials are needed.
pub struct Provider {
    /// The environment: that of the process, in tests one of theirs.
    pub variable: Box<dyn Fn(&str) -> Option<String> + Send + Sync>,
    /// Is assumed at last, if it is named.
    pub role: Role,
    /// Is assumed instead of what is found.
    pub web_identity: Option<WebIdentity>,
    /// Whose token service is asked, unless a role says it.
    pub region: String,
    /// How requests announce themselves.
    pub agent: String,
}

impl Provider {
    /// New credentials.
    ///
    /// # Errors
    /// There are none, or the service that gives them refuses; with what helps.
    pub async fn credentials(&self) -> Result<Credentials, String> {
        let base = self.base().await?;
        if self.role.arn.is_empty() {
            return Ok(base);
        }
        let session = session(&self.role.session_name);
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName={}",
            encoded(&self.role.arn, b""),
            encoded(&session, b"")
        );
        let region = self.first(&[&self.role.sts_region, &self.region]);
        self.ask_sts(&region, form, Some(&base)).await
    }

    async fn base(&self) -> Result<Credentials, String> {
        if let Some(identity) = &self.web_identity {
            return self
                .by_web_identity(&identity.arn, &identity.token_file, "", &identity.sts_region)
                .await;
        }
        if let (Some(id), Some(secret)) =
            (self.get("AWS_ACCESS_KEY_ID"), self.get("AWS_SECRET_ACCESS_KEY"))
        {
            let token = self.get("AWS_SESSION_TOKEN").map(|it| Secret::from(it.as_str()));
            return Ok(Credentials { id, secret: Secret::from(secret.as_str()), token, end: None });
        }
        if let (Some(file), Some(arn)) =
            (self.get("AWS_WEB_IDENTITY_TOKEN_FILE"), self.get("AWS_ROLE_ARN"))
        {
            let session = self.get("AWS_ROLE_SESSION_NAME").unwrap_or_default();
            return self.by_web_identity(&arn, &file, &session, "").await;
        }
        if let Some(found) = self.by_file().await? {
            return Ok(found);
        }
        let relative = self.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let relative = relative.map(|path| format!("{CONTAINER}{path}"));
        if let Some(url) = relative.or_else(|| self.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
            return self.by_container(&url).await;
        }
        if self.get("AWS_EC2_METADATA_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
            return Err("no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give the service account \
                or the task a role, or write ~/.aws/credentials"
                .into());
        }
        self.by_instance().await
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|it| !it.is_empty())
    }

    /// The first that says something; else the environment's region.
    fn first(&self, regions: &[&str]) -> String {
        let given = regions.iter().find(|it| !it.is_empty()).map(|it| (*it).to_owned());
        let usual = || self.get("AWS_REGION").or_else(|| self.get("AWS_DEFAULT_REGION"));
        given.or_else(usual).unwrap_or_else(|| "us-east-1".to_owned())
    }

    async fn by_web_identity(
        &self,
        arn: &str,
        file: &str,
        session_name: &str,
        region: &str,
    ) -> Result<Credentials, String> {
        let token = read(file).await?;
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
            encoded(arn, b""),
            encoded(&session(session_name), b""),
            encoded(token.trim(), b"")
        );
        self.ask_sts(&self.first(&[region, &self.region]), form, None).await
    }

    /// `~/.aws/credentials`, the section of `AWS_PROFILE`.
    async fn by_file(&self) -> Result<Option<Credentials>, String> {
        let named = self.get("AWS_SHARED_CREDENTIALS_FILE");
        let usual = || self.get("HOME").map(|home| format!("{home}/.aws/credentials"));
        let Some(file) = named.or_else(usual) else { return Ok(None) };
        let profile = self.get("AWS_PROFILE").unwrap_or_else(|| "default".into());
        let text = credentials::read_once(file.into()).await?;
        Ok(text.and_then(|text| profile_in(&text, &profile)))
    }

    async fn by_container(&self, url: &str) -> Result<Credentials, String> {
        let mut headers = HeaderMap::new();
        let token = match self.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Some(read(&file).await?.trim().to_owned()),
            None => self.get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, secret_header(&token)?);
        }
        let answer = self.ask(Method::GET, url, &headers, "").await?;
        from_json(&answer).ok_or_else(|| format!("Get {url:?}: the answer holds no credentials"))
    }

    /// Of the role of an EC2 instance, by the second version of its metadata service.
    async fn by_instance(&self) -> Result<Credentials, String> {
        let base = self.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| METADATA.into());
        let base = base.trim_end_matches('/');
        let mut headers = HeaderMap::new();
        headers.insert(TOKEN_TTL, HeaderValue::from_static(METADATA_TOKEN_SECONDS));
        let token = self.ask(Method::PUT, &format!("{base}/latest/api/token"), &headers, "").await;
        let token = token.map_err(|why| {
            format!(
                "no credentials: the environment has none, and this seems to be no EC2 instance ({why}); set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the service account or the task a role"
            )
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(TOKEN, secret_header(token.trim())?);
        let roles = format!("{base}/latest/meta-data/iam/security-credentials/");
        let role = self.ask(Method::GET, &roles, &headers, "").await?;
        let role = role.lines().next().unwrap_or_default().trim();
        let answer = self.ask(Method::GET, &format!("{roles}{role}"), &headers, "").await?;
        from_json(&answer)
            .ok_or_else(|| format!("the role {role:?} of this instance has no credentials"))
    }

    /// One request to the service that gives credentials of a role.
    async fn ask_sts(
        &self,
        region: &str,
        form: String,
        signer: Option<&Credentials>,
    ) -> Result<Credentials, String> {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = self.get("AWS_ENDPOINT_URL_STS");
        let url = url.unwrap_or_else(|| format!("https://sts.{region}.{domain}"));
        let mut headers = HeaderMap::new();
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, content_type);
        if let Some(credentials) = signer {
            let host = Url::parse(&url)?.host().to_owned();
            let host = HeaderValue::try_from(host).map_err(|it| it.to_string())?;
            headers.insert(HOST, host);
            let now = time();
            let request = ToSign {
                method: "POST",
                path: "/",
                body: &[form.as_bytes()],
                region,
                service: "sts",
                time: &now,
            };
            sign(&request, credentials, &mut headers)?;
        }
        let answer = self.ask(Method::POST, &url, &headers, &form).await?;
        from_xml(&answer).ok_or_else(|| format!("Post {url:?}: the answer holds no credentials"))
    }

    /// The body of an answer that says 200. The texts of refusals are AWS's own, and name no secrets.
    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: &str,
    ) -> Result<String, String> {
        let to = Url::parse(url)?;
        // Neither the instance nor the container is behind a proxy.
        let ways = Ways { environment: to.is_tls(), follow_redirects: false, ..Ways::default() };
        let tls = configtls::ClientConfig::default();
        let fetcher = Fetcher::by(&ways, &tls, &to, TIMEOUT, &self.agent)?;
        let verb = method.to_string();
        let failed = |why: &str| format!("{verb} {url:?}: {why}");
        let sent = fetcher.fetch(method, &to, headers, body.as_bytes(), BYTES_MAX).await;
        let answer = sent.map_err(|why| failed(&why.to_string()))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if answer.status().is_success() {
            return Ok(text);
        }
        let said = element(&text, "Message").map(|it| format!(": {it}")).unwrap_or_default();
        Err(failed(&format!("{}{said}", answer.status())))
    }
}

fn session(name: &str) -> String {
    if name.is_empty() {
        format!("sluice-{}", component::clock::unix_nanos())
    } else {
        name.to_owned()
    }
}

fn secret_header(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::try_from(text);
    let mut value = value.map_err(|_| "a token cannot be sent in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(file: &str) -> Result<String, String> {
    let text = credentials::read_once(file.into()).await?;
    text.ok_or_else(|| format!("open {file}: no such file or directory"))
}

/// A section of the file that AWS's command line writes.
fn profile_in(text: &str, profile: &str) -> Option<Credentials> {
    let mut inside = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            inside = name.trim().trim_start_matches("profile ").trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = value.trim().to_owned();
            match key.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(Secret::from(value.as_str())),
                "aws_session_token" => token = Some(Secret::from(value.as_str())),
                _ => {}
            }
        }
    }
    Some(Credentials { id: id?, secret: secret?, token, end: None })
}

/// As containers and instances answer.
fn from_json(answer: &str) -> Option<Credentials> {
    let json: Value = serde_json::from_str(answer).ok()?;
    let text = |name: &str| json.get(name)?.as_str().map(str::to_owned);
    Some(Credentials {
        id: text("AccessKeyId")?,
        secret: Secret::from(text("SecretAccessKey")?.as_str()),
        token: text("Token").map(|it| Secret::from(it.as_str())),
        end: text("Expiration").and_then(|it| instant(&it)),
    })
}

/// As the token service answers.
fn from_xml(answer: &str) -> Option<Credentials> {
    Some(Credentials {
        id: element(answer, "AccessKeyId")?.to_owned(),
        secret: Secret::from(element(answer, "SecretAccessKey")?),
        token: element(answer, "SessionToken").map(Secret::from),
        end: element(answer, "Expiration").and_then(instant),
    })
}

/// The text of the first element of a name in an answer of AWS, which has no attributes there.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

fn instant(text: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(text).ok()
}

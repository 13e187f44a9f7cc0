//! The metadata service of EC2 instances: IMDSv2, which gives a token first, and IMDSv1 where there is none.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::probe::{LINK_LOCAL, Probe, good, read};

/// How long the token is good for, in seconds. As in the AWS SDK.
const TOKEN_SECONDS: &str = "21600";
/// The wait after the first failure.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The service of this instance.
pub(crate) struct Imds<'a> {
    probe: &'a Probe,
    service: String,
    token: Option<String>,
    tries: u32,
    pause_max: Duration,
}

/// What an instance says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) region: String,
    pub(crate) account_id: String,
    pub(crate) availability_zone: String,
    pub(crate) instance_id: String,
    pub(crate) image_id: String,
    pub(crate) instance_type: String,
}

impl<'a> Imds<'a> {
    /// The service, if it answers.
    pub(crate) async fn open(
        probe: &'a Probe,
        max_attempts: i64,
        pause_max: Duration,
    ) -> Result<Self, String> {
        let off = probe.variable("AWS_EC2_METADATA_DISABLED");
        if off.is_some_and(|it| it.eq_ignore_ascii_case("true")) {
            return Err("access disabled to EC2 IMDS via AWS_EC2_METADATA_DISABLED".into());
        }
        let service = probe.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let service = service.map(|it| it.trim_end_matches('/').to_owned());
        let service = service.unwrap_or_else(|| LINK_LOCAL.into());
        let tries = u32::try_from(max_attempts.max(1)).unwrap_or(u32::MAX);
        let mut imds = Self { probe, service, token: None, tries, pause_max };
        let lasts = [("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)];
        let answer = imds.send(Method::PUT, "/latest/api/token", &lasts).await?;
        imds.token = match answer.status() {
            StatusCode::OK => Some(good("/latest/api/token", answer)?),
            // The first version of the service has no tokens.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => None,
            other => return Err(format!("/latest/api/token was answered with {other}")),
        };
        imds.get("/latest/meta-data/instance-id").await?;
        Ok(imds)
    }

    /// Sends a request, again after a failure that may pass.
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<http::Response<bytes::Bytes>, String> {
        let mut pause = PAUSE_MIN;
        for _ in 1..self.tries {
            let answer = self.probe.send(method.clone(), (&self.service, path), headers).await;
            match answer {
                Ok(answer) if !answer.status().is_server_error() => return Ok(answer),
                _ if self.probe.is_over() => return answer,
                _ => tokio::time::sleep(pause.min(self.pause_max)).await,
            }
            pause = pause.saturating_mul(2);
        }
        self.probe.send(method, (&self.service, path), headers).await
    }

    /// The text at a path.
    pub(crate) async fn get(&self, path: &str) -> Result<String, String> {
        let token = self.token.iter().map(|it| ("x-aws-ec2-metadata-token", it.as_str()));
        let headers: Vec<_> = token.collect();
        good(path, self.send(Method::GET, path, &headers).await?)
    }

    pub(crate) async fn document(&self) -> Result<Document, String> {
        let path = "/latest/dynamic/instance-identity/document";
        read(path, &self.get(path).await?)
    }

    pub(crate) async fn hostname(&self) -> Result<String, String> {
        self.get("/latest/meta-data/hostname").await
    }

    /// Tags of the instance whose keys are wanted. The instance has to allow it (`InstanceMetadataTags`).
    pub(crate) async fn tags(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>, String> {
        let keys = self.get("/latest/meta-data/tags/instance").await?;
        let mut tags = Vec::new();
        for key in keys.lines().map(str::trim).filter(|it| !it.is_empty() && wanted(it)) {
            let value = self.get(&format!("/latest/meta-data/tags/instance/{key}")).await?;
            tags.push((key.to_owned(), value));
        }
        Ok(tags)
    }
}

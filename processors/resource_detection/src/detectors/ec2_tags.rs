//! Tags of an EC2 instance as the EC2 API has them (`DescribeTags`): the instance need not be allowed to say them itself, but its role
//! to read them.

use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method};
use sigv4::{Provider, Role, ToSign, element, encoded, sign, time};

use crate::probe::{Probe, good};

/// The code of an answer to a role that may not ask.
const FORBIDDEN: &str = "UnauthorizedOperation";

/// Tags of `instance` whose keys are wanted.
pub(crate) async fn tags(
    probe: &Probe,
    (region, instance): (&str, &str),
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, String> {
    let answer = tokio::time::timeout(probe.left(), ask(probe, region, instance)).await;
    let answer = answer.map_err(|_| "DescribeTags: no answer in time".to_owned())??;
    Ok(read(&answer).into_iter().filter(|it| wanted(&it.0)).collect())
}

async fn ask(probe: &Probe, region: &str, instance: &str) -> Result<String, String> {
    let environment = probe.world.variable.clone();
    let provider = Provider {
        variable: Box::new(move |name| environment(name)),
        role: Role::default(),
        web_identity: None,
        region: region.to_owned(),
        agent: probe.world.agent.clone(),
    };
    let credentials = provider.credentials().await?;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let url = probe.variable("AWS_ENDPOINT_URL_EC2");
    let url = url.unwrap_or_else(|| format!("https://ec2.{region}.{domain}"));
    let form = format!(
        "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=resource-id&Filter.1.Value.1={}",
        encoded(instance, b"")
    );
    let host = confighttp::client::Url::parse(&url)?.host().to_owned();
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(HOST, HeaderValue::try_from(host).map_err(|it| it.to_string())?);
    let (body, now) = ([form.as_bytes()], time());
    let request =
        ToSign { method: "POST", path: "/", body: &body, region, service: "ec2", time: &now };
    sign(&request, &credentials, &mut headers)?;
    let answer = probe.far(Method::POST, &url, (&headers, &form)).await?;
    let said = String::from_utf8_lossy(answer.body());
    match element(&said, "Code") {
        Some(FORBIDDEN) => Err(format!(
            "DescribeTags: {FORBIDDEN}; the role of the instance needs ec2:DescribeTags"
        )),
        Some(code) => {
            let message = element(&said, "Message").map(unescaped).unwrap_or_default();
            Err(format!("DescribeTags: {code} {message}").trim_end().to_owned())
        }
        None => good("DescribeTags", answer),
    }
}

/// Keys and values of an answer. Its elements have no attributes.
fn read(answer: &str) -> Vec<(String, String)> {
    let items = answer.split("<item>").skip(1);
    let pair = |item: &str| {
        let text = |name| element(item, name).map(unescaped);
        Some((text("key")?, text("value").unwrap_or_default()))
    };
    items.filter_map(pair).collect()
}

/// Without the entities that XML writes in a text.
fn unescaped(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, sign)| text.replace(entity, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_empty_or_have_signs_of_xml() {
        let answer = "<tagSet><item><key>a&amp;lt;</key><value>1 &lt; 2</value></item><item><key>b</key><value/></item></tagSet>";
        assert_eq!(
            read(answer),
            [("a&lt;".into(), "1 < 2".into()), ("b".to_owned(), String::new())]
        );
    }
}

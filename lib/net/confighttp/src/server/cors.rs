//! Cross-origin requests as `github.com/rs/cors` v1.11 answers them: which header is sent when was
//! recorded, not derived.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};
use http::request::Parts;
use http::{Method, StatusCode};

use super::config::CorsConfig;

/// Methods that a page may use; OPTIONS always.
const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "OPTIONS"];
/// Headers that a page may send when none are configured.
const HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];

/// What may stand once on each side of a name.
const BLANKS: [char; 2] = [' ', '\t'];
/// Names that are empty, in one question. RFC 9110, 5.6.1.2.
const EMPTY_NAMES_MAX: usize = 16;

/// The permissions, prepared.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<Pattern>,
    all_origins: bool,
    headers: Vec<String>,
    all_headers: bool,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

#[derive(Debug)]
enum Pattern {
    Exactly(String),
    Around(String, String),
}

impl Pattern {
    fn matches(&self, origin: &str) -> bool {
        match self {
            Pattern::Exactly(it) => it == origin,
            Pattern::Around(before, after) => {
                origin.len() >= before.len() + after.len()
                    && origin.starts_with(before.as_str())
                    && origin.ends_with(after.as_str())
            }
        }
    }
}

impl Cors {
    /// `None` when no origin is allowed: then there is no CORS at all.
    pub(super) fn new(config: &CorsConfig) -> Option<Self> {
        if config.allowed_origins.is_empty() {
            return None;
        }
        let pattern = |origin: &String| {
            let origin = origin.to_lowercase();
            match origin.split_once('*') {
                Some((before, after)) => Pattern::Around(before.into(), after.into()),
                None => Pattern::Exactly(origin),
            }
        };
        let mut headers: Vec<_> =
            config.allowed_headers.iter().map(|it| it.to_lowercase()).collect();
        if headers.is_empty() {
            headers = HEADERS.map(str::to_owned).into();
        }
        headers.sort_unstable();
        headers.dedup();
        let max_age = match config.max_age {
            0 => None,
            seconds => Some(HeaderValue::from(seconds.max(0))),
        };
        let exposed = HeaderValue::from_str(&config.exposed_headers.join(", ")).ok();
        Some(Self {
            all_origins: config.allowed_origins.iter().any(|it| it == "*"),
            origins: config.allowed_origins.iter().map(pattern).collect(),
            all_headers: headers.iter().any(|it| it == "*"),
            headers,
            exposed: exposed.filter(|it| !it.is_empty()),
            max_age,
        })
    }

    /// The answer to a question of a browser, if the request is one.
    pub(super) fn preflight(&self, head: &Parts) -> Option<(StatusCode, HeaderMap)> {
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        if head.method != Method::OPTIONS || method.is_empty() {
            return None;
        }
        let mut answer = HeaderMap::new();
        let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        answer.insert(VARY, HeaderValue::from_static(vary));
        let asked = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|it| !it.is_empty());
        let allowed = self.allowed_origin(head).filter(|_| {
            METHODS.iter().any(|it| it.as_bytes() == method.as_bytes())
                && asked.is_none_or(|it| self.allows_headers(it))
        });
        if let Some(origin) = allowed {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
            if let Some(asked) = asked {
                answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            if let Some(max_age) = &self.max_age {
                answer.insert(ACCESS_CONTROL_MAX_AGE, max_age.clone());
            }
        }
        Some((StatusCode::NO_CONTENT, answer))
    }

    /// Adds what a browser needs to hand the answer of a request to its page.
    pub(super) fn decorate(&self, head: &Parts, answer: &mut HeaderMap) {
        answer.insert(VARY, HeaderValue::from_static("Origin"));
        let allowed_method = METHODS.contains(&head.method.as_str());
        let Some(origin) = self.allowed_origin(head).filter(|_| allowed_method) else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if let Some(exposed) = &self.exposed {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }

    /// What `Access-Control-Allow-Origin` says for the request's origin.
    fn allowed_origin(&self, head: &Parts) -> Option<HeaderValue> {
        let origin = head.headers.get(ORIGIN).filter(|it| !it.is_empty())?;
        if self.all_origins {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?.to_lowercase();
        self.origins.iter().any(|it| it.matches(&text)).then(|| origin.clone())
    }

    fn allows_headers(&self, asked: &HeaderValue) -> bool {
        self.all_headers || asked.to_str().is_ok_and(|it| self.knows(it))
    }

    /// True for names as a browser asks for them (`internal/sortedset.go`): in small letters, sorted, each once.
    fn knows(&self, names: &str) -> bool {
        let (mut empty, mut next) = (0, 0);
        names.split(',').all(|name| {
            let name = name.strip_prefix(BLANKS).unwrap_or(name);
            let name = name.strip_suffix(BLANKS).unwrap_or(name);
            if name.is_empty() {
                empty += 1;
                return empty <= EMPTY_NAMES_MAX;
            }
            let Ok(at) = self.headers.binary_search_by(|it| it.as_str().cmp(name)) else {
                return false;
            };
            let in_order = at >= next;
            next = at + 1;
            in_order
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(&CorsConfig {
            allowed_origins: origins.iter().map(|it| (*it).to_owned()).collect(),
            ..CorsConfig::default()
        })
        .unwrap()
    }

    #[track_caller]
    fn check(origins: &[&str], origin: &str, want: Option<&str>) {
        let request = Request::post("/").header(ORIGIN, origin).body(()).unwrap();
        let mut answer = HeaderMap::new();
        cors(origins).decorate(&request.into_parts().0, &mut answer);
        let got = answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|it| it.to_str().unwrap());
        assert_eq!(got, want);
        assert_eq!(answer[VARY], "Origin");
    }

    #[test]
    fn an_origin_is_allowed_by_name_or_by_pattern() {
        check(&["https://a.test"], "https://a.test", Some("https://a.test"));
        check(&["https://A.test"], "https://a.test", Some("https://a.test"));
        check(&["https://*.test"], "https://a.b.test", Some("https://a.b.test"));
        check(&["https://*.test"], "https://evil.example", None);
        check(&["ab*ba"], "aba", None);
        check(&["*"], "https://any.test", Some("*"));
    }

    #[test]
    fn headers_are_asked_for_as_browsers_do() {
        let config = CorsConfig {
            allowed_origins: vec!["*".to_owned()],
            allowed_headers: ["X-Two", "x-one", "Content-Type"].map(str::to_owned).into(),
            ..CorsConfig::default()
        };
        let cors = Cors::new(&config).unwrap();
        for asked in ["x-one", "x-one,x-two", "content-type, x-one", "x-one,,", " x-one\t"] {
            assert!(cors.knows(asked), "{asked}");
        }
        for asked in ["X-One", "x-two,x-one", "x-one,x-one", "x-one,  x-two", "x-bad"] {
            assert!(!cors.knows(asked), "{asked}");
        }
        assert!(!cors.knows(&",".repeat(20)));
    }

    #[test]
    fn without_origins_there_is_no_cors() {
        assert!(Cors::new(&CorsConfig::default()).is_none());
    }

    #[test]
    fn only_simple_headers_may_be_sent_unless_configured() {
        let asked = |it| cors(&["*"]).allows_headers(&HeaderValue::from_static(it));
        assert!(asked("content-type,x-requested-with"));
        assert!(!asked("content-type, x-other"));
    }
}

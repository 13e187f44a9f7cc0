//! Conditions on the request: `request["name"] == "value"` and `!=`, nothing else. They see the metadata that
//! the receiver keeps (`include_metadata`).

use component::Client;

/// A condition on the request that brought the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// In lower case.
    name: String,
    value: String,
    equal: bool,
}

impl Request {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with it, in the Collector's words.
    pub fn new(text: &str) -> Result<Self, String> {
        let count = text.matches("==").count() + text.matches("!=").count();
        let equal = text.contains("==");
        let sides = text.split_once(if equal { "==" } else { "!=" });
        let (left, right) = match (count, sides) {
            (1, Some(sides)) => sides,
            (0, _) | (_, None) => {
                return Err("condition does not contain a valid comparator".to_owned());
            }
            _ => return Err("condition contains multiple comparators".to_owned()),
        };
        let (left, right) = (left.trim(), right.trim());
        let name = left.strip_prefix("request[\"").and_then(|it| it.strip_suffix("\"]"));
        let name =
            name.ok_or("condition must have format 'request[\"<name>\"] <comparator> <value>'")?;
        let value = right.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let value = value
            .ok_or("condition must have format 'request[\"<name>\"] <comparator> \"<value>\"'")?;
        Ok(Self { name: name.to_lowercase(), value: value.to_owned(), equal })
    }

    /// True if one of the values that were sent under the name is as wanted: so without any it is false,
    /// also for `!=`.
    pub(crate) fn matches(&self, client: Option<&Client>) -> bool {
        let Some(client) = client else { return false };
        client.metadata(&self.name).any(|it| (it == self.value) == self.equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(values: &[&str]) -> Client {
        let metadata = values.iter().map(|it| ("x-tenant".to_owned(), (*it).to_owned()));
        Client { metadata: metadata.collect(), ..Client::default() }
    }

    #[track_caller]
    fn check(condition: &str, values: &[&str], want: bool) {
        let condition = Request::new(condition).unwrap();
        assert_eq!(condition.matches(Some(&client(values))), want);
    }

    #[test]
    fn one_value_of_the_request_is_enough() {
        check("request[\"X-Tenant\"] == \"blue\"", &["blue"], true);
        check("request[\"X-Tenant\"] == \"blue\"", &["red", "blue"], true);
        check("request[\"X-Tenant\"] == \"blue\"", &[], false);
        check("request[\"X-Tenant\"] != \"blue\"", &["red"], true);
        check("request[\"X-Tenant\"]!=\"blue\"", &["blue"], false);
        check("request[\"X-Tenant\"] != \"blue\"", &[], false);
        check("request[\"other\"] == \"blue\"", &["blue"], false);
    }

    #[test]
    fn a_condition_of_another_form_is_refused_in_the_collectors_words() {
        let refused = |text| Request::new(text).unwrap_err();
        assert_eq!(refused("true"), "condition does not contain a valid comparator");
        let two = "request[\"a\"] == \"b\" or request[\"a\"] == \"c\"";
        assert_eq!(refused(two), "condition contains multiple comparators");
        assert_eq!(
            refused("attributes[\"a\"] == \"b\""),
            "condition must have format 'request[\"<name>\"] <comparator> <value>'"
        );
        assert_eq!(
            refused("request[\"a\"] == 1"),
            "condition must have format 'request[\"<name>\"] <comparator> \"<value>\"'"
        );
    }
}

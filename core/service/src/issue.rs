//! Mistakes by their path, before they have a place.

use component::config::{Caution, Finding, Remedy};
use component::{Id, Kind};
use confmap::code;

/// When a problem shows: it decides the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The tree does not fit the types.
    Decode,
    /// The values do not make sense.
    Validate,
    /// The pipelines cannot be built.
    Build,
}

/// One mistake in the configuration.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Keys and list positions from the root down to the culprit.
    pub path: Vec<String>,
    /// In the Collector's words, complete but for the envelope of its stage.
    pub text: String,
    /// What was probably meant.
    pub candidates: Vec<String>,
    /// True when the key is at fault, false when its value is.
    pub at_key: bool,
    /// `SL0xxx`.
    pub code: &'static str,
    /// What is known besides.
    pub hint: Option<Box<Hint>>,
}

/// What an issue knows about its remedy.
#[derive(Debug, Clone)]
pub enum Hint {
    /// What to do, and at which path.
    Do(Vec<String>, Remedy),
    /// Where the unknown key is known: the paths of its owners.
    Elsewhere(Vec<Vec<String>>),
}

impl Issue {
    /// An issue whose value is at fault.
    pub fn new(path: Vec<String>, text: impl Into<String>) -> Self {
        Self {
            path,
            text: text.into(),
            candidates: Vec::new(),
            at_key: false,
            code: code::RULE,
            hint: None,
        }
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// What to do, and at which path.
    pub(crate) fn hint(mut self, path: Vec<String>, remedy: Remedy) -> Self {
        self.hint = Some(Box::new(Hint::Do(path, remedy)));
        self
    }

    /// The value that `path` should have, in YAML.
    pub(crate) fn set(self, path: &[&str], value: impl Into<String>) -> Self {
        let path = path.iter().map(|it| (*it).to_owned()).collect();
        self.hint(path, Remedy::Set(value.into()))
    }

    /// It should go.
    pub(crate) fn remove(self) -> Self {
        let path = self.path.clone();
        self.hint(path, Remedy::Remove)
    }
}

/// Why a configuration cannot run.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where it failed.
    pub stage: Stage,
    /// Every mistake found at that stage: what the Collector says.
    pub issues: Vec<Issue>,
    /// What later stages would find; the Collector says it when these are put right.
    pub more: Vec<Issue>,
}

impl Problem {
    /// Mistakes of one stage.
    pub fn new(stage: Stage, issues: Vec<Issue>) -> Self {
        Self { stage, issues, more: Vec::new() }
    }

    /// What the Collector prints after `Error: `; `running` is false for `validate`.
    pub fn text(&self, running: bool) -> String {
        let all = self.issues.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n");
        match self.stage {
            Stage::Decode => format!(
                "failed to get config: cannot unmarshal the configuration: decoding failed due to the \
                 following error(s):\n\n{all}"
            ),
            Stage::Validate if running => format!("invalid configuration: {all}"),
            Stage::Validate => all,
            Stage::Build if running => {
                format!("failed to setup configuration components: {all}")
            }
            Stage::Build => all,
        }
    }
}

/// What components say of their sections besides mistakes.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Mistakes that the Collector reports only when it builds the pipelines.
    pub late: Vec<Late>,
    /// What is legal and probably not meant.
    pub warnings: Vec<Issue>,
}

/// A mistake because of which a component will not be created.
#[derive(Debug, Clone)]
pub struct Late {
    /// In which section the component stands.
    pub kind: Kind,
    /// As it is written there.
    pub id: Id,
    /// The name of the only signal whose pipelines it concerns.
    pub signal: Option<&'static str>,
    /// What is wrong; the text is that of the component alone.
    pub issue: Issue,
}

/// Why the pipelines cannot be built.
pub(crate) enum Refusal {
    /// Something that shows only now.
    Found(Issue),
    /// What a component knows already, by its position in [`Said::late`], and what was attempted.
    Known(usize, String),
}

impl From<Issue> for Refusal {
    fn from(issue: Issue) -> Self {
        Refusal::Found(issue)
    }
}

impl Said {
    /// Position and text of what forbids to create a component for a signal.
    pub(crate) fn late_of(&self, kind: Kind, id: &Id, signal: &str) -> Option<(usize, &str)> {
        let concerns = |it: &Late| {
            it.kind == kind && it.id == *id && it.signal.is_none_or(|only| only == signal)
        };
        let at = self.late.iter().position(concerns)?;
        self.late.get(at).map(|it| (at, it.issue.text.as_str()))
    }

    /// Why the pipelines cannot be built, with everything else that the components know.
    pub(crate) fn build_problem(&self, refusal: Refusal) -> Problem {
        let mut more: Vec<Issue> = self.late.iter().map(|it| it.issue.clone()).collect();
        let (issue, text) = match refusal {
            Refusal::Found(issue) => {
                let text = issue.text.clone();
                (issue.code(code::BUILD), text)
            }
            Refusal::Known(at, text) => (more.remove(at), text),
        };
        let issue = Issue { text: format!("failed to build pipelines: {text}"), ..issue };
        Problem { more, ..Problem::new(Stage::Build, vec![issue]) }
    }
}

/// An issue whose value is at fault.
pub(crate) fn issue(path: &[&str], text: &str) -> Issue {
    Issue::new(path.iter().map(|it| (*it).to_owned()).collect(), text)
}

/// An issue of a list's item.
pub(crate) fn at_item(path: &[&str], list: &str, at: usize, text: &str) -> Issue {
    let mut issue = issue(path, text);
    issue.path.extend([list.to_owned(), at.to_string()]);
    issue
}

/// A finding of a component, where the user can see it.
pub(crate) fn at_component(kind: Kind, id: &Id, finding: &Finding) -> Issue {
    let keys = |text: &str| -> Vec<String> {
        text.split("::").filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let mut path = vec![kind.section().to_owned(), id.to_string()];
    path.extend(keys(&finding.key));
    let mut issue = Issue::new(Vec::new(), format!("{}: {}", path.join("::"), finding.rule));
    path.extend(keys(&finding.place));
    if let Some(remedy) = finding.remedy.clone() {
        issue.code = match &remedy {
            Remedy::OneOf(_) => code::BAD_VALUE,
            Remedy::Set(_) if is_required(&finding.rule) => code::MISSING,
            _ => code::RULE,
        };
        issue = issue.hint(path.clone(), remedy);
    }
    issue.path = path;
    issue
}

/// True for rules that want something to be there at all.
fn is_required(rule: &str) -> bool {
    let words = ["requires", "required", "must be specified", "must specify", "at least one"];
    words.iter().any(|it| rule.contains(it))
}

/// The code of a warning.
pub(crate) fn caution_code(caution: Caution) -> &'static str {
    match caution {
        Caution::Everywhere => code::EVERYWHERE,
        Caution::Plaintext => code::PLAINTEXT,
        Caution::GrpcScheme => code::GRPC_SCHEME,
        Caution::EndpointForm => code::ENDPOINT_FORM,
        Caution::NoFiles => code::NO_FILES,
        Caution::NoUnit => code::NO_UNIT,
    }
}

/// Without what follows from other mistakes.
pub(crate) fn independent(issues: Vec<Issue>, others: &[Issue]) -> Vec<Issue> {
    let undefines = others.iter().any(|it| it.path.len() <= 2 && it.at_key);
    let follows = |it: &Issue| {
        others
            .iter()
            .any(|other| other.path.starts_with(&it.path) || it.path.starts_with(&other.path))
            || it.code == code::INCOMPLETE
            || (it.code == code::UNDEFINED && undefines)
    };
    issues.into_iter().filter(|it| !follows(it)).collect()
}

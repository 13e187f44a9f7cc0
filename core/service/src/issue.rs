//! Mistakes by their path, before they have a place.

use component::config::{Caution, Fault, Need, Remedy, Stage, Step, Type, Wanted};
use component::{Id, Kind};
use confmap::code;

use crate::upstream::Moved;

/// One mistake in the configuration.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Keys and list positions from the root down to the culprit.
    pub path: Vec<String>,
    /// In the Collector's words, complete but for the envelope of its stage.
    pub text: String,
    /// What the Collector says, where that is not the text: it names all unknown keys of one section in one line.
    /// Empty for a mistake that the line of another one names.
    pub headline: Option<String>,
    /// What was probably meant.
    pub candidates: Vec<String>,
    /// True when the key is at fault, false when its value is.
    pub at_key: bool,
    /// `SL0xxx`.
    pub code: &'static str,
    /// What type the value should have.
    pub wanted: Option<Type>,
    /// What is wrong, in our words; else it is said by code, place and value.
    pub cause: Option<String>,
    /// The key that is required and not there.
    pub missing: Option<String>,
    /// It follows from another mistake: the Collector says it, we need not.
    pub follows: bool,
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
    /// Words, without an edit.
    Say(String),
    /// The id that was probably meant.
    Rename(String),
    /// The id of what replaces it, and how its endpoint changes.
    Replace(String, Option<Moved>),
    /// It goes, and what lists it with it.
    RemoveEverywhere,
    /// It belongs into this map.
    Relocate(Vec<String>),
    /// It belongs below the entry before it, with these neighbours; there are none where an earlier issue has them.
    Indent {
        /// The entry before it.
        owner: Vec<String>,
        /// It and its neighbours.
        run: Vec<Vec<String>>,
    },
    /// The item belongs into another list, or into none.
    MoveItem(Option<Vec<String>>),
    /// What is in it belongs where it is.
    Unwrap,
}

impl Issue {
    /// An issue whose value is at fault.
    pub fn new(path: Vec<String>, text: impl Into<String>) -> Self {
        Self {
            path,
            text: text.into(),
            headline: None,
            candidates: Vec::new(),
            at_key: false,
            code: code::RULE,
            wanted: None,
            cause: None,
            missing: None,
            follows: false,
            hint: None,
        }
    }

    /// The last line of the Collector's text.
    pub(crate) fn line(&self) -> String {
        self.text.lines().rfind(|it| !it.is_empty()).unwrap_or_default().to_owned()
    }

    /// What is wrong, in our words.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What to do, where there is no edit.
    pub(crate) fn advice(self, text: impl Into<String>) -> Self {
        self.hinted(Hint::Say(text.into()))
    }

    pub(crate) fn hinted(mut self, hint: Hint) -> Self {
        self.hint = Some(Box::new(hint));
        self
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// The value should have this type.
    pub(crate) fn wants(mut self, wanted: Type) -> Self {
        self.wanted = Some(wanted);
        self.code(code::WRONG_TYPE)
    }

    /// What to do, and at which path.
    pub(crate) fn hint(self, path: Vec<String>, remedy: Remedy) -> Self {
        self.hinted(Hint::Do(path, remedy))
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
    /// Warnings of the components: a key that is ignored may be a misspelt one that is missing.
    pub warnings: Vec<Issue>,
}

impl Problem {
    /// Mistakes of one stage.
    pub fn new(stage: Stage, issues: Vec<Issue>) -> Self {
        Self { stage, issues, more: Vec::new(), warnings: Vec::new() }
    }

    /// What the Collector prints after `Error: `; `running` is false for `validate`.
    pub fn text(&self, running: bool) -> String {
        let lines = self.issues.iter().map(|it| it.headline.as_ref().unwrap_or(&it.text).as_str());
        let all = lines.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n");
        match self.stage {
            Stage::Read => format!(
                "failed to get config: cannot unmarshal the configuration: decoding failed due to the \
                 following error(s):\n\n{all}"
            ),
            Stage::Check if running => format!("invalid configuration: {all}"),
            Stage::Check => all,
            Stage::Create if running => {
                format!("failed to setup configuration components: {all}")
            }
            Stage::Create | Stage::Start => all,
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
    /// What will keep components from starting.
    pub at_start: Vec<Late>,
    /// What components need that is not in their sections.
    pub needs: Vec<Needed>,
}

/// Something that a component needs, and the path of the key that says so.
#[derive(Debug, Clone)]
pub struct Needed {
    /// In which section the component stands.
    pub kind: Kind,
    /// As it is written there.
    pub id: Id,
    /// From the root to the key.
    pub path: Vec<String>,
    /// What it is.
    pub need: Need,
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
        let said = issue.missing.is_none().then(|| text.clone());
        let cause = issue.cause.clone().or(said);
        let issue = Issue { text: format!("failed to build pipelines: {text}"), cause, ..issue };
        Problem {
            more,
            warnings: self.warnings.clone(),
            ..Problem::new(Stage::Create, vec![issue])
        }
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

/// The unknown keys of one section as the Collector names them: in one line, that of the first.
pub(crate) fn in_one_line(issues: &mut [Issue], intro: &str) {
    let mut keys: Vec<&str> =
        issues.iter().filter_map(|it| it.path.last().map(String::as_str)).collect();
    keys.sort_unstable();
    let line = format!("{intro}: {}", keys.join(", "));
    for (at, issue) in issues.iter_mut().enumerate() {
        issue.headline = Some(if at == 0 { line.clone() } else { String::new() });
    }
}

/// Upstream stops at the first of these; the others are shown, too.
pub(crate) fn only_first(issues: &mut [Issue]) {
    issues.iter_mut().skip(1).for_each(|it| it.headline = Some(String::new()));
}

/// A fault below `above`, where the user can see it.
pub(crate) fn of_fault(above: &[&str], fault: &Fault, text: String) -> Issue {
    let mut path: Vec<String> = above.iter().map(|it| (*it).to_owned()).collect();
    path.extend(fault.place.iter().map(ToString::to_string));
    let mut issue = Issue::new(path.clone(), text).code(fault_code(fault));
    match &fault.wanted {
        Some(Wanted::Type(it) | Wanted::Named(it, _)) => issue.wanted = Some(*it),
        Some(Wanted::OneOf(values)) => issue.candidates.clone_from(values),
        Some(Wanted::Key(known, owners)) => {
            issue.at_key = true;
            issue.candidates.clone_from(known);
            let below = |owner: &Vec<Step>| {
                let above = above.iter().map(|it| (*it).to_owned());
                above.chain(owner.iter().map(ToString::to_string)).collect()
            };
            issue.hint = elsewhere(owners.iter().map(below).collect());
        }
        // The place is that of a key that stands there instead.
        Some(Wanted::Present)
            if matches!(fault.remedy, Some(Remedy::ValueOf(_) | Remedy::Say(_))) =>
        {
            issue.cause = Some(rule(fault));
        }
        Some(Wanted::Present) => {
            let below = fault.place.get(fault.named..).unwrap_or_default();
            issue.missing = below.last().map(ToString::to_string);
        }
        Some(Wanted::Duration | Wanted::Endpoint) => {}
        None => issue.cause = Some(rule(fault)),
    }
    match fault.remedy.clone() {
        Some(remedy) => issue.hint(path, remedy),
        None => issue,
    }
}

/// The last key of a path, with the position of a list's item as people count.
pub(crate) fn name(path: &[String]) -> String {
    match path.split_last() {
        Some((at, above)) if at.parse::<usize>().is_ok() => {
            let number = at.parse::<usize>().unwrap_or(0).saturating_add(1);
            format!("item {number} of {}", name(above))
        }
        Some((key, _)) => format!("`{key}`"),
        None => "the configuration".to_owned(),
    }
}

/// What a fault says, with the key that its text does not name.
fn rule(fault: &Fault) -> String {
    if fault.named == 0 {
        return fault.text.clone();
    }
    let steps: Vec<String> = fault.place.iter().map(ToString::to_string).collect();
    // What follows the first line is an excerpt: the diagnostic shows the place itself.
    let (key, said) = (name(&steps), fault.text.lines().next().unwrap_or_default());
    if said.starts_with(&key) { said.to_owned() } else { format!("{key}: {said}") }
}

/// A broken rule of a component.
pub(crate) fn of_rule(kind: Kind, id: &Id, fault: &Fault) -> Issue {
    let above = [kind.section(), id.as_str()];
    of_fault(&above, fault, rule_text(&above, fault))
}

/// A broken rule in the Collector's words: `a::b::c: rule`.
pub(crate) fn rule_text(above: &[&str], fault: &Fault) -> String {
    let named = fault.named_place().iter().map(|it| format!("::{it}")).collect::<String>();
    format!("{}{named}: {}", above.join("::"), fault.text)
}

/// Where a key at the wrong place belongs.
pub(crate) fn elsewhere(owners: Vec<Vec<String>>) -> Option<Box<Hint>> {
    (!owners.is_empty()).then(|| Box::new(Hint::Elsewhere(owners)))
}

fn fault_code(fault: &Fault) -> &'static str {
    match (&fault.wanted, &fault.remedy) {
        (Some(Wanted::Key(..)), _) => code::UNKNOWN_KEY,
        (Some(Wanted::Duration), _) => code::DURATION,
        (Some(Wanted::OneOf(_)), _) | (_, Some(Remedy::OneOf(_))) => code::BAD_VALUE,
        (Some(Wanted::Present), _) => code::MISSING,
        (Some(Wanted::Endpoint), _) => code::ENDPOINT_FORM,
        (Some(Wanted::Type(_) | Wanted::Named(..)), _) => code::WRONG_TYPE,
        // A value that its type refuses in words of its own.
        (None, None) if fault.stage == Stage::Read => code::WRONG_TYPE,
        (None, _) if fault.stage == Stage::Start => code::START,
        (None, _) => code::RULE,
    }
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
        Caution::IgnoredKey => code::IGNORED_KEY,
        Caution::NoEffect => code::NO_EFFECT,
        Caution::Deprecated => code::DEPRECATED,
        Caution::AbsentFile => code::ABSENT_FILE,
        Caution::Expired => code::EXPIRED,
    }
}

/// Marks what follows from a wrong indentation: a component lacks the keys that stand beside it.
pub(crate) fn mark_followers(issues: &mut [Issue], others: &mut [Issue]) {
    let owners = |list: &[Issue]| -> Vec<Vec<String>> {
        let owner = |it: &Issue| match it.hint.as_deref() {
            Some(Hint::Indent { owner, .. }) => Some(owner.clone()),
            _ => None,
        };
        list.iter().filter_map(owner).collect()
    };
    let owners = [owners(issues), owners(others)].concat();
    for it in issues.iter_mut().chain(others) {
        let lacks = [code::MISSING, code::INCOMPLETE].contains(&it.code);
        it.follows |= lacks && owners.iter().any(|owner| it.path.starts_with(owner));
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

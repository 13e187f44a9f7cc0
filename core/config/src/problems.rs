//! What a component finds in its own section.

/// What [`super::Config::validate`] found.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Finding>,
    late: Vec<Finding>,
    warnings: Vec<(Caution, Finding)>,
}

/// One mistake, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The Collector's path below the component's section, `::` between keys; empty for the section.
    pub key: String,
    /// The rule that is broken, in the Collector's words.
    pub rule: String,
    /// Below `key`, the key that the user has to look at; empty if that is `key` itself.
    pub place: String,
    /// What to do there.
    pub remedy: Option<Remedy>,
    /// The only pipelines that it concerns, by the name of their signal; `None` for all.
    pub signal: Option<&'static str>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Write this value, in YAML.
    Set(String),
    /// Write one of these values.
    OneOf(Vec<String>),
    /// Remove the key.
    Remove,
    /// Look at these bytes of the text; one of these was probably meant.
    Part(std::ops::Range<usize>, Vec<String>),
}

/// Legal, and probably not what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// A server on every network.
    Everywhere,
    /// No TLS to another machine.
    Plaintext,
    /// A scheme in the endpoint of a gRPC client.
    GrpcScheme,
    /// An endpoint that is not of the form wanted.
    EndpointForm,
    /// A pattern that matches no file.
    NoFiles,
    /// A time span in nanoseconds.
    NoUnit,
}

impl Problems {
    /// A broken rule. `key` is the path below the component's section with `::` between keys, empty
    /// for the section.
    pub fn at(&mut self, key: impl Into<String>, rule: impl Into<String>) -> &mut Finding {
        push(&mut self.list, Finding::new(key, rule))
    }

    /// What upstream says only when it creates the component: the component is not created then.
    pub fn late(&mut self, key: impl Into<String>, rule: impl Into<String>) -> &mut Finding {
        push(&mut self.late, Finding::new(key, rule))
    }

    /// Something legal that is probably not what was meant.
    pub fn warn(
        &mut self,
        caution: Caution,
        key: impl Into<String>,
        text: impl Into<String>,
    ) -> &mut Finding {
        let at = self.warnings.len();
        self.warnings.push((caution, Finding::new(key, text)));
        &mut self.warnings[at].1
    }

    /// Broken rules, in the order found.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Rules whose text upstream says later.
    pub fn late_list(&self) -> &[Finding] {
        &self.late
    }

    /// Warnings, in the order found.
    pub fn warnings(&self) -> &[(Caution, Finding)] {
        &self.warnings
    }
}

fn push(list: &mut Vec<Finding>, finding: Finding) -> &mut Finding {
    let at = list.len();
    list.push(finding);
    &mut list[at]
}

impl Finding {
    fn new(key: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            rule: rule.into(),
            place: String::new(),
            remedy: None,
            signal: None,
        }
    }

    /// It concerns only the pipelines of this signal.
    pub fn only_for(&mut self, signal: &'static str) -> &mut Self {
        self.signal = Some(signal);
        self
    }

    /// The key at fault, below that of the finding.
    pub fn about(&mut self, place: &str) -> &mut Self {
        place.clone_into(&mut self.place);
        self
    }

    /// `place` should have this value, in YAML; it may be missing.
    pub fn set(&mut self, place: &str, value: impl Into<String>) -> &mut Self {
        self.remedy = Some(Remedy::Set(value.into()));
        self.about(place)
    }

    /// `place` should have one of these values.
    pub fn one_of(&mut self, place: &str, values: &[&str]) -> &mut Self {
        self.remedy = Some(Remedy::OneOf(values.iter().map(|it| (*it).to_owned()).collect()));
        self.about(place)
    }

    /// These bytes of the text at `place` are wrong; one of `values` was probably meant.
    pub fn part(
        &mut self,
        place: &str,
        span: std::ops::Range<usize>,
        values: Vec<String>,
    ) -> &mut Self {
        self.remedy = Some(Remedy::Part(span, values));
        self.about(place)
    }

    /// `place` should go.
    pub fn remove(&mut self, place: &str) -> &mut Self {
        self.remedy = Some(Remedy::Remove);
        self.about(place)
    }
}

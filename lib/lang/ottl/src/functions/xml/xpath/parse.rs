//! Texts to expressions, by precedence.

/// Nesting of an expression, in levels.
const DEPTH_MAX: usize = 64;

/// The names of all functions that there are.
const FUNCTIONS: [&str; 31] = [
    "boolean",
    "ceiling",
    "concat",
    "contains",
    "count",
    "ends-with",
    "false",
    "floor",
    "last",
    "local-name",
    "lower-case",
    "matches",
    "name",
    "namespace-uri",
    "normalize-space",
    "not",
    "number",
    "position",
    "replace",
    "reverse",
    "round",
    "starts-with",
    "string",
    "string-join",
    "string-length",
    "substring",
    "substring-after",
    "substring-before",
    "sum",
    "translate",
    "true",
];

/// Where a step leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Ancestor,
    AncestorOrSelf,
    Attribute,
    Child,
    Descendant,
    DescendantOrSelf,
    Following,
    FollowingSibling,
    Parent,
    Preceding,
    PrecedingSibling,
    Itself,
}

const AXES: [(&str, Axis); 12] = [
    ("ancestor", Axis::Ancestor),
    ("ancestor-or-self", Axis::AncestorOrSelf),
    ("attribute", Axis::Attribute),
    ("child", Axis::Child),
    ("descendant", Axis::Descendant),
    ("descendant-or-self", Axis::DescendantOrSelf),
    ("following", Axis::Following),
    ("following-sibling", Axis::FollowingSibling),
    ("parent", Axis::Parent),
    ("preceding", Axis::Preceding),
    ("preceding-sibling", Axis::PrecedingSibling),
    ("self", Axis::Itself),
];

/// What a step takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// `node()`
    Any,
    /// `*`
    Element,
    Text,
    Comment,
    Instruction,
    Name {
        prefix: String,
        local: String,
    },
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Union,
}

/// By precedence, the loosest first; longer marks before shorter ones.
const LEVELS: [&[(&str, Operator)]; 7] = [
    &[("or", Operator::Or)],
    &[("and", Operator::And)],
    &[("!=", Operator::NotEqual), ("=", Operator::Equal)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("div", Operator::Divide), ("mod", Operator::Modulo)],
    &[("|", Operator::Union)],
];

#[derive(Debug)]
pub(super) enum Expr {
    Text(String),
    Number(f64),
    Call(&'static str, Vec<Expr>),
    Binary(Operator, Box<(Expr, Expr)>),
    Negative(Box<Expr>),
    /// From the document if absolute, else from where it is evaluated.
    Path {
        absolute: bool,
        steps: Vec<Step>,
    },
    /// `(path)[1]/step`
    Filter {
        of: Box<Expr>,
        predicates: Vec<Expr>,
        steps: Vec<Step>,
    },
}

const NO_NODES: &str = "expression must evaluate to a node-set";

pub(super) fn parse(text: &str) -> Result<Expr, String> {
    if text.trim().is_empty() {
        return Err("expr expression is nil".to_owned());
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let expr = parser.climb(0)?;
    parser.skip_blanks();
    if parser.rest().is_empty() { Ok(expr) } else { Err(NO_NODES.to_owned()) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn is(&mut self, mark: &str) -> bool {
        self.skip_blanks();
        self.rest().starts_with(mark)
    }

    fn accept(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    fn expect(&mut self, mark: &str) -> Result<(), String> {
        if self.accept(mark) { Ok(()) } else { Err(NO_NODES.to_owned()) }
    }

    fn word(&self) -> &'t str {
        let rest = self.rest();
        let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if word.starts_with(|c: char| c.is_alphabetic() || c == '_') { word } else { "" }
    }

    fn climb(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        self.depth += 1;
        if self.depth > DEPTH_MAX * LEVELS.len() {
            return Err(format!("expression is nested more than {DEPTH_MAX} deep"));
        }
        let mut left = self.climb(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.climb(level + 1)?;
            left = Expr::Binary(operator, Box::new((left, right)));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&mut self, operators: &[(&str, Operator)]) -> Option<Operator> {
        self.skip_blanks();
        let word = self.word();
        let fits = |mark: &str| {
            if mark.starts_with(|c: char| c.is_alphabetic()) {
                word == mark
            } else {
                self.rest().starts_with(mark)
            }
        };
        let (mark, operator) = operators.iter().find(|it| fits(it.0))?;
        self.at += mark.len();
        Some(*operator)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.accept("-") {
            return Ok(Expr::Negative(Box::new(self.unary()?)));
        }
        self.skip_blanks();
        let of = match self.rest().chars().next() {
            Some('(') => {
                self.at += 1;
                let inside = self.climb(0)?;
                self.expect(")")?;
                inside
            }
            Some(quote @ ('"' | '\'')) => {
                let rest = self.rest().get(1..).unwrap_or_default();
                let (text, _) = rest.split_once(quote).ok_or("xpath: unclosed string")?;
                self.at += text.len() + 2;
                Expr::Text(text.to_owned())
            }
            Some('0'..='9') => self.number(),
            Some('.')
                if self
                    .rest()
                    .get(1..2)
                    .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit())) =>
            {
                self.number()
            }
            _ => match self.call()? {
                Some(it) => it,
                None => return self.location(),
            },
        };
        let predicates = self.predicates()?;
        let steps = if self.is("/") { self.steps()? } else { Vec::new() };
        if predicates.is_empty() && steps.is_empty() {
            return Ok(of);
        }
        Ok(Expr::Filter { of: Box::new(of), predicates, steps })
    }

    fn number(&mut self) -> Expr {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        self.at += end;
        Expr::Number(rest.get(..end).and_then(|it| it.parse().ok()).unwrap_or(f64::NAN))
    }

    /// `name(argument, ...)`, unless the name is that of a node's type.
    fn call(&mut self) -> Result<Option<Expr>, String> {
        let name = self.word();
        let is_type = matches!(name, "node" | "text" | "comment" | "processing-instruction");
        let behind = self.rest().get(name.len()..).unwrap_or_default();
        if name.is_empty() || is_type || !behind.trim_start().starts_with('(') {
            return Ok(None);
        }
        let known = FUNCTIONS.iter().find(|it| **it == name);
        let known = known.ok_or_else(|| format!("not yet support this function {name}()"))?;
        self.at += name.len();
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.accept(")") {
            loop {
                arguments.push(self.climb(0)?);
                if self.accept(")") {
                    break;
                }
                self.expect(",")?;
            }
        }
        Ok(Some(Expr::Call(known, arguments)))
    }

    fn location(&mut self) -> Result<Expr, String> {
        let absolute = self.is("/");
        if absolute && !self.is("//") {
            let start = self.at;
            self.at += 1;
            self.skip_blanks();
            // `/` alone is the document.
            if !self.begins_step() {
                return Ok(Expr::Path { absolute, steps: Vec::new() });
            }
            self.at = start;
        }
        Ok(Expr::Path { absolute, steps: self.steps()? })
    }

    fn begins_step(&self) -> bool {
        let rest = self.rest();
        !self.word().is_empty() || rest.starts_with(['*', '@', '.'])
    }

    /// Steps with what is between them, or before the first one.
    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if self.accept("//") {
                let (axis, test) = (Axis::DescendantOrSelf, Test::Any);
                steps.push(Step { axis, test, predicates: Vec::new() });
            } else if !self.accept("/") && !steps.is_empty() {
                return Ok(steps);
            }
            self.skip_blanks();
            steps.push(self.step()?);
            if !self.is("/") {
                return Ok(steps);
            }
        }
    }

    fn step(&mut self) -> Result<Step, String> {
        if self.accept("..") {
            let predicates = self.predicates()?;
            return Ok(Step { axis: Axis::Parent, test: Test::Any, predicates });
        }
        if self.accept(".") {
            let predicates = self.predicates()?;
            return Ok(Step { axis: Axis::Itself, test: Test::Any, predicates });
        }
        let mut axis = Axis::Child;
        if self.accept("@") {
            axis = Axis::Attribute;
        } else {
            let word = self.word();
            let behind = self.rest().get(word.len()..).unwrap_or_default();
            if behind.trim_start().starts_with("::") {
                let known = AXES.iter().find(|it| it.0 == word);
                axis = known.ok_or_else(|| format!("unknown axe type: {word}"))?.1;
                self.at += word.len();
                self.expect("::")?;
            }
        }
        let test = self.test()?;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn test(&mut self) -> Result<Test, String> {
        self.skip_blanks();
        if self.accept("*") {
            return Ok(Test::Element);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(NO_NODES.to_owned());
        }
        self.at += word.len();
        if self.rest().starts_with('(') {
            let test = match word {
                "node" => Test::Any,
                "text" => Test::Text,
                "comment" => Test::Comment,
                _ => Test::Instruction,
            };
            self.expect("(")?;
            if !self.is(")") {
                self.climb(0)?;
            }
            self.expect(")")?;
            return Ok(test);
        }
        let mut name = (String::new(), word.to_owned());
        if self.rest().starts_with(':') && !self.rest().starts_with("::") {
            self.at += 1;
            let local = self.word();
            self.at += local.len();
            if local.is_empty() {
                return Err(NO_NODES.to_owned());
            }
            name = (word.to_owned(), local.to_owned());
        }
        Ok(Test::Name { prefix: name.0, local: name.1 })
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, String> {
        let mut predicates = Vec::new();
        while self.accept("[") {
            predicates.push(self.climb(0)?);
            self.expect("]")?;
        }
        Ok(predicates)
    }
}

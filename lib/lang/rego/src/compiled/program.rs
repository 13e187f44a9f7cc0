//! What a query is lowered to.

use std::collections::HashMap;

use regorus::Value;

use super::call::Call;
pub(super) use super::operate::Comparison;
use super::operate::{data_index, index};
use super::val::{Stop, Val};

/// The program of one query.
#[derive(Debug, Default)]
pub struct Program {
    pub(super) rules: Vec<Rule>,
    pub(super) functions: Vec<Rule>,
    /// The rule that is asked for.
    pub(super) query: usize,
    pub(super) fields: Vec<Vec<String>>,
    /// Some rule or function has local variables.
    pub(super) has_locals: bool,
}

impl Program {
    /// Paths below `input` that it reads; `Input::field` gets the place in this list.
    pub fn fields(&self) -> &[Vec<String>] {
        &self.fields
    }
}

/// All rules of one name, or all of a function.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) clauses: Vec<Clause>,
    /// The value if no clause has one.
    pub(super) otherwise: Value,
    /// Local variables.
    pub(super) slots: usize,
    /// The first clause that holds decides: all have the same constant value, and none can stop the program.
    pub(super) is_first_enough: bool,
    /// Evaluating it may stop the program.
    pub(super) may_stop: bool,
}

impl Rule {
    /// The value, if it is the same for all records.
    pub(super) fn same_for_all(&self) -> Option<Value> {
        let [Clause { arms }] = self.clauses.as_slice() else { return None };
        let [Arm { body, key: None, value: Ex::Const(value), .. }] = arms.as_slice() else {
            return None;
        };
        (self.kind == Kind::Complete && body.is_empty()).then(|| value.clone())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Complete,
    Set,
    Object,
}

/// One rule with its `else`: the first arm that has a value counts.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) arms: Vec<Arm>,
}

#[derive(Debug)]
pub(super) struct Arm {
    pub(super) body: Vec<Lit>,
    /// Of a partial object.
    pub(super) key: Option<Ex>,
    pub(super) value: Ex,
    /// The body may have several solutions.
    pub(super) is_loop: bool,
    /// All solutions have the same value, so one is enough.
    pub(super) is_constant: bool,
}

/// One condition.
#[derive(Debug)]
pub(super) enum Lit {
    /// Neither false nor undefined.
    Holds(Ex),
    /// False or undefined.
    Not(Ex),
    /// It has no solution.
    NotBody(Vec<Lit>),
    /// The local variable has this value from now on.
    Bind(usize, Ex),
    /// One solution for each item.
    Each(Each),
    /// The body holds for all items.
    Every(Each, Vec<Lit>),
}

/// A walk over the items of a collection; what is none has no items.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) domain: Ex,
    pub(super) key: Option<Target>,
    pub(super) value: Option<Target>,
}

/// What becomes of a key or value.
#[derive(Debug)]
pub(super) enum Target {
    Local(usize),
    /// It must be this.
    Equal(Ex),
}

/// An expression.
#[derive(Debug)]
pub(super) enum Ex {
    Const(Value),
    Field(usize),
    Local(usize),
    Rule(usize),
    /// A document of the host, and a key in it.
    Lookup(usize, Box<Ex>),
    Index(Box<Ex>, Box<Ex>),
    /// The same of what is below `data`.
    DataIndex(Box<Ex>, Box<Ex>),
    /// A key of an object that is the same for all records.
    Pick(Box<Table>, Box<Ex>),
    Compare(Comparison, Box<Ex>, Box<Ex>),
    /// Arithmetic, or what is done with sets.
    Operator(char, Box<Ex>, Box<Ex>),
    In(Box<Ex>, Box<Ex>),
    Call(Call, Vec<Ex>),
    Function(usize, Vec<Ex>),
    Array(Vec<Ex>),
    Set(Vec<Ex>),
    Object(Vec<(Ex, Ex)>),
    /// A comprehension.
    Collect(Collect),
}

/// A constant object. A text of the record finds its value without becoming a value itself.
#[derive(Debug)]
pub(super) struct Table {
    object: Value,
    /// Its values by those keys that are texts.
    texts: HashMap<Box<str>, Value>,
    /// It is below `data`.
    is_data: bool,
}

impl Table {
    /// `None` if it is no object.
    pub(super) fn new(value: &Value, is_data: bool) -> Option<Self> {
        let Value::Object(entries) = value else { return None };
        let mut texts = HashMap::new();
        for (key, value) in entries.iter() {
            if let Value::String(text) = key {
                texts.insert(Box::from(&**text), value.clone());
            }
        }
        Some(Self { object: value.clone(), texts, is_data })
    }

    /// The value under a key.
    pub(super) fn pick<'r>(&'r self, key: Val<'r>) -> Result<Val<'r>, Stop> {
        if let Some(text) = key.text() {
            return Ok(self.texts.get(text).map_or(Val::UNDEFINED, Val::Ref));
        }
        let object = Val::Ref(&self.object);
        if self.is_data { data_index(object, key) } else { Ok(index(object, key)) }
    }
}

#[derive(Debug)]
pub(super) struct Collect {
    pub(super) kind: Collected,
    pub(super) key: Option<Box<Ex>>,
    pub(super) value: Box<Ex>,
    pub(super) body: Vec<Lit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collected {
    Array,
    Set,
    Object,
}

//! A compiled condition. It is looked at in place: nothing is allocated as long as no function makes
//! a new value.

use super::Getter;
use crate::compare;
use crate::context::Scene;
use crate::path::Field;
use crate::tree::Comparison;
use crate::value::Value;

/// True or false to come.
#[derive(Debug)]
pub(crate) enum Test {
    Const(bool),
    /// A whole number of the item with a constant.
    Int(Field, Comparison, i64),
    Compare(Comparison, Box<(Getter, Getter)>),
    Call(Getter),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
}

impl Test {
    /// Whether it holds.
    #[inline]
    pub(crate) fn holds<'a>(&'a self, scene: Scene<'a>) -> Result<bool, String> {
        match self {
            Test::Int(field, how, constant) => {
                let ordering = field.int(scene).map(|it| it.cmp(constant));
                Ok(compare::ordered(*how, ordering))
            }
            _ => self.looked_at(scene),
        }
    }

    fn looked_at<'a>(&'a self, scene: Scene<'a>) -> Result<bool, String> {
        match self {
            Test::Const(it) => Ok(*it),
            Test::Int(..) => self.holds(scene),
            Test::Compare(how, sides) => {
                let left = sides.0.get(scene)?;
                Ok(compare::holds(*how, &left, &sides.1.get(scene)?))
            }
            Test::Call(getter) => match getter.get(scene)? {
                Value::Bool(it) => Ok(it),
                other => Err(not_bool(&other)),
            },
            Test::Not(it) => Ok(!it.holds(scene)?),
            Test::All(list) => {
                for it in list {
                    if !it.holds(scene)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::Any(list) => {
                for it in list {
                    if it.holds(scene)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// What a converter must not yield where a condition is wanted.
fn not_bool(value: &Value<'_>) -> String {
    let shown = if matches!(value, Value::Nil) { "<nil>" } else { value.go_type() };
    format!("value returned from Converter in constant expression must be bool but got {shown}")
}

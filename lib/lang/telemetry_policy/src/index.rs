//! Which policies may match a record, without looking at the others.
//!
//! Of each policy one condition is chosen as its key: the equality that the fewest other policies share; else a text
//! that must stand in a field; else that a field must be there. Equalities are looked up in a table per field, the
//! texts of a field are all found in one pass. Policies that share a key are indexed once more by what else they
//! ask. So a record costs what its own policies cost, not what all do.
//!
//! ```text
//!   resource.service.name = "checkout" --> severity_text = "DEBUG" --> [ policy 17 ]
//!                                      --> body contains "timeout" --> [ policy 4211, policy 4212 ]
//!   resource.service.name = "cart"     --> [ policy 9 ]
//!   rest                               --> [ policies without a positive condition ]
//! ```

use std::collections::{BTreeMap, HashMap};

use aho_corasick::AhoCorasick;
use pdata::ValueRef;

use crate::literal::{Atom, required};
use crate::model::{Field, Literal, Number, Test, fold, number};
use crate::number::place;
use crate::slots::{Extent, Slots, View, has_many};

/// So many policies are asked one by one.
const LEAF_MAX: usize = 4;
/// Most levels of the index.
const DEPTH_MAX: usize = 6;

/// Policies by what they ask.
#[derive(Debug, Default)]
pub(crate) struct Index {
    equal: Vec<(usize, Table)>,
    texts: Vec<Texts>,
    present: Vec<(usize, Branch)>,
    rest: Vec<u32>,
}

#[derive(Debug)]
enum Branch {
    Leaf(Vec<u32>),
    Inner(Box<Index>),
}

/// Policies by the value of one field.
#[derive(Debug, Default)]
struct Table {
    texts: HashMap<Box<str>, Branch>,
    folded: HashMap<Box<str>, Branch>,
    bytes: HashMap<Box<[u8]>, Branch>,
    scalars: HashMap<Scalar, Branch>,
}

/// A number or a boolean; equal numbers are equal whatever their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Scalar {
    Bool(bool),
    Int(i64),
    Double(u64),
}

/// Policies by a text in one field.
#[derive(Debug)]
struct Texts {
    field: usize,
    ignore_case: bool,
    automaton: AhoCorasick,
    branches: Vec<Branch>,
    /// The number of the first text among all of the engine.
    first: usize,
}

/// A key of the table, while the index is built.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Text(String, bool),
    Bytes(Vec<u8>),
    Scalar(Scalar),
}

impl Scalar {
    fn number(it: Number) -> Option<Self> {
        match it {
            Number::Int(it) => Some(Self::Int(it)),
            Number::Double(it) if it.is_nan() => None,
            Number::Double(it) => {
                let whole = golang::number::whole(it);
                let is_whole = Number::Int(whole).compare(Number::Double(it));
                let is_whole = is_whole == Some(std::cmp::Ordering::Equal);
                Some(if is_whole { Self::Int(whole) } else { Self::Double(it.to_bits()) })
            }
        }
    }
}

impl Value {
    fn of(literal: &Literal) -> Option<Self> {
        match literal {
            Literal::Text(it) => Some(Self::Text(it.text.clone(), it.ignore_case)),
            Literal::Bytes(it) => Some(Self::Bytes(it.clone())),
            Literal::Bool(it) => Some(Self::Scalar(Scalar::Bool(*it))),
            Literal::Number(it) => Scalar::number(*it).map(Self::Scalar),
        }
    }
}

/// A policy that has no place yet: its number, and which of its conditions are keys above.
type Open = (u32, u128);

/// Builds indexes; texts are numbered through all of them.
pub(crate) struct Builder<'p> {
    policies: Vec<&'p [Atom]>,
    pub(crate) texts: usize,
}

impl<'p> Builder<'p> {
    pub(crate) fn new(policies: impl Iterator<Item = &'p [Atom]>) -> Self {
        Self { policies: policies.collect(), texts: 0 }
    }

    /// The index of these policies.
    pub(crate) fn index(&mut self, policies: impl Iterator<Item = u32>) -> Index {
        self.build(policies.map(|it| (it, 0)).collect(), 0)
    }

    /// Conditions of a policy that may become its key.
    fn free(&self, (policy, used): Open) -> impl Iterator<Item = (usize, &'p Atom)> + use<'p> {
        let atoms = self.policies.get(policy as usize).copied().unwrap_or_default();
        let is_free = move |at: usize| used.checked_shr(place(at)).unwrap_or(1) & 1 == 0;
        atoms.iter().enumerate().filter(move |(at, it)| !it.negate && is_free(*at))
    }

    fn build(&mut self, open: Vec<Open>, depth: usize) -> Index {
        let mut shared: BTreeMap<(usize, Value), usize> = BTreeMap::new();
        let mut asked: BTreeMap<usize, usize> = BTreeMap::new();
        for it in &open {
            for (_, atom) in self.free(*it) {
                *asked.entry(atom.field).or_default() += 1;
                if let Some(key) = equality(atom) {
                    *shared.entry(key).or_default() += 1;
                }
            }
        }
        let mut equal: BTreeMap<(usize, Value), Vec<Open>> = BTreeMap::new();
        let mut texts: BTreeMap<(usize, bool), BTreeMap<Vec<u8>, Vec<Open>>> = BTreeMap::new();
        let mut present: BTreeMap<usize, Vec<Open>> = BTreeMap::new();
        let mut rest = Vec::new();
        for it in open {
            let used = |at: usize| (it.0, it.1 | 1_u128.checked_shl(place(at)).unwrap_or(0));
            let equalities = self.free(it).filter_map(|(at, atom)| Some((at, equality(atom)?)));
            let rarest = equalities.min_by_key(|(_, key)| shared.get(key).copied());
            if let Some((at, key)) = rarest {
                equal.entry(key).or_default().push(used(at));
                continue;
            }
            let wanted =
                self.free(it).find_map(|(at, atom)| Some((at, atom.field, required(&atom.test)?)));
            if let Some((at, field, (list, ignore_case))) = wanted {
                let group = texts.entry((field, ignore_case)).or_default();
                for text in list {
                    group.entry(text).or_default().push(used(at));
                }
                continue;
            }
            let rarest = self.free(it).min_by_key(|(_, atom)| asked.get(&atom.field).copied());
            match rarest {
                Some((at, atom)) => present.entry(atom.field).or_default().push(used(at)),
                None => rest.push(it.0),
            }
        }
        let mut index = Index { rest, ..Index::default() };
        for ((field, value), open) in equal {
            let branch = self.branch(open, depth);
            if index.equal.last().is_none_or(|it| it.0 != field) {
                index.equal.push((field, Table::default()));
            }
            if let Some((_, table)) = index.equal.last_mut() {
                table.insert(value, branch);
            }
        }
        for ((field, ignore_case), group) in texts {
            self.texts_of(field, ignore_case, group, depth, &mut index);
        }
        for (field, open) in present {
            let branch = self.branch(open, depth);
            index.present.push((field, branch));
        }
        index
    }

    fn texts_of(
        &mut self,
        field: usize,
        ignore_case: bool,
        group: BTreeMap<Vec<u8>, Vec<Open>>,
        depth: usize,
        index: &mut Index,
    ) {
        let Ok(automaton) = AhoCorasick::new(group.keys()) else {
            // Too many texts for one automaton: these policies are asked one by one.
            index.rest.extend(group.into_values().flatten().map(|it| it.0));
            return;
        };
        let first = self.texts;
        self.texts += group.len();
        let branches = group.into_values().map(|open| self.branch(open, depth)).collect();
        index.texts.push(Texts { field, ignore_case, automaton, branches, first });
    }

    fn branch(&mut self, open: Vec<Open>, depth: usize) -> Branch {
        let can_be_told_apart = open.iter().any(|it| self.free(*it).next().is_some());
        if open.len() <= LEAF_MAX || depth >= DEPTH_MAX || !can_be_told_apart {
            return Branch::Leaf(open.into_iter().map(|it| it.0).collect());
        }
        Branch::Inner(Box::new(self.build(open, depth + 1)))
    }
}

/// The field and the value of a condition that asks for one.
fn equality(atom: &Atom) -> Option<(usize, Value)> {
    match &atom.test {
        Test::Equals(literal) => Some((atom.field, Value::of(literal)?)),
        _ => None,
    }
}

impl Table {
    fn insert(&mut self, value: Value, branch: Branch) {
        match value {
            Value::Text(text, false) => drop(self.texts.insert(text.into(), branch)),
            Value::Text(text, true) => drop(self.folded.insert(text.into(), branch)),
            Value::Bytes(it) => drop(self.bytes.insert(it.into(), branch)),
            Value::Scalar(it) => drop(self.scalars.insert(it, branch)),
        }
    }

    #[inline]
    fn get(&self, value: ValueRef<'_>) -> Option<&Branch> {
        match value {
            ValueRef::Str(it) => self.texts.get(it),
            ValueRef::Bytes(it) => self.bytes.get(it),
            ValueRef::Bool(it) => self.scalars.get(&Scalar::Bool(it)),
            _ => self.scalars.get(&Scalar::number(number(value)?)?),
        }
    }
}

impl Index {
    /// True if no policy is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty()
            && self.texts.is_empty()
            && self.present.is_empty()
            && self.rest.is_empty()
    }
}

/// What a search needs beside the index.
pub(crate) struct Search<'s, 'a> {
    pub(crate) fields: &'s [(Field, Extent)],
    pub(crate) slots: &'s mut Slots<'a>,
    pub(crate) view: &'s View<'a>,
    /// In which record each text was found last.
    pub(crate) found: &'s mut [u32],
    /// The number of the record that is looked at.
    pub(crate) record: u32,
    /// Texts that were found and are not followed yet.
    pub(crate) hits: &'s mut Vec<u32>,
}

impl Index {
    /// Shows the policies that may match, some of them more than once.
    pub(crate) fn search<'a>(
        &self,
        search: &mut Search<'_, 'a>,
        each: &mut impl FnMut(&mut Search<'_, 'a>, u32),
    ) {
        for (at, table) in &self.equal {
            let Some(field) = search.fields.get(*at) else { continue };
            if has_many(&field.0) {
                self.search_many(&field.0, table, search, each);
                continue;
            }
            let Some(value) = search.slots.value(*at, field, search.view) else { continue };
            if let Some(branch) = table.get(value) {
                branch.search(search, each);
            }
            if !table.folded.is_empty()
                && matches!(value, ValueRef::Str(_))
                && let Some(text) = search.slots.text(*at, field, search.view, true)
                && let Some(branch) = table.folded.get(text)
            {
                branch.search(search, each);
            }
        }
        for texts in &self.texts {
            texts.search(search, each);
        }
        for (at, branch) in &self.present {
            let Some(field) = search.fields.get(*at) else { continue };
            let is_there = if has_many(&field.0) {
                search.view.any(&field.0, |_| true)
            } else {
                search.slots.value(*at, field, search.view).is_some()
            };
            if is_there {
                branch.search(search, each);
            }
        }
        for policy in &self.rest {
            each(search, *policy);
        }
    }

    /// Of a field with several values.
    fn search_many<'a>(
        &self,
        field: &Field,
        table: &Table,
        search: &mut Search<'_, 'a>,
        each: &mut impl FnMut(&mut Search<'_, 'a>, u32),
    ) {
        let view = *search.view;
        view.any(field, |value| {
            let folded = || table.folded.get(fold(value.as_str()?).as_ref());
            let more = if table.folded.is_empty() { None } else { folded() };
            for branch in table.get(value).into_iter().chain(more) {
                branch.search(search, each);
            }
            false
        });
    }
}

impl Branch {
    #[inline]
    fn search<'a>(
        &self,
        search: &mut Search<'_, 'a>,
        each: &mut impl FnMut(&mut Search<'_, 'a>, u32),
    ) {
        match self {
            Self::Leaf(list) => list.iter().for_each(|it| each(search, *it)),
            Self::Inner(index) => index.search(search, each),
        }
    }
}

impl Texts {
    fn search<'a>(
        &self,
        search: &mut Search<'_, 'a>,
        each: &mut impl FnMut(&mut Search<'_, 'a>, u32),
    ) {
        let Some(field) = search.fields.get(self.field) else { return };
        if has_many(&field.0) {
            // Few ask for texts in events: all of them are asked.
            if search.view.any(&field.0, |_| true) {
                self.branches.iter().for_each(|it| it.search(search, each));
            }
            return;
        }
        let text = search.slots.text(self.field, field, search.view, self.ignore_case);
        let Some(text) = text else { return };
        let before = search.hits.len();
        for it in self.automaton.find_overlapping_iter(text) {
            let at = it.pattern().as_usize();
            let Some(found) = search.found.get_mut(self.first + at) else { continue };
            // Once per record, however often it stands there.
            if *found != search.record {
                *found = search.record;
                search.hits.push(place(at));
            }
        }
        for hit in before..search.hits.len() {
            let at = search.hits.get(hit).copied().unwrap_or_default();
            if let Some(branch) = self.branches.get(at as usize) {
                branch.search(search, each);
            }
        }
        search.hits.truncate(before);
    }
}

//! The objects of one kind, as some feeds tell them: one for the cluster, or one for each namespace.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Most objects of one kind. A cluster has at most 150,000 pods.
pub(crate) const OBJECTS_MAX: usize = 200_000;

/// Objects by uid.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    objects: BTreeMap<String, Told<T>>,
    /// Of feeds that tell everything anew: what they have told up to now.
    listing: HashMap<usize, HashSet<String>>,
    /// Feeds that have told everything once.
    synced: HashSet<usize>,
}

#[derive(Debug)]
struct Told<T> {
    by: usize,
    object: T,
}

/// What became of an object.
#[derive(Debug, PartialEq)]
pub(crate) enum Applied<T> {
    /// It was not known.
    New,
    /// It was known as this.
    Changed(T),
    /// There are too many.
    Refused,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), listing: HashMap::new(), synced: HashSet::new() }
    }
}

impl<T> Kept<T> {
    /// The feed `by` tells everything from now on, up to [`Kept::sync`].
    pub(crate) fn restart(&mut self, by: usize) {
        self.listing.insert(by, HashSet::new());
    }

    /// An object is there.
    pub(crate) fn apply(&mut self, by: usize, uid: &str, object: T) -> Applied<T> {
        if let Some(told) = self.listing.get_mut(&by) {
            told.insert(uid.to_owned());
        }
        if let Some(known) = self.objects.get_mut(uid) {
            let before = std::mem::replace(known, Told { by, object });
            return Applied::Changed(before.object);
        }
        if self.objects.len() >= OBJECTS_MAX {
            return Applied::Refused;
        }
        self.objects.insert(uid.to_owned(), Told { by, object });
        Applied::New
    }

    /// An object is no more.
    pub(crate) fn delete(&mut self, uid: &str) -> Option<T> {
        self.objects.remove(uid).map(|it| it.object)
    }

    /// The feed `by` has told everything: returned is what it did not tell again, and whether this was its first time.
    pub(crate) fn sync(&mut self, by: usize) -> (Vec<T>, bool) {
        let told = self.listing.remove(&by).unwrap_or_default();
        let gone = |uid: &String, it: &Told<T>| it.by == by && !told.contains(uid);
        let uids: Vec<String> =
            self.objects.iter().filter(|it| gone(it.0, it.1)).map(|it| it.0.clone()).collect();
        let gone = uids.iter().filter_map(|uid| self.delete(uid)).collect();
        (gone, self.synced.insert(by))
    }

    pub(crate) fn get(&self, uid: &str) -> Option<&T> {
        self.objects.get(uid).map(|it| &it.object)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.objects.values().map(|it| &it.object)
    }

    /// The uids of all of them.
    pub(crate) fn uids(&self) -> impl Iterator<Item = &String> {
        self.objects.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_does_not_name_again_is_gone() {
        let mut kept = Kept::default();
        kept.restart(0);
        assert_eq!(kept.apply(0, "a", 1), Applied::New);
        assert_eq!(kept.apply(0, "b", 2), Applied::New);
        assert_eq!(kept.sync(0), (vec![], true));
        kept.restart(0);
        assert_eq!(kept.apply(0, "a", 3), Applied::Changed(1));
        assert_eq!(kept.iter().collect::<Vec<_>>(), [&3, &2], "known until the list has ended");
        assert_eq!(kept.sync(0), (vec![2], false));
        assert_eq!(kept.delete("a"), Some(3));
        assert_eq!(kept.delete("a"), None);
    }

    #[test]
    fn a_list_of_one_namespace_leaves_the_others_alone() {
        let mut kept = Kept::default();
        kept.restart(0);
        kept.apply(0, "a", 1);
        kept.sync(0);
        kept.restart(1);
        kept.apply(1, "b", 2);
        assert_eq!(kept.sync(1), (vec![], true));
        assert_eq!(kept.iter().count(), 2);
    }
}

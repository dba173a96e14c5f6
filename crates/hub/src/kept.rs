//! What commits hold, kept in memory. A commit is what its id says, so nothing here is ever out of date.
//!
//! Absent on purpose: who may see it. That is asked before anything is looked up here.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use registry::CommitId;

/// Things by their commit, up to a weight; then it starts anew.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    limit: usize,
    things: RwLock<Things<T>>,
}

#[derive(Debug)]
struct Things<T> {
    by_commit: HashMap<CommitId, Arc<T>>,
    weight: usize,
}

impl<T> Kept<T> {
    pub(crate) fn new(limit: usize) -> Kept<T> {
        Kept { limit, things: RwLock::new(Things { by_commit: HashMap::new(), weight: 0 }) }
    }

    pub(crate) fn get(&self, commit: CommitId) -> Option<Arc<T>> {
        self.things.read().expect("nothing panics while it holds them").by_commit.get(&commit).cloned()
    }

    pub(crate) fn put(&self, commit: CommitId, thing: &Arc<T>, weight: usize) {
        let mut things = self.things.write().expect("nothing panics while it holds them");
        if things.weight.saturating_add(weight) > self.limit {
            things.by_commit.clear();
            things.weight = 0;
        }
        if things.by_commit.insert(commit, thing.clone()).is_none() {
            things.weight = things.weight.saturating_add(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_below_its_limit() {
        let kept = Kept::new(10);
        let id = |number| CommitId([number; 20]);
        kept.put(id(1), &Arc::new("one"), 6);
        kept.put(id(1), &Arc::new("one"), 6);
        kept.put(id(2), &Arc::new("two"), 4);
        assert_eq!((kept.get(id(1)).as_deref(), kept.get(id(2)).as_deref()), (Some(&"one"), Some(&"two")));
        kept.put(id(3), &Arc::new("three"), 1);
        assert_eq!((kept.get(id(1)), kept.get(id(3)).as_deref()), (None, Some(&"three")));
    }
}

//! What was looked up once by its name, however many rules ask.

use rustc_hash::FxBuildHasher;
use std::cell::RefCell;
use std::collections::HashMap;

/// Answers by name.
pub(crate) struct Memory<'a, V>(RefCell<HashMap<&'a str, V, FxBuildHasher>>);

impl<V> Default for Memory<'_, V> {
    fn default() -> Self {
        Memory(RefCell::default())
    }
}

impl<'a, V: Clone> Memory<'a, V> {
    /// The answer of this name; `look` gives it the first time.
    pub(crate) fn of(&self, name: &'a str, look: impl FnOnce() -> V) -> V {
        if let Some(known) = self.0.borrow().get(name) {
            return known.clone();
        }
        let said = look();
        self.0.borrow_mut().insert(name, said.clone());
        said
    }
}

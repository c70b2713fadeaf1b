//! Remembers the inner nodes of one key's tree, so that a signature pays for the last step of its path only.
//!
//! A pure memo: what it gives is what deriving anew would give.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{DeriveError, Kind, Node, check_path};

/// Most nodes kept; a node has about 200 bytes.
const MAX_NODES: usize = 1024;

pub(crate) struct Memo<K: Kind> {
    root: Node<K>,
    inner: Mutex<BTreeMap<Vec<u32>, Node<K>>>,
}

impl<K: Kind> Memo<K> {
    pub(crate) fn new(public_key: &[u8], chain_code: [u8; 32]) -> Result<Memo<K>, DeriveError> {
        Ok(Memo { root: Node::root(public_key, chain_code)?, inner: Mutex::new(BTreeMap::new()) })
    }

    /// The node at a path. All nodes above it are remembered, itself not: leaves are many and seldom asked for twice.
    pub(crate) fn node(&self, path: &[u32]) -> Result<Node<K>, DeriveError>
    where
        Node<K>: Clone,
    {
        check_path(path)?;
        let Some((last, above)) = path.split_last() else { return Ok(self.root.clone()) };
        let mut inner = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = (0..=above.len()).rev().find_map(|len| {
            let prefix = above.get(..len)?;
            let node = if prefix.is_empty() { &self.root } else { inner.get(prefix)? };
            Some((len, node.clone()))
        });
        let (mut len, mut node) = known.unwrap_or_else(|| (0, self.root.clone()));
        for index in above.iter().skip(len) {
            node = node.child(*index)?;
            len = len.saturating_add(1);
            if inner.len() >= MAX_NODES {
                inner.clear();
            }
            inner.insert(above.iter().take(len).copied().collect(), node.clone());
        }
        drop(inner);
        node.child(*last)
    }
}

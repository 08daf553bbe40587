//! Paths compiled together: one walk over a document serves all of them.
//!
//! The trie is deterministic as far as names, indexes and wildcards go: where a wildcard stands beside a
//! name or an index, the child of the name also holds all of the wildcard's. A reader therefore takes
//! *one* edge for a member: that of its name, or else [`Node::any`]. Only selectors that need the
//! length of the array or another order (negative indexes, slices) stand apart, in [`Node::ranges`]; each
//! of them is an edge of its own, taken besides. [`Trie::is_forward`] says that there are none.

use super::path::{Path, Segment, Slice};

/// Where a node is in [`Trie::nodes`]; the root is 0.
pub type NodeId = u32;

/// The most nodes of a trie. Wildcards beside names multiply: this bounds them.
const MAX_NODES: usize = 1 << 16;

/// A selector of elements that a walk from the front cannot decide by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// The element this far from the end, from 1.
    FromEnd(u64),
    /// A slice, in its own order.
    Slice(Slice),
}

/// What may follow a value, and which paths end at it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The slots of the paths that end here.
    pub slots: Vec<u32>,
    /// Members by name (decoded, UTF-8), in the order in which they were added.
    pub names: Vec<(Box<[u8]>, NodeId)>,
    /// Elements by index, ascending.
    pub indexes: Vec<(u64, NodeId)>,
    /// Members and elements that neither `names` nor `indexes` lists.
    pub any: Option<NodeId>,
    /// Elements that are selected besides.
    pub ranges: Vec<(Range, NodeId)>,
}

impl Node {
    /// Whether a path leads on into an object.
    pub fn enters_object(&self) -> bool {
        !self.names.is_empty() || self.any.is_some()
    }

    /// Whether a path leads on into an array.
    pub fn enters_array(&self) -> bool {
        !self.indexes.is_empty() || self.any.is_some() || !self.ranges.is_empty()
    }

    /// The node of the member with this (decoded) name.
    #[inline]
    pub fn member(&self, name: &[u8]) -> Option<NodeId> {
        self.names.iter().find(|(own, _)| **own == *name).map(|&(_, child)| child).or(self.any)
    }

    /// The node of the element at `index`, `ranges` apart.
    #[inline]
    pub fn element(&self, index: u64) -> Option<NodeId> {
        match self.indexes.binary_search_by_key(&index, |&(own, _)| own) {
            Ok(at) => Some(self.indexes[at].1),
            Err(_) => self.any,
        }
    }
}

/// Paths compiled together.
#[derive(Clone, Debug)]
pub struct Trie {
    nodes: Vec<Node>,
    forward: bool,
    single: Option<u32>,
}

/// The paths need more than 65,536 nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the paths are too many, or too many wildcards stand beside names in them")]
pub struct TooManyNodes;

impl Trie {
    /// Compiles paths, each with the slot that its captures will carry. Slots may repeat.
    ///
    /// # Errors
    /// [`TooManyNodes`].
    pub fn new<'a>(paths: impl IntoIterator<Item = (&'a Path, u32)>) -> Result<Trie, TooManyNodes> {
        let mut trie = Trie { nodes: vec![Node::default()], forward: true, single: Some(0) };
        for (path, slot) in paths {
            trie.insert(0, path.segments(), slot)?;
            trie.single = if path.is_many() { None } else { trie.single.map(|count| count + 1) };
        }
        trie.spread(0)?;
        trie.forward = trie.nodes.iter().all(|node| node.ranges.is_empty());
        Ok(trie)
    }

    /// The nodes; the root is the first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this number.
    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Whether a walk from the front decides everything: there are no negative indexes and no slices.
    pub fn is_forward(&self) -> bool {
        self.forward
    }

    /// How many captures there are at most, if no path leads to any number of values.
    pub fn most_captures(&self) -> Option<u32> {
        self.single
    }

    fn add_node(&mut self) -> Result<NodeId, TooManyNodes> {
        if self.nodes.len() == MAX_NODES {
            return Err(TooManyNodes);
        }
        self.nodes.push(Node::default());
        Ok((self.nodes.len() - 1) as NodeId)
    }

    fn insert(&mut self, at: NodeId, segments: &[Segment], slot: u32) -> Result<(), TooManyNodes> {
        let Some((segment, rest)) = segments.split_first() else {
            let slots = &mut self.nodes[at as usize].slots;
            if !slots.contains(&slot) {
                slots.push(slot);
            }
            return Ok(());
        };
        let child = match segment {
            Segment::Name(name) => self.name_child(at, name.as_bytes())?,
            Segment::Index(index) if *index < 0 => {
                self.range_child(at, Range::FromEnd(index.unsigned_abs()))?
            }
            Segment::Index(index) => self.index_child(at, *index as u64)?,
            Segment::Token(name, index) => {
                let child = self.name_child(at, name.as_bytes())?;
                self.insert(child, rest, slot)?;
                self.index_child(at, u64::from(*index))?
            }
            Segment::Wildcard => match self.nodes[at as usize].any {
                Some(child) => child,
                None => {
                    let child = self.add_node()?;
                    self.nodes[at as usize].any = Some(child);
                    child
                }
            },
            Segment::Slice(slice) => self.range_child(at, Range::Slice(*slice))?,
        };
        self.insert(child, rest, slot)
    }

    fn name_child(&mut self, at: NodeId, name: &[u8]) -> Result<NodeId, TooManyNodes> {
        if let Some(&(_, child)) = self.nodes[at as usize].names.iter().find(|(own, _)| **own == *name) {
            return Ok(child);
        }
        let child = self.add_node()?;
        self.nodes[at as usize].names.push((name.into(), child));
        Ok(child)
    }

    fn index_child(&mut self, at: NodeId, index: u64) -> Result<NodeId, TooManyNodes> {
        match self.nodes[at as usize].indexes.binary_search_by_key(&index, |&(own, _)| own) {
            Ok(found) => Ok(self.nodes[at as usize].indexes[found].1),
            Err(place) => {
                let child = self.add_node()?;
                self.nodes[at as usize].indexes.insert(place, (index, child));
                Ok(child)
            }
        }
    }

    fn range_child(&mut self, at: NodeId, range: Range) -> Result<NodeId, TooManyNodes> {
        if let Some(&(_, child)) = self.nodes[at as usize].ranges.iter().find(|(own, _)| *own == range) {
            return Ok(child);
        }
        let child = self.add_node()?;
        self.nodes[at as usize].ranges.push((range, child));
        Ok(child)
    }

    /// Copies what hangs on wildcards to the names and indexes beside them, from `at` down.
    fn spread(&mut self, at: NodeId) -> Result<(), TooManyNodes> {
        let node = &self.nodes[at as usize];
        let named: Vec<_> =
            node.names.iter().map(|&(_, child)| child).chain(node.indexes.iter().map(|&(_, c)| c)).collect();
        let others: Vec<_> = node.any.into_iter().chain(node.ranges.iter().map(|&(_, c)| c)).collect();
        if let Some(any) = node.any {
            for &child in &named {
                self.merge(any, child)?;
            }
        }
        for child in named.into_iter().chain(others) {
            self.spread(child)?;
        }
        Ok(())
    }

    /// Adds all that hangs on `from` to `to`.
    fn merge(&mut self, from: NodeId, to: NodeId) -> Result<(), TooManyNodes> {
        let source = self.nodes[from as usize].clone();
        for slot in source.slots {
            if !self.nodes[to as usize].slots.contains(&slot) {
                self.nodes[to as usize].slots.push(slot);
            }
        }
        for (name, child) in source.names {
            let copy = self.name_child(to, &name)?;
            self.merge(child, copy)?;
        }
        for (index, child) in source.indexes {
            let copy = self.index_child(to, index)?;
            self.merge(child, copy)?;
        }
        for (range, child) in source.ranges {
            let copy = self.range_child(to, range)?;
            self.merge(child, copy)?;
        }
        if let Some(child) = source.any {
            let copy = match self.nodes[to as usize].any {
                Some(copy) => copy,
                None => {
                    let copy = self.add_node()?;
                    self.nodes[to as usize].any = Some(copy);
                    copy
                }
            };
            self.merge(child, copy)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(paths: &[&str]) -> Trie {
        let paths: Vec<_> = paths.iter().map(|p| Path::parse(p).unwrap()).collect();
        Trie::new(paths.iter().zip(0..)).unwrap()
    }

    #[test]
    fn shares_prefixes() {
        let trie = trie(&["$.a.b", "$.a.c", "$.a"]);
        assert_eq!(trie.nodes().len(), 4);
        let a = trie.node(trie.node(0).member(b"a").unwrap());
        assert_eq!(a.slots, [2]);
        assert_eq!(trie.node(a.member(b"c").unwrap()).slots, [1]);
        assert_eq!(a.member(b"d"), None);
        assert!(trie.is_forward());
        assert_eq!(trie.most_captures(), Some(3));
    }

    #[test]
    fn a_wildcard_also_reaches_what_is_named_beside_it() {
        let trie = trie(&["$[*].id", "$[0].name", "$.x", "$[-1]"]);
        let root = trie.node(0);
        let first = trie.node(root.element(0).unwrap());
        assert_eq!(trie.node(first.member(b"id").unwrap()).slots, [0]);
        assert_eq!(trie.node(first.member(b"name").unwrap()).slots, [1]);
        let second = trie.node(root.element(1).unwrap());
        assert_eq!(second.member(b"name"), None);
        let x = trie.node(root.member(b"x").unwrap());
        assert_eq!(x.slots, [2]);
        assert_eq!(trie.node(x.member(b"id").unwrap()).slots, [0]);
        assert_eq!(root.ranges.len(), 1);
        assert!(!trie.is_forward());
        assert_eq!(trie.most_captures(), None);
    }

    #[test]
    fn a_pointer_token_is_a_name_and_an_index() {
        let trie = trie(&["/a/0"]);
        let a = trie.node(trie.node(0).member(b"a").unwrap());
        assert_eq!(trie.node(a.member(b"0").unwrap()).slots, [0]);
        assert_eq!(trie.node(a.element(0).unwrap()).slots, [0]);
        assert_eq!(a.element(1), None);
    }

    #[test]
    fn is_bounded() {
        let build = |levels: usize| {
            let text = |i| format!("${}.x{i}", "[*].a".repeat(i));
            let paths: Vec<_> = (0..levels).map(|i| Path::parse(&text(i)).unwrap()).collect();
            Trie::new(paths.iter().zip(0..)).map(|trie| trie.nodes().len())
        };
        assert!(build(10).unwrap() < 10_000);
        // Each level doubles what the wildcard above it must be copied to.
        assert_eq!(build(40).unwrap_err(), TooManyNodes);
        let deep = Path::parse(&"/0".repeat(20)).unwrap();
        assert_eq!(Trie::new([(&deep, 0)]).unwrap_err(), TooManyNodes);
    }
}

//! What a walk over a document looks for: a trie, its names made ready for comparison.

use super::trie::{Node, NodeId, Range, Trie};

/// No node, no member.
pub(super) const NONE: u32 = u32::MAX;

/// A name as it is in a document, its quotes included.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// The last eight bytes, as far as there are so many; what lies before them is zero.
    pub(super) word: u64,
    pub(super) mask: u64,
    /// The first eight bytes, if there are more than eight.
    pub(super) first: u64,
    /// What lies between the first and the last eight, if there are more than sixteen.
    pub(super) middle: Box<[u8]>,
    /// In bytes, with quotes.
    pub(super) length: usize,
    pub(super) child: NodeId,
}

/// A slice that goes forward from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) step: u64,
    pub(super) child: NodeId,
}

impl Forward {
    /// Of a node whose only selector of elements is such a slice.
    pub(super) fn of(node: &Node) -> Option<Self> {
        let [(Range::Slice(slice), child)] = node.ranges[..] else { return None };
        if !node.indexes.is_empty() || node.any.is_some() || slice.step <= 0 {
            return None;
        }
        let start = u64::try_from(slice.start.unwrap_or(0)).ok()?;
        let end = u64::try_from(slice.end.unwrap_or(i64::MAX)).ok()?;
        Some(Forward { start, end, step: slice.step as u64, child })
    }
}

impl Name {
    /// Whether `text`, which is longer than eight bytes, starts as this name does; its end is known to fit.
    #[inline(always)]
    pub(super) fn starts(&self, text: &[u8]) -> bool {
        // Two words that may overlap: `memcmp` took a third of the time of a document of 1 KB.
        let first = text.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        first == self.first && (self.middle.is_empty() || text[8..].starts_with(&self.middle))
    }
}

/// What is looked for in one container.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) names: Vec<Name>,
    /// One bit for each hash of the last bytes that a name in `names` has.
    pub(super) filter: u64,
    /// The names themselves, for those that are escaped in the document.
    pub(super) texts: Vec<Box<[u8]>>,
    pub(super) slots: Vec<u32>,
    pub(super) indexes: Vec<(u64, NodeId)>,
    pub(super) any: u32,
    /// Elements by a slice; then neither `indexes` nor `any` select any.
    pub(super) slice: Option<Forward>,
    pub(super) enters_object: bool,
    pub(super) enters_array: bool,
}

/// A trie, its names made ready for comparison.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) places: Vec<Place>,
    /// Whether a walk from the front finds everything, with at most one child for each value.
    pub(super) forward: bool,
    /// How far the closing quote of a name is from its opening one, for all names. Empty if there are too many.
    pub(super) lengths: Vec<u32>,
}

/// With more different lengths of names than this, no name is told by its length.
const MAX_LENGTHS: usize = 16;

/// A hash of the two bytes before the closing quote, which is the highest byte.
#[inline(always)]
pub(super) fn hash(word: u64) -> u32 {
    (((word >> 40) as u16).wrapping_mul(0x9E37) >> 10) as u32
}

impl Place {
    pub(super) fn new(node: &Node) -> Self {
        let mut filter = 0;
        let names = node.names.iter().map(|(text, child)| {
            let quoted = [b"\"", &text[..], b"\""].concat();
            // A name with such bytes is escaped wherever it occurs: it must not be compared as it is.
            let escaped = text.iter().any(|b| matches!(b, b'"' | b'\\' | 0..=0x1F));
            let (head, last) = quoted.split_at(quoted.len().saturating_sub(8));
            let first = quoted.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
            let middle = head.get(8..).unwrap_or_default();
            let word =
                last.iter().rev().fold(0, |word, b| (word << 8) | u64::from(*b)) << (64 - 8 * last.len());
            let mask = !0 << (64 - 8 * last.len());
            if text.is_empty() {
                // Before its quotes anything may be.
                filter = !0;
            } else if !escaped {
                filter |= 1 << hash(word);
            }
            let (word, mask) = if escaped { (1, 0) } else { (word, mask) };
            Name { word, mask, first, middle: middle.into(), length: quoted.len(), child: *child }
        });
        Place {
            names: names.collect(),
            filter,
            texts: node.names.iter().map(|(text, _)| text.clone()).collect(),
            slots: node.slots.clone(),
            indexes: node.indexes.clone(),
            any: node.any.unwrap_or(NONE),
            slice: Forward::of(node),
            enters_object: node.enters_object(),
            enters_array: node.enters_array(),
        }
    }
}

impl Wanted {
    pub(super) fn new(trie: &Trie) -> Self {
        let places: Vec<Place> = trie.nodes().iter().map(Place::new).collect();
        let names = places.iter().flat_map(|place| &place.names);
        let mut lengths: Vec<u32> = names.map(|name| name.length as u32 - 1).collect();
        lengths.sort_unstable();
        lengths.dedup();
        if lengths.len() > MAX_LENGTHS || lengths.last().is_some_and(|longest| *longest > 63) {
            lengths.clear();
        }
        let forward = trie.nodes().iter().all(|node| node.ranges.is_empty() || Forward::of(node).is_some());
        Wanted { places, forward, lengths }
    }
}

/// The eight bytes before `end`; zeros before the front.
#[inline(always)]
pub(super) fn word_before(input: &[u8], end: usize) -> u64 {
    match end.checked_sub(8).and_then(|start| input[start..end].try_into().ok()) {
        Some(bytes) => u64::from_le_bytes(bytes),
        None => {
            let head = input[..end].iter().rev().fold(0_u64, |word, b| (word << 8) | u64::from(*b));
            head.checked_shl(64 - 8 * end as u32).unwrap_or(0)
        }
    }
}

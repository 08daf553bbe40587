//! Sorting slots by a field: a radix sort over packed 64-bit words, resumable between passes.
//!
//! Each record becomes one word: the top bits of its key, then its position. With the smallest key
//! subtracted first, idxbits + ~12 bits of key tell nearly all records apart, so a million doubles take
//! three passes over 8 MB, where sorting (key, slot) pairs by all 64 bits takes six passes over 16 MB.
//! What is still equal is sorted again by the bits that follow (long runs) or compared (short runs).
//! LSD radix sort: Knuth, TAOCP vol. 3, 5.2.5; skipping shared prefixes as in MSD hybrids.

use super::key::{Scalar, descend, prefix_key, scalar_of, with_number};
use super::schema::Kind;
use super::{Layout, Pace, PoolError, Slabs};

/// Bits of one pass: 2,048 counters stay in the first-level cache.
const DIGIT_BITS: u32 = 11;
const BUCKETS: usize = 1 << DIGIT_BITS;
/// Key bits beyond those that number the records. Twelve leave about one pair in 8,000 equal when keys
/// spread evenly.
const SPARE_BITS: u32 = 12;
/// Runs up to this length are compared instead.
const SHORT_RUN: usize = 64;
/// Records between two questions to the [`Pace`].
const STRIDE: usize = 1 << 16;

/// A sort in progress.
#[derive(Debug)]
pub struct Sort {
    field: usize,
    descending: bool,
    /// Text and bytes: the key is only a prefix.
    inline: bool,
    phase: Phase,
    /// Key and slot of each record, in ascending order of slots.
    keys: Vec<u64>,
    slots: Vec<u32>,
    /// Positions in `keys`, sorted so far. Empty until the first range is sorted: it stands for 0, 1, 2, … then,
    /// which saves a pass and the page faults of its memory.
    order: Vec<u32>,
    /// Ranges of `order` that still have to be sorted.
    pending: Vec<(usize, usize)>,
    words: Vec<u64>,
    other: Vec<u64>,
    counts: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Reading the keys, from this slab on.
    Gather {
        slab: usize,
    },
    /// Taking the next range.
    Next,
    /// Making the words of a range.
    Pack {
        from: usize,
        to: usize,
        at: usize,
        split: Split,
    },
    /// One pass over the words.
    Scatter {
        from: usize,
        to: usize,
        at: usize,
        pass: u32,
        split: Split,
    },
    /// Writing the order of a range and finding runs of equal words.
    Emit {
        from: usize,
        to: usize,
        split: Split,
    },
    Done,
}

/// How a key is cut for a range.
#[derive(Clone, Copy, Debug)]
struct Split {
    least: u64,
    /// Key bits that are left out.
    drop_bits: u32,
    /// Key bits in the word.
    key_bits: u32,
    /// Bits for the position in the range.
    index_bits: u32,
}

impl Split {
    fn of(least: u64, most: u64, length: usize) -> Self {
        let range_bits = 64 - (most - least).leading_zeros();
        let index_bits = 64 - (length as u64 - 1).leading_zeros();
        // Whole passes: a pass over fewer bits costs the same.
        let wanted = (index_bits + SPARE_BITS).next_multiple_of(DIGIT_BITS);
        let key_bits = range_bits.min(wanted).min(64 - index_bits);
        Split { least, drop_bits: range_bits - key_bits, key_bits, index_bits }
    }

    const fn passes(self) -> u32 {
        self.key_bits.div_ceil(DIGIT_BITS)
    }

    const fn word(self, key: u64, index: usize) -> u64 {
        ((key - self.least) >> self.drop_bits) << self.index_bits | index as u64
    }

    const fn index(self, word: u64) -> usize {
        (word & ((1 << self.index_bits) - 1)) as usize
    }

    const fn digit(self, word: u64, pass: u32) -> usize {
        (word >> (self.index_bits + pass * DIGIT_BITS)) as usize & (BUCKETS - 1)
    }
}

impl Sort {
    /// Prepares to sort by the field at `field`.
    pub fn new(layout: &Layout, field: usize, descending: bool) -> Result<Self, PoolError> {
        let kind = layout.column(field)?.kind;
        if let Kind::Vector { .. } = kind {
            return Err(PoolError::Argument(format!(
                "field \"{}\" is a vector: expected a field with one value",
                layout.schema().fields()[field].name
            )));
        }
        Ok(Sort {
            field,
            descending,
            inline: scalar_of(kind).is_none(),
            phase: Phase::Gather { slab: 0 },
            keys: Vec::new(),
            slots: Vec::new(),
            order: Vec::new(),
            pending: Vec::new(),
            words: Vec::new(),
            other: Vec::new(),
            counts: Vec::new(),
        })
    }

    /// Works until done (`true`) or until the pace says to stop (`false`).
    ///
    /// Records that are acquired or released between two steps may or may not be part of the result.
    pub fn step(&mut self, slabs: &Slabs, pace: &mut Pace) -> Result<bool, PoolError> {
        loop {
            match self.phase {
                Phase::Gather { slab } => self.gather(slabs, slab)?,
                Phase::Next => self.next(slabs),
                Phase::Pack { from, to, at, split } => self.pack(from, to, at, split),
                Phase::Scatter { from, to, at, pass, split } => self.scatter(from, to, at, pass, split),
                Phase::Emit { from, to, split } => self.emit(slabs, from, to, split),
                Phase::Done => return Ok(true),
            }
            if !matches!(self.phase, Phase::Done) && pace.spent() {
                return Ok(false);
            }
        }
    }

    /// How many slots the result has; complete once the keys were read.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether the result is empty.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slots in order, when done.
    pub fn result(&self) -> impl Iterator<Item = u32> {
        self.order.iter().map(|&position| self.slots[position as usize])
    }

    fn gather(&mut self, slabs: &Slabs, number: usize) -> Result<(), PoolError> {
        if number >= slabs.len() {
            self.words = vec![0; self.keys.len()];
            self.other = vec![0; self.keys.len()];
            self.pending.push((0, self.keys.len()));
            self.phase = Phase::Next;
            return Ok(());
        }
        self.phase = Phase::Gather { slab: number + 1 };
        let Some(slab) = slabs.get(number) else { return Ok(()) };
        if number == 0 {
            self.keys.reserve(slabs.live());
            self.slots.reserve(slabs.live());
        }
        let descending = self.descending;
        let turn = |key: u64| if descending { descend(key) } else { key };
        let (keys, slots) = (&mut self.keys, &mut self.slots);
        let mut take = |index: usize, key: u64| {
            keys.push(turn(key));
            slots.push(slab.slot(index as u32));
        };
        let kind = slab.layout().column(self.field)?.kind;
        match scalar_of(kind) {
            Some(number) => with_number!(number, T => {
                let values = T::split(slab.values(self.field));
                for (index, (value, generation)) in values.iter().zip(slab.generations()).enumerate() {
                    if generation[0] & 1 == 1 {
                        take(index, T::load(*value).key());
                    }
                }
            }),
            None => {
                for index in 0..slab.fresh() {
                    if slab.is_live(index) {
                        take(index as usize, prefix_key(slab.inline(self.field, index)));
                    }
                }
            }
        }
        Ok(())
    }

    fn next(&mut self, slabs: &Slabs) {
        let Some((from, to)) = self.pending.pop() else {
            self.phase = Phase::Done;
            return;
        };
        if to - from <= SHORT_RUN {
            self.make_order();
            self.compare(slabs, from, to);
            return;
        }
        let range = |bounds: (u64, u64), key: u64| (bounds.0.min(key), bounds.1.max(key));
        let (least, most) = if self.order.is_empty() {
            self.keys.iter().fold((u64::MAX, 0), |bounds, &key| range(bounds, key))
        } else {
            let positions = self.order[from..to].iter();
            positions.fold((u64::MAX, 0), |bounds, &position| range(bounds, self.keys[position as usize]))
        };
        if least == most {
            self.make_order();
            // Numbers: equal, and already in order of slots. Text: the rest has to be looked at.
            if self.inline {
                self.compare(slabs, from, to);
            }
            return;
        }
        let split = Split::of(least, most, to - from);
        self.counts = vec![0; split.passes() as usize * BUCKETS];
        self.phase = Phase::Pack { from, to, at: from, split };
    }

    fn make_order(&mut self) {
        if self.order.is_empty() {
            self.order = (0..self.keys.len() as u32).collect();
        }
    }

    fn compare(&mut self, slabs: &Slabs, from: usize, to: usize) {
        let (keys, slots, field) = (&self.keys, &self.slots, self.field);
        let text = |position: u32| {
            slabs.locate(slots[position as usize]).map_or(&[][..], |(slab, index)| slab.inline(field, index))
        };
        self.order[from..to].sort_by(|&a, &b| {
            let by_key = keys[a as usize].cmp(&keys[b as usize]);
            if !self.inline {
                return by_key.then(a.cmp(&b));
            }
            let by_text = || if self.descending { text(b).cmp(text(a)) } else { text(a).cmp(text(b)) };
            by_key.then_with(by_text).then(a.cmp(&b))
        });
    }

    fn pack(&mut self, from: usize, to: usize, at: usize, split: Split) {
        let end = (at + STRIDE).min(to);
        let passes = split.passes();
        for index in at..end {
            let position = self.order.get(index).map_or(index, |&position| position as usize);
            let word = split.word(self.keys[position], index - from);
            self.words[index] = word;
            for pass in 0..passes {
                self.counts[pass as usize * BUCKETS + split.digit(word, pass)] += 1;
            }
        }
        if end < to {
            self.phase = Phase::Pack { from, to, at: end, split };
            return;
        }
        // Counts become the places at which each bucket starts.
        for buckets in self.counts.chunks_exact_mut(BUCKETS) {
            let mut start = from as u32;
            for count in buckets {
                let length = *count;
                *count = start;
                start += length;
            }
        }
        self.phase = Phase::Scatter { from, to, at: from, pass: 0, split };
    }

    fn scatter(&mut self, from: usize, to: usize, at: usize, pass: u32, split: Split) {
        if pass == split.passes() {
            self.phase = Phase::Emit { from, to, split };
            return;
        }
        let end = (at + STRIDE).min(to);
        let (counts, _) = self.counts.as_chunks_mut::<BUCKETS>();
        let counts = &mut counts[pass as usize];
        for &word in &self.words[at..end] {
            let place = &mut counts[split.digit(word, pass)];
            self.other[*place as usize] = word;
            *place += 1;
        }
        if end < to {
            self.phase = Phase::Scatter { from, to, at: end, pass, split };
            return;
        }
        std::mem::swap(&mut self.words, &mut self.other);
        self.phase = Phase::Scatter { from, to, at: from, pass: pass + 1, split };
    }

    fn emit(&mut self, slabs: &Slabs, from: usize, to: usize, split: Split) {
        if self.order.is_empty() {
            self.order = self.words.iter().map(|&word| split.index(word) as u32).collect();
        } else {
            let words = self.words[from..to].iter();
            let sorted: Vec<u32> = words.map(|&word| self.order[from + split.index(word)]).collect();
            self.order[from..to].copy_from_slice(&sorted);
        }
        self.phase = Phase::Next;
        if split.drop_bits == 0 && !self.inline {
            return;
        }
        let mut start = from;
        while start < to {
            let prefix = self.words[start] >> split.index_bits;
            let mut end = start + 1;
            while end < to && self.words[end] >> split.index_bits == prefix {
                end += 1;
            }
            if end - start > SHORT_RUN {
                self.pending.push((start, end));
            } else if end - start > 1 {
                self.compare(slabs, start, end);
            }
            start = end;
        }
    }
}

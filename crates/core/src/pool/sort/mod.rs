//! Sorting slots by a field: one pass to buckets that fit the cache, each of which is sorted there; resumable.
//!
//! Each record becomes one word: bits of its key, then its slot. A sample of the keys says how finely each
//! stretch of them is cut, so that buckets are about even however the keys lie ([`split`]). One pass deals the
//! words to the buckets, and each bucket is sorted by a counting pass and insertion ([`bucket`]). So a million
//! doubles go through memory twice, where a radix sort of whole keys goes six times.
//! A bucket that came out too large, and words that are equal in all bits that fit, are done again by what their
//! keys have beyond (long runs) or compared (short runs).
//! Sample sort: Frazer, McKellar, "Samplesort", JACM 17(3), 1970.

mod bucket;
mod split;

use self::split::Split;
use super::key::{Scalar, descend, prefix_key, scalar_of, with_number};
use super::schema::Kind;
use super::{Layout, Pace, PoolError, Slab, Slabs};

/// Runs up to this length are compared instead.
const SHORT_RUN: usize = 64;
/// Keys of which the split is made.
const SAMPLES: usize = 4096;
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
    /// Slab numbers that take part, and the bits of a slot in a word.
    slabs: usize,
    slot_bits: u32,
    /// A word for each record; the slots of what is sorted are in their place.
    words: Vec<u64>,
    /// The keys of a range; then its words by bucket.
    other: Vec<u64>,
    /// The bucket of each word.
    buckets: Vec<u16>,
    split: Split,
    /// For each bucket of the split the number of its words, then the place of the next one, then its end.
    counts: Vec<u32>,
    /// For each inner bucket whether its words have all bits of their keys.
    whole: Vec<bool>,
    /// Key bits for which the words of this split had no room.
    lost: u64,
    /// Ranges of `words` that have to be done again.
    pending: Vec<(usize, usize)>,
    /// Scratch of one step.
    slots: Vec<u32>,
    scratch: bucket::Scratch,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Making the first split.
    Sample,
    /// Reading the keys, from this slab on.
    Gather {
        slab: usize,
    },
    /// Taking the next range to be done again.
    Next,
    /// Reading the keys of a range.
    Keys {
        from: usize,
        to: usize,
        at: usize,
        least: u64,
        most: u64,
    },
    /// Making the words of a range.
    Pack {
        from: usize,
        to: usize,
        at: usize,
    },
    /// Dealing the words to their buckets.
    Deal {
        from: usize,
        to: usize,
        at: usize,
    },
    /// Sorting the buckets, from this one on.
    Buckets {
        to: usize,
        at: usize,
        bucket: usize,
    },
    Done,
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
            phase: Phase::Sample,
            slabs: 0,
            slot_bits: 1,
            words: Vec::new(),
            other: Vec::new(),
            buckets: Vec::new(),
            split: Split::new(&[], 0, 0, 0, 1),
            counts: Vec::new(),
            whole: Vec::new(),
            lost: 0,
            pending: Vec::new(),
            slots: Vec::new(),
            scratch: bucket::Scratch::default(),
        })
    }

    /// Works until done (`true`) or until the pace says to stop (`false`).
    ///
    /// Records that are acquired, written or released between two steps may or may not be part of the result,
    /// and need not be in their place.
    pub fn step(&mut self, slabs: &Slabs, pace: &mut Pace) -> Result<bool, PoolError> {
        loop {
            match self.phase {
                Phase::Sample => self.sample(slabs)?,
                Phase::Gather { slab } => self.gather(slabs, slab)?,
                Phase::Next => self.next(slabs),
                Phase::Keys { from, to, at, least, most } => self.keys(slabs, (from, to), at, least, most),
                Phase::Pack { from, to, at } => self.pack(from, to, at),
                Phase::Deal { from, to, at } => self.deal(from, to, at),
                Phase::Buckets { to, at, bucket } => self.buckets(slabs, to, at, bucket),
                Phase::Done => return Ok(true),
            }
            if !matches!(self.phase, Phase::Done) && pace.spent() {
                return Ok(false);
            }
        }
    }

    /// How many slots the result has; complete once the keys were read.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether the result is empty.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The slots in order, when done.
    pub fn result(&self) -> impl Iterator<Item = u32> {
        self.words.iter().map(|&word| self.slot(word))
    }

    const fn slot(&self, word: u64) -> u32 {
        (word & ((1 << self.slot_bits) - 1)) as u32
    }

    const fn prefix(&self, word: u64) -> u64 {
        word >> self.slot_bits
    }

    fn sample(&mut self, slabs: &Slabs) -> Result<(), PoolError> {
        self.slabs = slabs.len();
        let slots = (slabs.len() as u64) << slabs.layout().shift();
        self.slot_bits = (u64::BITS - slots.saturating_sub(1).leading_zeros()).max(1);
        let used: usize = slabs.iter().map(|slab| slab.fresh() as usize).sum();
        let step = used.div_ceil(SAMPLES).max(1);
        let mut sample = Vec::with_capacity(SAMPLES);
        let mut skip = 0;
        for slab in slabs.iter() {
            let fresh = slab.fresh() as usize;
            let indexes = (skip..fresh).step_by(step);
            skip = skip.max(fresh).next_multiple_of(step) - fresh;
            sample.extend(
                indexes.filter(|&index| slab.is_live(index as u32)).map(|index| self.key(slab, index as u32)),
            );
        }
        let (least, most) = bounds(&sample).unwrap_or((0, u64::MAX));
        self.start(Split::new(&sample, least, most, slabs.live(), self.slot_bits));
        self.words.reserve(slabs.live());
        self.other.reserve(slabs.live());
        self.buckets.reserve(slabs.live());
        self.phase = Phase::Gather { slab: 0 };
        Ok(())
    }

    fn start(&mut self, split: Split) {
        self.counts.clear();
        self.counts.resize(split.buckets(), 0);
        self.whole.clear();
        self.whole.extend(split.whole());
        self.lost = 0;
        self.split = split;
    }

    /// The key of one record.
    fn key(&self, slab: &Slab, index: u32) -> u64 {
        let key = match scalar_of(slab.layout().columns()[self.field].kind) {
            Some(number) => with_number!(number, T => {
                T::split(slab.values(self.field)).get(index as usize).map_or(0, |&value| T::load(value).key())
            }),
            None => prefix_key(slab.inline(self.field, index)),
        };
        if self.descending { descend(key) } else { key }
    }

    fn gather(&mut self, slabs: &Slabs, number: usize) -> Result<(), PoolError> {
        if number >= self.slabs {
            self.deal_from(0, self.words.len());
            return Ok(());
        }
        self.phase = Phase::Gather { slab: number + 1 };
        let Some(slab) = slabs.get(number) else { return Ok(()) };
        let descending = self.descending;
        let turn = |key: u64| if descending { descend(key) } else { key };
        let start = self.words.len();
        let (keys, slots) = (&mut self.other, &mut self.slots);
        slots.clear();
        let full = slab.live() == slab.fresh();
        match scalar_of(slab.layout().column(self.field)?.kind) {
            Some(number) => with_number!(number, T => {
                let values = T::split(slab.values(self.field));
                if full {
                    keys.extend(values.iter().map(|&value| turn(T::load(value).key())));
                } else {
                    for (index, (&value, generation)) in values.iter().zip(slab.generations()).enumerate() {
                        if generation[0] & 1 == 1 {
                            keys.push(turn(T::load(value).key()));
                            slots.push(slab.slot(index as u32));
                        }
                    }
                }
            }),
            None => {
                for index in (0..slab.fresh()).filter(|&index| full || slab.is_live(index)) {
                    keys.push(turn(prefix_key(slab.inline(self.field, index))));
                    slots.push(slab.slot(index));
                }
            }
        }
        self.buckets.resize(keys.len(), 0);
        let (keys, buckets) = (&keys[start..], &mut self.buckets[start..]);
        let (counts, lost) = (&mut self.counts, &mut self.lost);
        if slots.is_empty() {
            let slots = (0..slab.fresh()).map(|index| slab.slot(index));
            self.words.extend(self.split.pack(keys, slots, buckets, counts, lost));
        } else {
            self.words.extend(self.split.pack(keys, slots.iter().copied(), buckets, counts, lost));
        }
        Ok(())
    }

    fn next(&mut self, slabs: &Slabs) {
        self.phase = match self.pending.pop() {
            None => Phase::Done,
            Some((from, to)) if to - from > SHORT_RUN => {
                Phase::Keys { from, to, at: from, least: u64::MAX, most: 0 }
            }
            Some((from, to)) => {
                self.compare(slabs, from, to);
                Phase::Next
            }
        };
    }

    fn keys(&mut self, slabs: &Slabs, (from, to): (usize, usize), at: usize, least: u64, most: u64) {
        let end = (at + STRIDE).min(to);
        for place in at..end {
            self.other[place] = self.key_of(slabs, self.words[place]);
        }
        let (low, high) = bounds(&self.other[at..end]).unwrap_or((least, most));
        let (least, most) = (least.min(low), most.max(high));
        if end < to {
            self.phase = Phase::Keys { from, to, at: end, least, most };
        } else if least < most {
            let step = (to - from).div_ceil(SAMPLES);
            let sample: Vec<u64> = self.other[from..to].iter().step_by(step).copied().collect();
            self.start(Split::new(&sample, least, most, to - from, self.slot_bits));
            self.phase = Phase::Pack { from, to, at: from };
        } else {
            // Numbers: equal, and already in order of slots. Text: the rest has to be looked at.
            if self.inline {
                self.compare(slabs, from, to);
            }
            self.phase = Phase::Next;
        }
    }

    /// The key of the record in this word; anything when it was released since.
    fn key_of(&self, slabs: &Slabs, word: u64) -> u64 {
        slabs.locate(self.slot(word)).map_or(0, |(slab, index)| self.key(slab, index))
    }

    fn compare(&mut self, slabs: &Slabs, from: usize, to: usize) {
        let text =
            |slot: u32| slabs.locate(slot).map_or(&[][..], |(slab, index)| slab.inline(self.field, index));
        let words = self.words[from..to].iter();
        let mut run: Vec<(u64, u32)> =
            words.map(|&word| (self.key_of(slabs, word), self.slot(word))).collect();
        run.sort_by(|a, b| {
            let by_text =
                || if self.descending { text(b.1).cmp(text(a.1)) } else { text(a.1).cmp(text(b.1)) };
            let by_value = a.0.cmp(&b.0);
            let by_value = if self.inline { by_value.then_with(by_text) } else { by_value };
            by_value.then(a.1.cmp(&b.1))
        });
        for (word, (_, slot)) in self.words[from..to].iter_mut().zip(run) {
            *word = u64::from(slot);
        }
    }

    fn pack(&mut self, from: usize, to: usize, at: usize) {
        let end = (at + STRIDE).min(to);
        self.slots.clear();
        for place in at..end {
            self.slots.push(self.slot(self.words[place]));
        }
        let (keys, slots) = (&self.other[at..end], self.slots.iter().copied());
        let packed =
            self.split.pack(keys, slots, &mut self.buckets[at..end], &mut self.counts, &mut self.lost);
        self.words[at..end].iter_mut().zip(packed).for_each(|(word, packed)| *word = packed);
        if end < to {
            self.phase = Phase::Pack { from, to, at: end };
        } else {
            self.deal_from(from, to);
        }
    }

    fn deal_from(&mut self, from: usize, to: usize) {
        let mut start = from as u32;
        for count in &mut self.counts {
            start += std::mem::replace(count, start);
        }
        self.phase = Phase::Deal { from, to, at: from };
    }

    fn deal(&mut self, from: usize, to: usize, at: usize) {
        let end = (at + STRIDE).min(to);
        let (counts, other) = (&mut self.counts[..], &mut self.other[..]);
        for (&word, &bucket) in self.words[at..end].iter().zip(&self.buckets[at..end]) {
            let place = &mut counts[bucket as usize];
            other[*place as usize] = word;
            *place += 1;
        }
        self.phase = if end < to {
            Phase::Deal { from, to, at: end }
        } else {
            Phase::Buckets { to, at: from, bucket: 0 }
        };
    }

    /// Sorts buckets from `bucket` on, whose words begin at `at`.
    fn buckets(&mut self, slabs: &Slabs, to: usize, mut at: usize, mut bucket: usize) {
        let pause = (at + STRIDE).min(to);
        while at < pause {
            let end = self.counts[bucket] as usize;
            let (from, words) = (&self.other[at..end], &mut self.words[at..end]);
            // The first and the last bucket are not within the bounds: their words have no key bits.
            let inner = bucket.checked_sub(1).and_then(|inner| self.whole.get(inner));
            let whole = !self.inline && inner.is_some_and(|whole| *whole || self.lost == 0);
            if inner.is_some() && from.len() <= bucket::MOST {
                bucket::sort(from, words, &mut self.scratch);
                if !whole {
                    self.refine(slabs, at, end);
                }
            } else {
                words.copy_from_slice(from);
                let alike = |word: &u64| self.prefix(*word) == self.prefix(from[0]);
                if from.len() > 1 && !(whole && from.iter().all(alike)) {
                    self.pending.push((at, end));
                }
            }
            at = end;
            bucket += 1;
        }
        self.phase = if at < to { Phase::Buckets { to, at, bucket } } else { Phase::Next };
    }

    /// Finds runs of words that differ only in bits which they do not have.
    fn refine(&mut self, slabs: &Slabs, from: usize, to: usize) {
        let alike = |pair: &[u64]| u64::from(self.prefix(pair[0] ^ pair[1]) == 0);
        // Without a branch for each: nearly always there is none.
        if self.words[from..to].windows(2).map(alike).sum::<u64>() == 0 {
            return;
        }
        let mut start = from;
        while start < to {
            let prefix = self.prefix(self.words[start]);
            let rest = self.words[start..to].iter();
            let end = start + rest.take_while(|&&word| self.prefix(word) == prefix).count();
            if end - start > SHORT_RUN {
                self.pending.push((start, end));
            } else if end - start > 1 {
                self.compare(slabs, start, end);
            }
            start = end;
        }
    }
}

/// The least and the greatest key.
fn bounds(keys: &[u64]) -> Option<(u64, u64)> {
    let first = *keys.first()?;
    Some(keys.iter().fold((first, first), |(least, most), &key| (least.min(key), most.max(key))))
}

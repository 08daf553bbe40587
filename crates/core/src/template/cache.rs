//! Templates by name, bounded in count and bytes; the one that was used longest ago goes first.
//!
//! The constant bytes of all templates lie in one arena of the cache's own, which no operation's reset
//! touches. Templates go in any order, which a bump arena cannot give back, so this one closes its gaps:
//! what refers to bytes is a slot, never an address.
//!
//! A look-up must not cost a native call, so the caller keeps the stamps of use (one number a slot, higher is
//! later) where JavaScript writes them, and hands them in where room is made.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use thiserror::Error;

use super::program::{Program, ProgramError};

/// The bounds of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Templates held at most.
    pub max_templates: usize,
    /// Bytes held at most: constants, programs and names.
    pub max_bytes: usize,
}

/// What a cache holds and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Templates held.
    pub templates: usize,
    /// Bytes of their constants, programs and names.
    pub used_bytes: usize,
    /// Bytes that the cache takes from the system for them.
    pub reserved_bytes: usize,
    /// Templates that had to go for others.
    pub evictions: u64,
}

/// Why a template was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CacheError {
    /// It alone is larger than the cache.
    #[error("the template takes {needed} bytes, the cache holds {limit} at most")]
    TooLarge {
        /// What it takes.
        needed: usize,
        /// What may be held.
        limit: usize,
    },
    /// Its program is wrong.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// What [`TemplateCache::insert`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// Where the template is.
    pub slot: u32,
    /// The slots whose templates had to go, this one's predecessor of the same name included.
    pub removed: Vec<u32>,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    program: Program,
    /// Where its constants start in the arena; they are `program.literal_bytes()` long.
    start: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.name.len() + self.program.literal_bytes() + self.program.held_bytes()
    }
}

/// See the [module](self).
#[derive(Debug)]
pub struct TemplateCache {
    limits: CacheLimits,
    by_name: HashMap<Box<str>, u32, FxBuildHasher>,
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    constants: Vec<u8>,
    used_bytes: usize,
    evictions: u64,
}

impl TemplateCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        TemplateCache {
            limits: CacheLimits { max_templates: limits.max_templates.max(1), ..limits },
            by_name: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            constants: Vec::new(),
            used_bytes: 0,
            evictions: 0,
        }
    }

    /// Takes in an encoded program under `name`, in place of one of the same name. Room is made by removing
    /// the templates with the lowest of `stamps`, of which slots beyond its length count as 0.
    pub fn insert(&mut self, name: &str, encoded: &[u8], stamps: &[f64]) -> Result<Inserted, CacheError> {
        let mut literals = Vec::new();
        let program = Program::decode(encoded, &mut literals)?;
        let entry = Entry { name: name.into(), program, start: 0 };
        let needed = entry.bytes();
        if needed > self.limits.max_bytes {
            return Err(CacheError::TooLarge { needed, limit: self.limits.max_bytes });
        }
        let mut removed = Vec::new();
        if let Some(slot) = self.find(name) {
            self.remove(slot);
            removed.push(slot);
        }
        while self.by_name.len() >= self.limits.max_templates
            || self.used_bytes + needed > self.limits.max_bytes
        {
            let Some(slot) = self.oldest(stamps) else { break };
            self.remove(slot);
            self.evictions += 1;
            removed.push(slot);
        }
        let start = self.store(&literals);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(Entry { start, ..entry });
        self.by_name.insert(name.into(), slot);
        self.used_bytes += needed;
        Ok(Inserted { slot, removed })
    }

    /// The slot of `name`.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The program in `slot` and its constants, with all that lies behind them.
    pub fn program(&self, slot: u32) -> Option<(&Program, &[u8])> {
        let entry = self.slots.get(slot as usize)?.as_ref()?;
        Some((&entry.program, &self.constants[entry.start..]))
    }

    /// Removes the template in `slot`; true if there was one.
    pub fn remove(&mut self, slot: u32) -> bool {
        let Some(entry) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return false };
        self.by_name.remove(&*entry.name);
        self.used_bytes -= entry.bytes();
        self.free.push(slot);
        if self.live() < self.constants.capacity() / 4 {
            self.close_gaps();
        }
        true
    }

    /// Removes everything and gives the memory back.
    pub fn clear(&mut self) {
        let evictions = self.evictions;
        *self = Self::new(self.limits);
        self.evictions = evictions;
    }

    /// What it holds and did.
    pub fn stats(&self) -> CacheStats {
        let outside: usize = self.entries().map(|entry| entry.bytes() - entry.program.literal_bytes()).sum();
        CacheStats {
            templates: self.by_name.len(),
            used_bytes: self.used_bytes,
            reserved_bytes: self.constants.capacity() + outside,
            evictions: self.evictions,
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    /// Constant bytes of the templates held.
    fn live(&self) -> usize {
        self.entries().map(|entry| entry.program.literal_bytes()).sum()
    }

    fn oldest(&self, stamps: &[f64]) -> Option<u32> {
        let stamp = |slot: u32| stamps.get(slot as usize).copied().unwrap_or(0.0);
        self.by_name.values().copied().min_by(|&a, &b| stamp(a).total_cmp(&stamp(b)).then(a.cmp(&b)))
    }

    /// Appends to the arena; closes its gaps first when they are what keeps it from fitting, or half of it.
    fn store(&mut self, literals: &[u8]) -> usize {
        let live = self.live();
        let gaps = self.constants.len() - live;
        if gaps > 0 && (self.constants.len() + literals.len() > self.constants.capacity() || gaps > live) {
            self.close_gaps();
        }
        // Within the limit on bytes, so growth by doubling may not go past it either.
        let needed = self.constants.len() + literals.len();
        if needed > self.constants.capacity() {
            let capacity = (needed * 2).min(self.limits.max_bytes.max(needed));
            self.constants.reserve_exact(capacity - self.constants.len());
        }
        let start = self.constants.len();
        self.constants.extend_from_slice(literals);
        start
    }

    fn close_gaps(&mut self) {
        let mut in_order: Vec<&mut Entry> = self.slots.iter_mut().flatten().collect();
        in_order.sort_unstable_by_key(|entry| entry.start);
        let mut at = 0;
        for entry in in_order {
            let length = entry.program.literal_bytes();
            self.constants.copy_within(entry.start..entry.start + length, at);
            entry.start = at;
            at += length;
        }
        self.constants.truncate(at);
        if at < self.constants.capacity() / 4 {
            self.constants.shrink_to(at * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::code;
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &[u8]) -> Vec<u8> {
        let mut encoded = vec![code::LITERAL];
        encoded.extend((text.len() as u32).to_le_bytes());
        encoded.extend(text);
        encoded
    }

    fn constants(cache: &TemplateCache, slot: u32) -> &[u8] {
        let (program, bytes) = cache.program(slot).unwrap();
        &bytes[..program.literal_bytes()]
    }

    fn overhead() -> usize {
        size_of::<super::super::program::Op>()
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let mut cache = TemplateCache::new(CacheLimits { max_templates: 2, max_bytes: 1000 });
        let a = cache.insert("a", &literal(b"1"), &[]).unwrap().slot;
        let b = cache.insert("b", &literal(b"2"), &[]).unwrap().slot;
        let mut stamps = [0.0; 2];
        stamps[a as usize] = 9.0;
        stamps[b as usize] = 5.0;
        let inserted = cache.insert("c", &literal(b"3"), &stamps).unwrap();
        assert_eq!(inserted.removed, [b]);
        assert_eq!((cache.find("a"), cache.find("b")), (Some(a), None));
        assert_eq!(constants(&cache, inserted.slot), b"3");
        assert_eq!(cache.stats().evictions, 1);
    }

    #[test]
    fn the_same_name_replaces() {
        let mut cache = TemplateCache::new(CacheLimits { max_templates: 1, max_bytes: 1000 });
        let first = cache.insert("a", &literal(b"old"), &[]).unwrap();
        let second = cache.insert("a", &literal(b"new!"), &[]).unwrap();
        assert_eq!(second.removed, [first.slot]);
        assert_eq!(constants(&cache, second.slot), b"new!");
        assert_eq!(cache.stats().evictions, 0);
        assert_eq!(cache.stats().used_bytes, 5 + overhead());
    }

    #[test]
    fn one_too_large_is_refused_and_changes_nothing() {
        let mut cache = TemplateCache::new(CacheLimits { max_templates: 9, max_bytes: 60 });
        cache.insert("a", &literal(b"1"), &[]).unwrap();
        let before = cache.stats();
        assert!(matches!(
            cache.insert("b", &literal(&[b'x'; 60]), &[]),
            Err(CacheError::TooLarge { limit: 60, .. })
        ));
        assert!(matches!(cache.insert("a", &[77], &[]), Err(CacheError::Program(_))));
        assert_eq!(cache.stats(), before);
        cache.clear();
        assert_eq!(cache.stats(), CacheStats::default());
        assert_eq!(cache.find("a"), None);
    }

    proptest! {
        /// Against a plain list of (name, bytes, stamp).
        #[test]
        fn holds_what_the_model_holds(
            steps in prop::collection::vec((0_u8..12, 0_usize..60, 0_u8..10), 1..120),
            max_templates in 1_usize..8,
            max_bytes in 80_usize..300,
        ) {
            let mut cache = TemplateCache::new(CacheLimits { max_templates, max_bytes });
            let mut model: Vec<(String, Vec<u8>, f64, u32)> = Vec::new();
            let mut stamps = vec![0.0; max_templates];
            for (clock, (name, length, what)) in steps.into_iter().enumerate() {
                let name = format!("n{name}");
                match what {
                    0..=5 => {
                        let bytes = vec![b'a' + (clock % 26) as u8; length];
                        let needed = name.len() + length + overhead();
                        let result = cache.insert(&name, &literal(&bytes), &stamps);
                        if needed > max_bytes {
                            prop_assert!(result.is_err());
                            continue;
                        }
                        let inserted = result.unwrap();
                        model.retain(|entry| entry.0 != name);
                        let bytes_held = |model: &Vec<(String, Vec<u8>, f64, u32)>| -> usize {
                            model.iter().map(|entry| entry.0.len() + entry.1.len() + overhead()).sum()
                        };
                        while model.len() >= max_templates || bytes_held(&model) + needed > max_bytes {
                            let oldest = (0..model.len())
                                .min_by(|&a, &b| model[a].2.total_cmp(&model[b].2).then(model[a].3.cmp(&model[b].3)))
                                .unwrap();
                            model.remove(oldest);
                        }
                        stamps[inserted.slot as usize] = clock as f64;
                        model.push((name, bytes, clock as f64, inserted.slot));
                    }
                    6..=8 => {
                        if let Some(slot) = cache.find(&name) {
                            stamps[slot as usize] = clock as f64;
                            model.iter_mut().find(|entry| entry.0 == name).unwrap().2 = clock as f64;
                        }
                    }
                    _ => {
                        if let Some(slot) = cache.find(&name) {
                            prop_assert!(cache.remove(slot));
                            prop_assert!(!cache.remove(slot));
                        }
                        model.retain(|entry| entry.0 != name);
                    }
                }
                for (name, bytes, _, slot) in &model {
                    prop_assert_eq!(cache.find(name), Some(*slot));
                    prop_assert_eq!(constants(&cache, *slot), &bytes[..]);
                }
                let stats = cache.stats();
                prop_assert_eq!(stats.templates, model.len());
                prop_assert!(stats.used_bytes <= max_bytes);
                prop_assert!(cache.constants.capacity() <= max_bytes);
            }
        }
    }
}

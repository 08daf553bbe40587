//! Seeded random numbers for the property tests (xorshift64*): the seed in a message is all one needs to run it again.

#![allow(dead_code, reason = "every test file uses its own part")]

/// A seeded generator.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        // SplitMix64's increment, so that neighbouring seeds start far apart and none starts at 0.
        Rng(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 1
    }

    /// Below `n`, which is at least 1.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Up to `max`, small sizes as likely as large ones, and often exactly at or beside a power of two.
    pub fn size(&mut self, max: u64) -> u64 {
        let bits = self.below(64 - u64::from(max.leading_zeros()));
        let base = 1 << bits;
        let value = match self.below(4) {
            0 => base,
            1 => base - 1,
            2 => base + 1,
            _ => base + self.below(base),
        };
        value.min(max)
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

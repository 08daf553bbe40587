//! How the keys of a range are dealt to buckets: evenly, by a sample of them.

/// Equal stretches of keys; each becomes as many buckets as the sample says, a power of two.
const CELL_BITS: u32 = 10;
const CELLS: usize = 1 << CELL_BITS;
const CELL_SHIFT: u32 = u64::BITS - CELL_BITS;
/// Records that a bucket should have: two such blocks of words stay in the first-level cache.
const BUCKET_RECORDS: usize = 1024;
/// Bucket numbers stay within 16 bits: a cell has less than twice its share of these, but one at least.
const MOST_BUCKETS: usize = 8192;

/// A way to cut the keys between two bounds. Bucket 0 is for keys below them, the last one for keys above.
#[derive(Debug)]
pub(super) struct Split {
    least: u64,
    span: u64,
    /// Moves the highest bit in which keys differ to the top of the word.
    lead: u32,
    slot_mask: u64,
    cells: Box<[Cell; CELLS]>,
    buckets: usize,
}

/// Bucket = `base` + (what the key is above `least`, at the top of its word, `>> shift`), wrapping.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    base: u32,
    shift: u32,
}

impl Split {
    /// For `length` keys of which `sample` is a part, between `least` and `most`.
    pub fn new(sample: &[u64], least: u64, most: u64, length: usize, slot_bits: u32) -> Self {
        let span = most - least;
        let lead = (span | 1).leading_zeros();
        let mut shares = [0_u64; CELLS];
        for key in sample {
            if let Some(share) = shares.get_mut(((key.wrapping_sub(least) << lead) >> CELL_SHIFT) as usize) {
                *share += 1;
            }
        }
        let wanted = (length / BUCKET_RECORDS).clamp(1, MOST_BUCKETS) as u64;
        let mut cells = Box::new([Cell::default(); CELLS]);
        let mut first = 1_u32;
        for (number, (cell, share)) in cells.iter_mut().zip(shares).enumerate() {
            let count = (share * wanted).checked_div(sample.len() as u64).unwrap_or(0).max(1);
            let bits = count.next_power_of_two().trailing_zeros();
            *cell = Cell { base: first.wrapping_sub((number as u32) << bits), shift: CELL_SHIFT - bits };
            first += 1 << bits;
        }
        Split { least, span, lead, slot_mask: (1 << slot_bits) - 1, cells, buckets: first as usize + 1 }
    }

    /// How many buckets there are.
    pub const fn buckets(&self) -> usize {
        self.buckets
    }

    /// Keys as words to sort inside of their bucket: the key bits in which its keys may differ, as many as fit,
    /// then the slot. Counts the buckets. `lost` gets bits that are set where a key bit did not fit.
    #[inline]
    pub fn pack<'a>(
        &'a self,
        keys: &'a [u64],
        slots: impl Iterator<Item = u32> + 'a,
        buckets: &'a mut [u16],
        counts: &'a mut [u32],
        lost: &'a mut u64,
    ) -> impl Iterator<Item = u64> + 'a {
        keys.iter().zip(slots).zip(buckets).map(|((&key, slot), bucket)| {
            let offset = key.wrapping_sub(self.least);
            let (rest, number) = if offset <= self.span {
                let top = offset << self.lead;
                let Cell { base, shift } = self.cells[(top >> CELL_SHIFT) as usize];
                (top << (u64::BITS - shift), base.wrapping_add((top >> shift) as u32))
            } else {
                (0, if key < self.least { 0 } else { self.buckets as u32 - 1 })
            };
            *bucket = number as u16;
            counts[number as usize] += 1;
            *lost |= rest & self.slot_mask;
            rest & !self.slot_mask | u64::from(slot)
        })
    }

    /// Whether the words of a bucket between the bounds have all key bits, in order of the buckets.
    pub fn whole(&self) -> impl Iterator<Item = bool> {
        let key_bits = u64::BITS - self.lead;
        let room = self.slot_mask.leading_zeros();
        self.cells.iter().flat_map(move |cell| {
            let known = u64::BITS - cell.shift;
            std::iter::repeat_n(known + room >= key_bits, 1 << (known - CELL_BITS))
        })
    }
}

//! Sorting the words of one bucket: a counting pass with more counters than words, then insertion.

/// Up to this many words are sorted by insertion alone.
const FEW: usize = 16;
/// Up to this many words are sorted here: with the counters they stay in the second-level cache.
pub(super) const MOST: usize = 1 << 15;
/// Counters for each word, in bits: with four to one, most words get a place of their own.
const SPARE_BITS: u32 = 2;
const MOST_COUNTER_BITS: u32 = 14;
/// How far a word may move by insertion, on average, before comparing is better.
const FAR: usize = 8;
/// A one in each of four counters.
const ONES: u64 = 0x0001_0001_0001_0001;

/// Memory to be used again for the next bucket.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    counters: Vec<u16>,
    words: Vec<u64>,
}

/// Sorts at most [`MOST`] distinct words from `from` to `to`, which has the same length. `scratch` stays in the
/// cache, where the places of `to` may not be.
pub(super) fn sort(from: &[u64], to: &mut [u64], scratch: &mut Scratch) {
    let length = from.len();
    if length <= FEW {
        to.copy_from_slice(from);
        insert(to);
        return;
    }
    let bits = (length.ilog2() + 1 + SPARE_BITS).min(MOST_COUNTER_BITS);
    let Scratch { counters, words } = scratch;
    counters.clear();
    counters.resize(1 << bits, 0);
    if words.len() < length {
        words.resize(length.next_power_of_two(), 0);
    }
    let digit = |word: u64| (word >> (u64::BITS - bits)) as usize;
    for &word in from {
        counters[digit(word)] += 1;
    }
    start_places(counters);
    let words = &mut words[..length];
    for &word in from {
        let place = &mut counters[digit(word)];
        words[*place as usize] = word;
        *place += 1;
    }
    if !insert(words) {
        words.sort_unstable();
    }
    to.copy_from_slice(words);
}

/// Counts become the places at which each digit starts, four at a time: a product with [`ONES`] has the running
/// sums of four counters.
fn start_places(counters: &mut [u16]) {
    let mut before = 0_u64;
    for four in counters.as_chunks_mut::<4>().0 {
        let lanes = four.iter().rev().fold(0, |lanes, &count| lanes << 16 | u64::from(count));
        let sums = lanes.wrapping_mul(ONES);
        let places = (sums << 16).wrapping_add(before.wrapping_mul(ONES));
        before += sums >> 48;
        for (lane, place) in four.iter_mut().enumerate() {
            *place = (places >> (16 * lane)) as u16;
        }
    }
}

/// Sorts words that are nearly sorted; gives up (`false`) where they are not.
fn insert(words: &mut [u64]) -> bool {
    let mut patience = words.len() * FAR;
    let mut greatest = 0;
    for index in 0..words.len() {
        let word = words[index];
        if word >= greatest {
            greatest = word;
            continue;
        }
        let mut place = index;
        while place > 0 && words[place - 1] > word {
            words[place] = words[place - 1];
            place -= 1;
        }
        words[place] = word;
        match patience.checked_sub(index - place) {
            Some(left) => patience = left,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_the_model(
            seed: u64, length in 0..3000_usize, range_bits in 1..=64_u32, low: bool,
        ) {
            let mut state = seed | 1;
            let mut words: Vec<u64> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let mixed = state ^ state >> 33;
                    // Spread over all, or crowded at one end.
                    if low { mixed >> (64 - range_bits) } else { mixed << (64 - range_bits) }
                })
                .collect();
            words.sort_unstable();
            words.dedup();
            let expected = words.clone();
            for index in (1..words.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                words.swap(index, (state >> 33) as usize % (index + 1));
            }
            let mut sorted = vec![0; words.len()];
            sort(&words, &mut sorted, &mut Scratch::default());
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn the_largest_bucket() {
        let words: Vec<u64> = (0..MOST as u64).rev().map(|n| n << 40 | n).collect();
        let mut sorted = vec![0; MOST];
        sort(&words, &mut sorted, &mut Scratch::default());
        assert!(sorted.is_sorted());
        // All in one counter: its count is just within 16 bits.
        let words: Vec<u64> = (0..MOST as u64).rev().collect();
        sort(&words, &mut sorted, &mut Scratch::default());
        assert!(sorted.is_sorted());
    }
}

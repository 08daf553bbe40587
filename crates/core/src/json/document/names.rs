//! Names in an index: what is compared before the names themselves, and which are alike.

use super::MEMBER_NUMBERS;

/// The longest of those: comparing must not take long, however a document is made.
pub const DISTINCT_NAME_BYTES: usize = 64;

/// What is compared before a name itself: its length, and its first, middle and last letter. The name has no
/// escapes and is ASCII.
#[inline(always)]
pub fn name_key(name: &[u8]) -> u32 {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let letter = |at: usize| u32::from(name[at]);
    letter(0) | letter(length / 2) << 7 | letter(length - 1) << 14 | (length as u32 & 0x3ff) << 21
}

/// Whether no two members have the same name. Says no where that would take long to find out.
pub(super) fn are_distinct(input: &[u8], members: &[u32]) -> bool {
    let (members, _) = members.as_chunks::<MEMBER_NUMBERS>();
    let mut seen = [0_u64; 32];
    for (place, &[key, name, ..]) in members.iter().enumerate() {
        let hash = key.wrapping_mul(0x9E37_79B1) >> 21;
        let (word, bit) = (&mut seen[hash as usize / 64], 1 << (hash % 64));
        if *word & bit != 0 {
            let mut alike = members[..place].iter().filter(|other| other[0] == key);
            if alike.any(|other| !differ(input, key, other[1], name)) {
                return false;
            }
        }
        *word |= bit;
    }
    true
}

/// Whether two names with this key surely differ: they are short, and their bytes do.
fn differ(input: &[u8], key: u32, one: u32, other: u32) -> bool {
    let length = (key >> 21) as usize;
    let quoted = |start: u32| input.get(start as usize..)?.get(..=length);
    let (Some([one @ .., b'"']), Some([other @ .., b'"'])) = (quoted(one), quoted(other)) else {
        return false;
    };
    length <= DISTINCT_NAME_BYTES && one != other
}

/// Whether a name has escapes or other than ASCII.
#[inline(always)]
pub(super) fn is_odd(name: &[u8]) -> bool {
    let odd = |word: u64| equal_bytes(word, b'\\') | word & EACH_HIGH;
    let mut found = 0;
    // Eight bytes at a time; the last eight overlap those before.
    if let Some(last) = name.last_chunk::<8>() {
        for word in name.as_chunks::<8>().0 {
            found |= odd(u64::from_le_bytes(*word));
        }
        return found | odd(u64::from_le_bytes(*last)) != 0;
    }
    name.iter().any(|&byte| byte >= 0x80 || byte == b'\\')
}

const EACH_LOW: u64 = u64::MAX / 255;
const EACH_HIGH: u64 = EACH_LOW << 7;

/// The highest bit of each byte that equals `byte`; those above the first may be wrong.
#[inline(always)]
fn equal_bytes(word: u64, byte: u8) -> u64 {
    let zero_where_equal = word ^ (EACH_LOW * u64::from(byte));
    zero_where_equal.wrapping_sub(EACH_LOW) & !zero_where_equal & EACH_HIGH
}

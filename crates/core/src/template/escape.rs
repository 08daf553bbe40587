//! UTF-16 to the bytes of a JSON string, exactly as `JSON.stringify` writes them (well-formed, so a lone
//! surrogate becomes its `\udXXX` escape).

/// Units looked at together: two SSE2 or NEON registers; the loops below compile to vector code.
pub const BLOCK: usize = 16;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes the first `length` of `units` escaped and quoted at the start of `out`; gives the bytes written,
/// or nothing when they do not fit.
///
/// Where `units` and `out` go on far enough, whole blocks are read and written: [`BLOCK`] units of padding
/// behind the last string make that the usual case, which takes a third of the time.
#[inline]
pub fn write_string(units: &[u16], length: usize, out: &mut [u8]) -> Option<usize> {
    // Most strings are short and plain: no loop.
    if length <= BLOCK
        && let Some(block) = units.first_chunk::<BLOCK>()
        && let Some([quote, target @ ..]) = out.first_chunk_mut::<{ BLOCK + 2 }>()
        && starts_plain(block, length)
    {
        *quote = b'"';
        narrow(block, target);
        target[length] = b'"';
        return Some(length + 2);
    }
    *out.first_mut()? = b'"';
    let end = 1 + write_escaped(units, length, &mut out[1..])?;
    *out.get_mut(end)? = b'"';
    Some(end + 1)
}

/// Writes the first `length` of `units` escaped, without quotes; otherwise as [`write_string`].
pub fn write_escaped(units: &[u16], length: usize, out: &mut [u8]) -> Option<usize> {
    let (mut read, mut written) = (0, 0);
    let exact = units.get(..length)?;
    while read < length {
        let left = (length - read).min(BLOCK);
        if let Some(block) = units[read..].first_chunk::<BLOCK>()
            && let Some(target) = out.get_mut(written..).and_then(<[u8]>::first_chunk_mut::<BLOCK>)
            && (if left == BLOCK { is_plain(block) } else { starts_plain(block, left) })
        {
            narrow(block, target);
            read += left;
            written += left;
        } else {
            let end = read + left;
            while read < end {
                (read, written) = write_unit(exact, read, out, written)?;
            }
        }
    }
    Some(written)
}

/// Escapes UTF-8 where it stands: `ranges` are the insides of JSON strings in `bytes`, in order and disjoint,
/// all before `end`, which is the end of the output so far. What follows a byte that needs an escape moves
/// up. Gives the new end, or the end that it would be when that is behind `bytes`; nothing changed then.
///
/// JavaScript writes long strings as plain UTF-8 by one engine call each, which is 2 to 9 times faster than
/// any way to hand them over, and lets this find what those calls do not do.
pub fn escape_in_place(bytes: &mut [u8], ranges: &[u32], end: usize) -> Result<usize, EscapeError> {
    let mut grown = 0;
    let mut before = 0;
    for range in ranges.chunks(2) {
        let &[from, to] = range else { return Err(EscapeError::Ranges) };
        if from < before || to < from || to as usize > end {
            return Err(EscapeError::Ranges);
        }
        before = to;
        grown += growth(bytes.get(from as usize..to as usize).ok_or(EscapeError::Ranges)?);
    }
    if grown == 0 {
        return Ok(end);
    }
    if end + grown > bytes.len() {
        return Err(EscapeError::NoRoom(end + grown));
    }
    // From the back, so that every byte moves once.
    let (mut read, mut write) = (end, end + grown);
    for range in ranges.chunks(2).rev() {
        let (from, to) = (range[0] as usize, range[1] as usize);
        write -= read - to;
        bytes.copy_within(to..read, write);
        let mut at = to;
        while at > from {
            // All up to the last byte of this stretch that needs an escape moves as it is.
            let stretch = at.saturating_sub(STRETCH).max(from);
            let last = bytes[stretch..at].iter().rposition(|&byte| extra(byte) > 0);
            let plain = last.map_or(stretch, |last| stretch + last + 1);
            write -= at - plain;
            bytes.copy_within(plain..at, write);
            at = plain;
            if last.is_some() {
                at -= 1;
                let byte = bytes[at];
                let (text, length) =
                    if extra(byte) == 1 { (short_escape(byte), 2) } else { (six(u16::from(byte)), 6) };
                write -= length;
                bytes[write..write + length].copy_from_slice(&text[..length]);
            }
        }
        read = from;
    }
    Ok(end + grown)
}

/// Bytes searched and moved at a time, from the back.
const STRETCH: usize = 256;

/// For each byte, how many bytes its escape adds.
static EXTRA: [u8; 256] = {
    let mut extra = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        extra[byte] = 5;
        byte += 1;
    }
    let short = *b"\"\\\x08\t\n\x0c\r";
    let mut index = 0;
    while index < short.len() {
        extra[short[index] as usize] = 1;
        index += 1;
    }
    extra
};

/// Why nothing was escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EscapeError {
    /// The output would end here, behind the bytes given.
    NoRoom(usize),
    /// The ranges are not in order, or not before the end.
    Ranges,
}

/// How many bytes the escapes of some bytes add.
fn growth(bytes: &[u8]) -> usize {
    let exact = |bytes: &[u8]| bytes.iter().map(|&byte| extra(byte)).sum::<usize>();
    let (chunks, rest) = bytes.as_chunks::<CHUNK>();
    let in_chunks =
        chunks.iter().map(|chunk| if has_special(chunk) { exact(chunk) } else { 0 }).sum::<usize>();
    in_chunks + if has_special(rest) { exact(rest) } else { 0 }
}

/// Bytes looked at together: of fixed number, so that the loop is vector code from end to end.
const CHUNK: usize = 128;

#[inline(always)]
fn has_special(bytes: &[u8]) -> bool {
    // A quote differs from a space by bit 1, and no control character becomes one by it.
    let special = |byte: u8| u8::from(byte ^ 2 <= 0x20) | u8::from(byte == b'\\');
    bytes.iter().fold(0, |found, &byte| found | special(byte)) != 0
}

/// How many bytes the escape of one byte adds.
fn extra(byte: u8) -> usize {
    usize::from(EXTRA[usize::from(byte)])
}

/// The escape of a byte that has one of two bytes.
fn short_escape(byte: u8) -> [u8; 6] {
    match byte {
        0x08 => two(b'b'),
        0x09 => two(b't'),
        0x0a => two(b'n'),
        0x0c => two(b'f'),
        0x0d => two(b'r'),
        letter => two(letter),
    }
}

/// Writes `units` as UTF-8 without escaping anything: ready JSON text. A lone surrogate, which no JSON text
/// made by JavaScript holds, becomes U+FFFD.
pub fn write_raw(units: &[u16], out: &mut [u8]) -> Option<usize> {
    let mut written = 0;
    for character in char::decode_utf16(units.iter().copied()) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let target = out.get_mut(written..written + character.len_utf8())?;
        character.encode_utf8(target);
        written += character.len_utf8();
    }
    Some(written)
}

/// Its highest bit is set when the unit is more than one byte in the output: outside of 0x20..=0x7f, or a
/// quote or backslash. Only subtractions and ORs of u16, so that the loops over a block are vector code
/// (comparisons made them four times slower on SSE2).
#[inline(always)]
fn special(unit: u16) -> u16 {
    let equals = |letter: u8| (unit ^ u16::from(letter)).wrapping_sub(1);
    unit | unit.wrapping_sub(0x20) | 0x7f_u16.wrapping_sub(unit) | equals(b'"') | equals(b'\\')
}

const SPECIAL: u16 = 0x8000;

#[inline(always)]
fn is_plain(block: &[u16; BLOCK]) -> bool {
    block.iter().fold(0, |found, &unit| found | special(unit)) & SPECIAL == 0
}

/// The same for the first `length` units.
#[inline(always)]
fn starts_plain(block: &[u16; BLOCK], length: usize) -> bool {
    let mut found = 0;
    for (lane, &unit) in block.iter().enumerate() {
        // Negative, so with the highest bit, for the lanes below `length`.
        found |= special(unit) & (lane as u16).wrapping_sub(length as u16);
    }
    found & SPECIAL == 0
}

#[inline(always)]
fn narrow(block: &[u16; BLOCK], target: &mut (impl AsMut<[u8]> + ?Sized)) {
    for (byte, unit) in target.as_mut().iter_mut().zip(block) {
        *byte = *unit as u8;
    }
}

/// Writes the character that starts at `read`; gives both positions after it.
fn write_unit(units: &[u16], read: usize, out: &mut [u8], at: usize) -> Option<(usize, usize)> {
    let unit = units[read];
    let (bytes, length): ([u8; 6], usize) = match unit {
        0x22 | 0x5c | 0x08 | 0x09 | 0x0a | 0x0c | 0x0d => (short_escape(unit as u8), 2),
        0x00..0x20 => (six(unit), 6),
        0x20..0x80 => ([unit as u8, 0, 0, 0, 0, 0], 1),
        0x80..0x800 => ([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8, 0, 0, 0, 0], 2),
        0xd800..0xe000 => match units.get(read + 1) {
            Some(&low @ 0xdc00..0xe000) if unit < 0xdc00 => {
                let point = 0x1_0000 + (u32::from(unit - 0xd800) << 10) + u32::from(low - 0xdc00);
                let bytes = [
                    0xf0 | (point >> 18) as u8,
                    0x80 | (point >> 12 & 0x3f) as u8,
                    0x80 | (point >> 6 & 0x3f) as u8,
                    0x80 | (point & 0x3f) as u8,
                ];
                out.get_mut(at..at + 4)?.copy_from_slice(&bytes);
                return Some((read + 2, at + 4));
            }
            _ => (six(unit), 6),
        },
        _ => {
            let bytes =
                [0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8];
            ([bytes[0], bytes[1], bytes[2], 0, 0, 0], 3)
        }
    };
    out.get_mut(at..at + length)?.copy_from_slice(&bytes[..length]);
    Some((read + 1, at + length))
}

fn two(letter: u8) -> [u8; 6] {
    [b'\\', letter, 0, 0, 0, 0]
}

fn six(unit: u16) -> [u8; 6] {
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What `JSON.stringify` gives, one unit at a time.
    fn model(units: &[u16]) -> Vec<u8> {
        let mut text = String::from("\"");
        for item in char::decode_utf16(units.iter().copied()) {
            match item {
                Err(lone) => text.push_str(&format!("\\u{:04x}", lone.unpaired_surrogate())),
                Ok('"') => text.push_str("\\\""),
                Ok('\\') => text.push_str("\\\\"),
                Ok('\u{8}') => text.push_str("\\b"),
                Ok('\t') => text.push_str("\\t"),
                Ok('\n') => text.push_str("\\n"),
                Ok('\u{c}') => text.push_str("\\f"),
                Ok('\r') => text.push_str("\\r"),
                Ok(c) if c < ' ' => text.push_str(&format!("\\u{:04x}", c as u32)),
                Ok(c) => text.push(c),
            }
        }
        text.push('"');
        text.into_bytes()
    }

    fn check(units: &[u16]) {
        let expected = model(units);
        for (spare, padding) in [(0, 0), (1, 3), (5, 40), (40, 0), (40, 1), (40, BLOCK)] {
            // Padding that would be seen if it were taken for a part of the string.
            let mut padded = units.to_vec();
            padded.extend(std::iter::repeat_n(0x22, padding));
            let mut out = vec![0xaa; expected.len() + spare];
            assert_eq!(write_string(&padded, units.len(), &mut out), Some(expected.len()));
            assert_eq!(&out[..expected.len()], &expected[..]);
            for short in [1, 2, 7, expected.len()] {
                if let Some(room) = expected.len().checked_sub(short) {
                    assert_eq!(write_string(&padded, units.len(), &mut out[..room]), None);
                }
            }
        }
    }

    #[test]
    fn every_unit_at_every_place_of_a_block() {
        for unit in (0..=0xff).chain([0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff]) {
            for place in 0..BLOCK * 2 + 3 {
                let mut units = vec![u16::from(b'x'); BLOCK * 2 + 3];
                units[place] = unit;
                check(&units);
            }
        }
    }

    #[test]
    fn pairs_across_a_block() {
        for length in 0..BLOCK * 3 {
            let mut units = vec![u16::from(b'x'); length];
            units.extend([0xd83d, 0xde00, 0xd83d]);
            units.extend(vec![u16::from(b'y'); 3]);
            check(&units);
        }
    }

    /// Lengths around one and two chunks, every byte value at places on both sides of their borders.
    #[test]
    fn every_byte_at_the_borders_of_chunks() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 17] {
            for place in [0, 1, CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, length - 1]
            {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'x'; length];
                    let Some(target) = bytes.get_mut(place) else { continue };
                    *target = byte;
                    let expected = length + extra(byte);
                    bytes.resize(length + 6, 0);
                    assert_eq!(escape_in_place(&mut bytes, &[0, length as u32], length), Ok(expected));
                    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"';
                    assert!(bytes[..expected].iter().enumerate().all(|(at, byte)| {
                        plain(byte) || (*byte == b'"' && at > 0 && bytes[at - 1] == b'\\')
                    }));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_model(units in prop::collection::vec(
            prop_oneof![8 => 0x20_u16..0x7f, 1 => 0_u16..0x100, 1 => any::<u16>(), 1 => 0xd800_u16..0xe000], 0..200,
        )) {
            check(&units);
        }

        #[test]
        fn escaping_in_place_equals_writing(pieces in prop::collection::vec(
            ("[a-z]{0,4}", "([ -~\u{0}-\u{1f}é€😀]{0,9}|[ -~]{60,80})"), 0..6,
        )) {
            let (mut bytes, mut ranges, mut expected) = (Vec::new(), Vec::new(), Vec::<u8>::new());
            for (constant, text) in &pieces {
                bytes.extend(constant.as_bytes());
                ranges.push(bytes.len() as u32);
                bytes.extend(text.as_bytes());
                ranges.push(bytes.len() as u32);
                let quoted = model(&text.encode_utf16().collect::<Vec<_>>());
                expected.extend(constant.as_bytes());
                expected.extend(&quoted[1..quoted.len() - 1]);
            }
            bytes.extend(b"tail");
            expected.extend(b"tail");
            let end = bytes.len();
            let plain = bytes.clone();
            for room in end..expected.len() {
                bytes.resize(room, 0);
                prop_assert_eq!(escape_in_place(&mut bytes, &ranges, end), Err(EscapeError::NoRoom(expected.len())));
                prop_assert_eq!(&bytes[..end], &plain[..]);
            }
            bytes.resize(expected.len() + 3, 0xaa);
            prop_assert_eq!(escape_in_place(&mut bytes, &ranges, end), Ok(expected.len()));
            prop_assert_eq!(&bytes[..expected.len()], &expected[..]);
            prop_assert_eq!(&bytes[expected.len()..], &[0xaa; 3]);
        }

        #[test]
        fn any_ranges_are_refused_or_kept(
            mut bytes in prop::collection::vec(any::<u8>(), 0..40),
            ranges in prop::collection::vec(0_u32..50, 0..6),
            end in 0_usize..50,
        ) {
            let _ = escape_in_place(&mut bytes, &ranges, end);
        }

        #[test]
        fn raw_is_plain_utf8(text in ".{0,100}") {
            let units: Vec<u16> = text.encode_utf16().collect();
            let mut out = vec![0; text.len()];
            prop_assert_eq!(write_raw(&units, &mut out), Some(text.len()));
            prop_assert_eq!(&out[..], text.as_bytes());
            if !text.is_empty() {
                prop_assert_eq!(write_raw(&units, &mut out[1..]), None);
            }
        }
    }
}

//! The index of containers, at every level, against the children that serde_json finds.

use primarena_core::json::document::{
    DISTINCT, DISTINCT_MEMBERS, DISTINCT_NAME_BYTES, ELEMENT_NUMBERS, HEADER_NUMBERS, IndexError, Indexed,
    MEMBER_NUMBERS, ODD, Reach, Scratch, index_container_at, name_key,
};
use primarena_core::json::{Level, Limits, skip, validate_scalar};

use crate::naive::{Children, children};
use crate::split;

/// Indexes every container of the document, or what looks like one where it is no JSON.
pub fn run(data: &[u8]) {
    let (document, _) = split(data);
    let exact: Box<[u8]> = document.into();
    if validate_scalar(&exact, &Limits::default()).is_ok() {
        let text = std::str::from_utf8(&exact).expect("what was found valid is UTF-8");
        return all(text);
    }
    // Indexing starts anew at each bracket: a few are enough.
    let brackets = exact.iter().enumerate().filter(|(_, byte)| matches!(byte, b'{' | b'['));
    for (start, _) in brackets.take(20) {
        for (level, reach) in ways() {
            if let Some((row, index)) = index(level, &exact, start, reach) {
                inside(&exact, start, &index, row);
            }
        }
    }
    for start in 0..exact.len().min(200) {
        assert!(skip::value_end(&exact, start).is_none_or(|end| end > start && end <= exact.len()));
        assert!(skip::string_end(&exact, start).is_none_or(|end| end > start && end <= exact.len()));
    }
}

fn ways() -> impl Iterator<Item = (Level, Reach)> {
    Level::available().flat_map(|level| [(level, Reach::Alone), (level, Reach::Deep)])
}

/// The row of a container in its index, which is exactly as long as it has to be.
fn index(level: Level, input: &[u8], start: usize, reach: Reach) -> Option<(usize, Vec<u32>)> {
    let mut scratch = Scratch::default();
    let needed = match index_container_at(level, input, start, reach, &mut [], 0, &mut scratch) {
        Err(IndexError::NoRoom(needed)) => needed,
        Err(IndexError::Broken(_)) => return None,
        Ok(indexed) => panic!("{indexed:?} in no room"),
    };
    let mut index = vec![0; needed];
    let Indexed { root, end } =
        index_container_at(level, input, start, reach, &mut index, 0, &mut scratch).expect("room enough");
    assert_eq!(end, needed);
    Some((root, index))
}

/// Follows an index wherever it leads: it stays inside itself and the document.
fn inside(input: &[u8], start: usize, index: &[u32], row: usize) {
    let mut rows = vec![(start, row)];
    while let Some((start, row)) = rows.pop() {
        let numbers = if input[start] == b'{' { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
        assert!(index[row + 2] as usize <= input.len());
        let count = (index[row] & !(ODD | DISTINCT)) as usize;
        for entry in index[row + HEADER_NUMBERS..][..count * numbers].chunks_exact(numbers) {
            let (start, end) = ((entry[numbers - 2] & !ODD) as usize, entry[numbers - 1]);
            assert!(start < input.len() && (numbers == ELEMENT_NUMBERS || entry[1] as usize <= start));
            if end & ODD == 0 {
                assert!(start < end as usize && end as usize <= input.len());
            } else {
                rows.push((start, !end as usize));
            }
        }
    }
}

/// Every container of what is JSON, with its index by itself and in that of the root.
fn all(text: &str) {
    let root = text.trim_matches([' ', '\t', '\n', '\r']);
    if !root.starts_with(['{', '[']) {
        return;
    }
    let start = root.as_ptr() as usize - text.as_ptr() as usize;
    let mut deep = Level::available().map(|level| index(level, text.as_bytes(), start, Reach::Deep));
    let (root_row, deep_index) = deep.next().flatten().expect("an index of what is JSON");
    assert!(
        deep.all(|other| other.is_some_and(|other| other == (root_row, deep_index.clone()))),
        "levels differ"
    );
    let mut left = vec![(root, root_row)];
    while let Some((inner, row)) = left.pop() {
        let start = inner.as_ptr() as usize - text.as_ptr() as usize;
        let end = start + inner.len();
        assert_eq!(skip::value_end(text.as_bytes(), start), Some(end));
        let mut alone = Level::available().map(|level| index(level, text.as_bytes(), start, Reach::Alone));
        let (_, first) = alone.next().flatten().expect("an index of what is JSON");
        assert!(
            alone.all(|other| other.is_some_and(|(_, other)| other == first)),
            "levels differ at {start}"
        );
        let numbers = if inner.starts_with('{') { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
        let row = &deep_index[row..][..first.len()];
        assert_eq!(row[..HEADER_NUMBERS], first[..HEADER_NUMBERS]);
        assert_eq!(first[2] as usize, end);
        let entries = first[HEADER_NUMBERS..].chunks_exact(numbers);
        let Ok(children) = children(inner) else { continue };
        let values: Vec<&str> = match children {
            Children::Object(members) => {
                let has_odd = entries.clone().any(|entry| entry[0] == ODD);
                let distinct = DISTINCT_MEMBERS.contains(&members.len())
                    && members.iter().enumerate().all(|(place, (name, _))| {
                        let alike = |other: &str| name_key(other.as_bytes()) == name_key(name.as_bytes());
                        let differ =
                            |other: &str| name != other && name.len().max(other.len()) <= DISTINCT_NAME_BYTES;
                        members[..place].iter().all(|(other, _)| !alike(other) || differ(other))
                    });
                assert_eq!(first[0] & ODD != 0, has_odd);
                assert_eq!(first[0] & DISTINCT != 0, distinct && !has_odd);
                for (entry, (name, _)) in entries.clone().zip(&members) {
                    let quoted = &text[entry[1] as usize - 1..(entry[2] & !ODD) as usize];
                    let quoted = quoted.trim_end_matches([' ', '\t', '\n', '\r', ':']);
                    let odd = !quoted.is_ascii() || quoted.contains('\\');
                    assert_eq!(entry[0], if odd { ODD } else { name_key(name.as_bytes()) });
                    assert_eq!(&serde_json::from_str::<String>(quoted).expect("a name"), name);
                }
                members.into_iter().map(|(_, value)| value).collect()
            }
            Children::Array(elements) => elements,
            Children::None => Vec::new(),
        };
        assert_eq!(entries.len(), values.len());
        let deep_entries = row[HEADER_NUMBERS..].chunks_exact(numbers);
        for ((entry, deep), value) in entries.zip(deep_entries).zip(values) {
            let (start, end) = (entry[numbers - 2], entry[numbers - 1]);
            assert_eq!(&text[(start & !ODD) as usize..end as usize], value);
            let odd = value.starts_with('"') && (!value.is_ascii() || value.contains('\\'));
            assert_eq!(start & ODD != 0, odd);
            assert_eq!(entry[..numbers - 1], deep[..numbers - 1]);
            if value.starts_with(['{', '[']) {
                assert_eq!(deep_index[!deep[numbers - 1] as usize + 2], end);
                left.push((value, !deep[numbers - 1] as usize));
            } else {
                assert_eq!(deep[numbers - 1], end);
            }
        }
    }
}

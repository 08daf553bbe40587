//! The index of containers, at every level, against the children that serde_json finds.

use primarena_core::json::document::{
    ELEMENT_NUMBERS, HEADER_NUMBERS, IndexError, MEMBER_NUMBERS, ODD_NAME, index_container_at,
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
        for level in Level::available() {
            let Some(index) = index(level, &exact, start) else { continue };
            for number in &index[HEADER_NUMBERS..] {
                assert!((number & !ODD_NAME) as usize <= exact.len(), "{level:?} {start} {index:?}");
            }
        }
    }
    for start in 0..exact.len().min(200) {
        assert!(skip::value_end(&exact, start).is_none_or(|end| end > start && end <= exact.len()));
        assert!(skip::string_end(&exact, start).is_none_or(|end| end > start && end <= exact.len()));
    }
}

/// The index, exactly as long as it has to be.
fn index(level: Level, input: &[u8], start: usize) -> Option<Vec<u32>> {
    let needed = match index_container_at(level, input, start, &mut []) {
        Err(IndexError::NoRoom(needed)) => needed,
        Err(IndexError::Broken(_)) => return None,
        Ok(length) => panic!("{length} numbers in no room"),
    };
    let mut index = vec![0; needed];
    assert_eq!(index_container_at(level, input, start, &mut index), Ok(needed));
    let numbers = if input[start] == b'{' { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
    assert_eq!(needed, HEADER_NUMBERS + index[0] as usize * numbers);
    Some(index)
}

/// Every container of what is JSON.
fn all(text: &str) {
    let mut left = vec![text.trim_matches([' ', '\t', '\n', '\r'])];
    while let Some(inner) = left.pop() {
        if !inner.starts_with(['{', '[']) {
            continue;
        }
        let start = inner.as_ptr() as usize - text.as_ptr() as usize;
        assert_eq!(skip::value_end(text.as_bytes(), start), Some(start + inner.len()));
        let mut indexes = Level::available().map(|level| index(level, text.as_bytes(), start));
        let first = indexes.next().flatten().expect("an index of what is JSON");
        assert!(indexes.all(|other| other.as_ref() == Some(&first)), "levels differ at {start}");
        let Ok(children) = children(inner) else { continue };
        let values: Vec<&str> = match children {
            Children::Object(members) => {
                let entries = first[HEADER_NUMBERS..].chunks_exact(MEMBER_NUMBERS);
                let named = entries.map(|entry| {
                    let name = &text[entry[0] as usize - 1..(entry[1] & !ODD_NAME) as usize + 1];
                    let odd = !name.is_ascii() || name.contains('\\');
                    assert_eq!(entry[1] & ODD_NAME != 0, odd);
                    let name: String = serde_json::from_str(name).expect("a name");
                    (name, &text[entry[2] as usize..entry[3] as usize])
                });
                let found: Vec<(String, &str)> = named.collect();
                assert_eq!(found, members);
                members.into_iter().map(|(_, value)| value).collect()
            }
            Children::Array(elements) => {
                let entries = first[HEADER_NUMBERS..].chunks_exact(ELEMENT_NUMBERS);
                let found: Vec<&str> =
                    entries.map(|entry| &text[entry[0] as usize..entry[1] as usize]).collect();
                assert_eq!(found, elements);
                elements
            }
            Children::None => Vec::new(),
        };
        left.extend(values);
    }
}

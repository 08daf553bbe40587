//! The extractor that is plain to read. It serves every trie, and the fast one is tested against it.
//!
//! It expects a document that was validated, or one that is trusted: of the latter it checks what it
//! touches, and it is memory-safe on anything. Brackets are counted, not recursed into; the recursion
//! is over the segments of a path, of which there are at most [`MAX_SEGMENTS`](super::path::MAX_SEGMENTS).

use std::ops::Range as Span;

use rustc_hash::FxHashMap;

use super::captures::Captures;
use super::text::name_bytes;
use super::trie::{NodeId, Range, Trie};
use super::white::skip_white;

/// The offset at which a document turned out to be no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub usize);

/// Adds all values that the paths of `trie` lead to in `input`. The last member of a name counts.
///
/// # Errors
/// [`Broken`] when the part of the document that was looked at is no JSON, or it has more than 4 GiB.
pub fn extract(trie: &Trie, input: &[u8], captures: &mut Captures) -> Result<(), Broken> {
    if input.len() > u32::MAX as usize {
        return Err(Broken(u32::MAX as usize));
    }
    let start = skip_white(input, 0);
    let value = start..skip_value(input, start)?;
    walk(trie, 0, input, value, captures)
}

fn walk(
    trie: &Trie,
    id: NodeId,
    input: &[u8],
    value: Span<usize>,
    captures: &mut Captures,
) -> Result<(), Broken> {
    let node = trie.node(id);
    for &slot in &node.slots {
        captures.push(slot, value.start as u32, value.end as u32);
    }
    match input.get(value.start) {
        Some(b'{') if node.enters_object() => {
            for (child, member) in members(trie, id, input, value.start)? {
                walk(trie, child, input, member, captures)?;
            }
        }
        Some(b'[') if node.enters_array() => {
            let elements = elements(input, value.start)?;
            for (index, element) in elements.iter().enumerate() {
                if let Some(child) = node.element(index as u64) {
                    walk(trie, child, input, element.clone(), captures)?;
                }
            }
            for &(range, child) in &node.ranges {
                match range {
                    Range::FromEnd(distance) => {
                        let index = (elements.len() as u64).checked_sub(distance);
                        if let Some(element) = index.and_then(|index| elements.get(index as usize)) {
                            walk(trie, child, input, element.clone(), captures)?;
                        }
                    }
                    Range::Slice(slice) => {
                        for index in slice.indexes(elements.len()) {
                            walk(trie, child, input, elements[index].clone(), captures)?;
                        }
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// The members that a path leads to, with the node of each: the last of each name, in document order.
fn members(trie: &Trie, id: NodeId, input: &[u8], open: usize) -> Result<Vec<(NodeId, Span<usize>)>, Broken> {
    let node = trie.node(id);
    let mut found: Vec<Option<(NodeId, Span<usize>)>> = Vec::new();
    let mut latest = FxHashMap::default();
    let mut at = skip_white(input, open + 1);
    if input.get(at) == Some(&b'}') {
        return Ok(Vec::new());
    }
    loop {
        let name_end = skip_string(input, at)?;
        let name = name_bytes(&input[at + 1..name_end - 1]);
        at = skip_white(input, name_end);
        if input.get(at) != Some(&b':') {
            return Err(Broken(at));
        }
        at = skip_white(input, at + 1);
        let end = skip_value(input, at)?;
        if let Some(child) = node.member(&name) {
            if let Some(earlier) = latest.insert(name, found.len()) {
                found[earlier] = None;
            }
            found.push(Some((child, at..end)));
        }
        at = skip_white(input, end);
        match input.get(at) {
            Some(b',') => at = skip_white(input, at + 1),
            Some(b'}') => return Ok(found.into_iter().flatten().collect()),
            _ => return Err(Broken(at)),
        }
    }
}

fn elements(input: &[u8], open: usize) -> Result<Vec<Span<usize>>, Broken> {
    let mut found = Vec::new();
    let mut at = skip_white(input, open + 1);
    if input.get(at) == Some(&b']') {
        return Ok(found);
    }
    loop {
        let end = skip_value(input, at)?;
        found.push(at..end);
        at = skip_white(input, end);
        match input.get(at) {
            Some(b',') => at = skip_white(input, at + 1),
            Some(b']') => return Ok(found),
            _ => return Err(Broken(at)),
        }
    }
}

/// The offset behind the string that starts at `start`; its quotes are inside `start..` that offset.
fn skip_string(input: &[u8], start: usize) -> Result<usize, Broken> {
    if input.get(start) != Some(&b'"') {
        return Err(Broken(start));
    }
    let mut at = start + 1;
    while let Some(rest) = input.get(at..) {
        match memchr::memchr2(b'"', b'\\', rest) {
            Some(found) if rest[found] == b'"' => return Ok(at + found + 1),
            Some(found) => at += found + 2,
            None => break,
        }
    }
    Err(Broken(input.len()))
}

/// The offset behind the value that starts at `start`.
fn skip_value(input: &[u8], start: usize) -> Result<usize, Broken> {
    let mut at = start;
    let mut depth = 0_usize;
    loop {
        match input.get(at) {
            None => return Err(Broken(input.len())),
            Some(b'"') => at = skip_string(input, at)?,
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') => {
                depth = depth.checked_sub(1).ok_or(Broken(at))?;
                at += 1;
            }
            Some(b',' | b':' | b' ' | b'\t' | b'\n' | b'\r') if depth > 0 => {
                at += 1;
                continue;
            }
            Some(_) => {
                let rest = &input[at..];
                let length = rest.iter().position(|b| b",:]}[{\" \t\n\r".contains(b)).unwrap_or(rest.len());
                if length == 0 {
                    return Err(Broken(at));
                }
                at += length;
            }
        }
        if depth == 0 {
            return Ok(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::path::Path;

    fn found(path: &str, document: &str) -> Vec<String> {
        let trie = Trie::new([(&Path::parse(path).unwrap(), 0)]).unwrap();
        let mut captures = Captures::new();
        extract(&trie, document.as_bytes(), &mut captures).unwrap();
        captures.iter().map(|c| document[c.start as usize..c.end as usize].to_owned()).collect()
    }

    #[test]
    fn finds() {
        let document = r#" { "a" : { "b" : [ 1 , { "c" : "x\"}" } , [ ] ] } , "d e" : null } "#;
        assert_eq!(found("$.a.b[0]", document), ["1"]);
        assert_eq!(found("$.a.b[-2].c", document), [r#""x\"}""#]);
        assert_eq!(found("/a/b/2", document), ["[ ]"]);
        assert_eq!(found("$.a.b[*]", document), ["1", r#"{ "c" : "x\"}" }"#, "[ ]"]);
        assert_eq!(found("$.a.b[::-1]", document), ["[ ]", r#"{ "c" : "x\"}" }"#, "1"]);
        assert_eq!(found("$['d e']", document), ["null"]);
        assert_eq!(found("$.*[*]", document), [r#"[ 1 , { "c" : "x\"}" } , [ ] ]"#]);
        assert_eq!(found("$.*.*[0]", document), ["1"]);
        assert_eq!(found("$", document), [document.trim()]);
        assert_eq!(found("$.a[0]", document), Vec::<String>::new());
        assert_eq!(found("$.a.b.c", document), Vec::<String>::new());
        assert_eq!(found("/0", r#"{"0":"name"}"#), [r#""name""#]);
        assert_eq!(found("/0", r#"["element"]"#), [r#""element""#]);
        assert_eq!(found("$['0']", r#"["element"]"#), Vec::<String>::new());
        assert_eq!(found("$[-3]", "[1,2]"), Vec::<String>::new());
    }

    #[test]
    fn the_last_member_of_a_name_counts_with_all_that_is_in_it() {
        assert_eq!(found("$.a", r#"{"a":1,"b":2,"\u0061":3}"#), ["3"]);
        assert_eq!(found("$.a.b", r#"{"a":{"b":1},"a":5}"#), Vec::<String>::new());
        assert_eq!(found("$.*", r#"{"a":1,"b":2,"a":3}"#), ["2", "3"]);
        assert_eq!(found("$.*.x", r#"{"a":{"x":1},"b":{"x":2},"a":{}}"#), ["2"]);
    }

    #[test]
    fn is_safe_on_anything() {
        for path in ["$", "$.a.b", "$[*][*]", "$[-1]", "$.*"] {
            let trie = Trie::new([(&Path::parse(path).unwrap(), 0)]).unwrap();
            for text in [
                "", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "[1", "[1,", "]", "\"\\", "[}",
                "{\"a\\",
            ] {
                let mut captures = Captures::new();
                let _ = extract(&trie, text.as_bytes(), &mut captures);
                for c in captures.iter() {
                    assert!(c.start <= c.end && c.end as usize <= text.len());
                }
            }
        }
        let deep = "[".repeat(1_000_000);
        let trie = Trie::new([(&Path::parse("$[0]").unwrap(), 0)]).unwrap();
        assert_eq!(extract(&trie, deep.as_bytes(), &mut Captures::new()), Err(Broken(1_000_000)));
        let closed = deep + &"]".repeat(1_000_000);
        assert!(extract(&trie, closed.as_bytes(), &mut Captures::new()).is_ok());
    }
}

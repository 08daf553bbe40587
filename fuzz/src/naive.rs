//! Paths evaluated over serde_json's raw values, one container at a time.

use std::collections::HashSet;
use std::fmt;

use primarena_core::json::path::Segment;
use serde::Deserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The members or elements of one container, as they are written.
pub enum Children<'a> {
    /// Names and values.
    Object(Vec<(String, &'a str)>),
    /// Values.
    Array(Vec<&'a str>),
    /// It is no container.
    None,
}

struct Shallow;

impl<'de> Visitor<'de> for Shallow {
    type Value = Children<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a container")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(String, &str)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            members.push((name, value.get()));
        }
        Ok(Children::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(value) = seq.next_element::<&RawValue>()? {
            elements.push(value.get());
        }
        Ok(Children::Array(elements))
    }
}

/// What serde_json cannot read: names with halves of surrogate pairs.
#[derive(Debug)]
pub struct Unknown;

/// The children of the value `text`.
pub fn children(text: &str) -> Result<Children<'_>, Unknown> {
    if !text.starts_with(['{', '[']) {
        return Ok(Children::None);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_any(Shallow).and_then(|children| match reader.end() {
        Ok(()) => Ok(children),
        Err(error) => Err(serde_json::Error::custom(error)),
    });
    read.map_err(|_| Unknown)
}

/// Adds all texts that the path leads to from the value `text`, in order.
pub fn evaluate<'a>(text: &'a str, segments: &[Segment], out: &mut Vec<&'a str>) -> Result<(), Unknown> {
    let Some((segment, rest)) = segments.split_first() else {
        out.push(text);
        return Ok(());
    };
    let mut children = children(text)?;
    if let Children::Object(members) = &mut children {
        *members = last_of_each(members);
    }
    match (children, segment) {
        (Children::Object(members), Segment::Name(name) | Segment::Token(name, _)) => {
            members.iter().filter(|(own, _)| own == name).try_for_each(|(_, text)| evaluate(text, rest, out))
        }
        (Children::Object(members), Segment::Wildcard) => {
            members.iter().try_for_each(|(_, text)| evaluate(text, rest, out))
        }
        (Children::Array(elements), segment) => {
            let indexes: Vec<usize> = match segment {
                Segment::Wildcard => (0..elements.len()).collect(),
                Segment::Index(index) if *index < 0 => {
                    elements.len().checked_sub(index.unsigned_abs() as usize).into_iter().collect()
                }
                Segment::Index(index) => vec![*index as usize],
                Segment::Token(_, index) => vec![*index as usize],
                Segment::Slice(slice) => slice.indexes(elements.len()).collect(),
                Segment::Name(_) => Vec::new(),
            };
            indexes
                .into_iter()
                .filter_map(|index| elements.get(index))
                .try_for_each(|text| evaluate(text, rest, out))
        }
        _ => Ok(()),
    }
}

/// Of two members with one name the last counts, and stands where it came.
fn last_of_each<'a>(members: &[(String, &'a str)]) -> Vec<(String, &'a str)> {
    let mut seen = HashSet::new();
    let mut kept: Vec<_> = members.iter().rev().filter(|(name, _)| seen.insert(name)).cloned().collect();
    kept.reverse();
    kept
}

/// Whether any object has two members of one name, or one that serde_json cannot read.
pub fn has_twins(text: &str) -> bool {
    let mut left = vec![text];
    while let Some(text) = left.pop() {
        match children(text) {
            Ok(Children::Object(members)) => {
                if last_of_each(&members).len() < members.len() {
                    return true;
                }
                left.extend(members.iter().map(|(_, text)| *text));
            }
            Ok(Children::Array(elements)) => left.extend(elements),
            Ok(Children::None) => {}
            Err(Unknown) => return true,
        }
    }
    false
}

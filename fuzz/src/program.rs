//! Paths and fields made of arbitrary bytes, most of which fit the document.

use arbitrary::{Result, Unstructured};

use crate::naive::{Children, children};

/// A path, and one of the values it leads to, as far as there is one.
pub struct Led<'a> {
    /// The path's text.
    pub path: String,
    /// The value.
    pub value: Option<&'a str>,
}

/// The document as text, when it is JSON: what paths are led along.
pub fn text(document: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(document).ok()?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    Some(text.trim_matches([' ', '\t', '\n', '\r']))
}

/// A path behind `start` (`$`, or nothing for a path from the row at hand) that goes on from `value`, mostly to
/// something that is there.
pub fn path<'a>(u: &mut Unstructured<'_>, start: &str, mut value: Option<&'a str>) -> Result<Led<'a>> {
    let mut path = String::from(start);
    for _ in 0..u.int_in_range(0..=5)? {
        let astray = u.ratio(1, 12)?;
        match value.map(children) {
            Some(Ok(Children::Object(members))) if !members.is_empty() && !astray => {
                let (name, member) = u.choose(&members)?;
                path += &match u.ratio(1, 10)? {
                    true => "[*]".to_owned(),
                    false => format!("[{}]", serde_json::to_string(name).expect("a string")),
                };
                value = Some(member);
            }
            Some(Ok(Children::Array(elements))) if !elements.is_empty() && !astray => {
                let index = u.choose_index(elements.len())?;
                path += &match u.int_in_range(0..=6)? {
                    0 => format!("[{index}]"),
                    1 => format!("[-{}]", elements.len() - index),
                    2 => format!("[{index}:]"),
                    3 => (*u.choose(&["[::-1]", "[:-1]", "[0:2]", "[::2]", "[-2:]", "[3:0:-2]"])?).to_owned(),
                    _ => "[*]".to_owned(),
                };
                value = Some(elements[index]);
            }
            _ if !astray => break,
            _ => {
                path += u.choose(&["[\"\"]", "[\"a\"]", "[*]", "[0]", "[1:]", "[-1]", "[2:1]", "[::0]"])?;
                value = None;
            }
        }
    }
    Ok(Led { path, value })
}

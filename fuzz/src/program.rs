//! Paths and shapes made of arbitrary bytes, with names that the document has.

use arbitrary::{Result, Unstructured};

/// The strings of a document, as they are written: most paths are to lead somewhere.
pub fn names(document: &[u8]) -> Vec<&str> {
    let strings = document.split(|&byte| byte == b'"').skip(1).step_by(2);
    let mut names: Vec<&str> = strings
        .filter(|name| name.len() < 40)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .take(64)
        .collect();
    names.extend(["a", "", "é"]);
    names
}

/// The text of a path behind `start`: `$`, or nothing for a path from the row at hand.
pub fn path(u: &mut Unstructured<'_>, names: &[&str], start: &str) -> Result<String> {
    let mut path = String::from(start);
    for _ in 0..u.int_in_range(0..=4)? {
        match u.int_in_range(0..=9)? {
            0..=4 => {
                // Names with escapes are taken as they are: paths know the same ones.
                path += &format!("[\"{}\"]", u.choose(names)?);
            }
            5 => path += &format!("[{}]", u.int_in_range(0..=3)?),
            6 | 7 => path += "[*]",
            8 => path += &format!("[-{}]", u.int_in_range(1..=3)?),
            _ => {
                path += u.choose(&[
                    "[1:]", "[::-1]", "[:-1]", "[0:2]", "[::2]", "[-2:]", "[2:1]", "[::0]", "[3:0:-2]",
                ])?;
            }
        }
    }
    Ok(path)
}

//! The fast extractor against the plain one: random programs over random, repeated and mutated documents.

use primarena_core::json::captures::{Capture, Captures};
use primarena_core::json::path::Path;
use primarena_core::json::trie::Trie;
use primarena_core::json::{Extractor, Level, Limits, Mode, Scratch, reference, validate_scalar};

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n as u64) as usize
    }
    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// As JSON text, so that some are escaped in one way and some in another; the path names them all.
const NAMES: [&str; 14] = [
    "a",
    "b",
    "id",
    "a",
    "\\u0061",
    "full_name",
    "full_nam",
    "full_name_",
    "1234567",
    "12345678",
    "q\\\"q",
    "b\\u005c",
    "é",
    "",
];
const PATH_NAMES: [&str; 12] =
    ["a", "b", "id", "full_name", "full_nam", "1234567", "12345678", "q\"q", "b\\", "é", "", "none"];

fn path(rng: &mut Rng, forward: bool) -> Path {
    let mut text = String::from("$");
    for _ in 0..rng.below(5) {
        match rng.below(if forward { 8 } else { 11 }) {
            0..=4 => {
                let name = rng.one(&PATH_NAMES).replace('\\', "\\\\").replace('"', "\\\"");
                text += &format!("[\"{name}\"]");
            }
            5 | 6 => text += &format!("[{}]", rng.below(4)),
            7 => text += "[*]",
            8 => text += &format!("[-{}]", 1 + rng.below(3)),
            _ => {
                text += rng
                    .one(&["[1:]", "[::-1]", "[:-1]", "[0:2]", "[::2]", "[1:3]", "[2:1]", "[0:9:3]", "[::0]"])
            }
        }
    }
    Path::parse(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn white(rng: &mut Rng, out: &mut Vec<u8>, often: usize) {
    while rng.below(10) < often {
        out.push(*rng.one(&[b" ", b"\n", b"\t", b"\r"]).first().unwrap());
    }
}

/// `unique`: no name twice in an object.
fn value(rng: &mut Rng, out: &mut Vec<u8>, depth: usize, blank: usize, unique: bool) {
    match if depth == 0 { rng.below(4) } else { rng.below(10) } {
        0 => out.extend_from_slice(rng.one(&["1", "-0.5e+10", "12345678901234567890", "0"]).as_bytes()),
        1 => out.extend_from_slice(rng.one(&["true", "false", "null"]).as_bytes()),
        2 | 3 => {
            out.push(b'"');
            for _ in 0..rng.below(12) {
                out.extend_from_slice(
                    rng.one(&["x", "\\\"", "{\\\\", "],[", "\\u00e9", "日本", ":,", "sixteen letters!"])
                        .as_bytes(),
                );
            }
            out.push(b'"');
        }
        4..=6 => {
            out.push(b'[');
            let count = rng.below(5);
            for i in 0..count {
                white(rng, out, blank);
                value(rng, out, depth - 1, blank, unique);
                white(rng, out, blank);
                if i + 1 < count {
                    out.push(b',');
                }
            }
            white(rng, out, blank);
            out.push(b']');
        }
        _ => {
            out.push(b'{');
            let mut names: Vec<&str> = NAMES.to_vec();
            let count = rng.below(8);
            for i in 0..count {
                let name = if unique { names.swap_remove(rng.below(names.len())) } else { rng.one(&NAMES) };
                if unique {
                    names.retain(|other| decoded(other) != decoded(name));
                }
                white(rng, out, blank);
                out.extend_from_slice(format!("\"{name}\"").as_bytes());
                white(rng, out, blank);
                out.push(b':');
                white(rng, out, blank);
                value(rng, out, depth - 1, blank, unique);
                white(rng, out, blank);
                if i + 1 < count {
                    out.push(b',');
                }
            }
            white(rng, out, blank);
            out.push(b'}');
        }
    }
}

fn decoded(name: &str) -> String {
    serde_json::from_str(&format!("\"{name}\"")).unwrap()
}

fn document(rng: &mut Rng, unique: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let blank = [0, 0, 3, 8][rng.below(4)];
    white(rng, &mut out, blank);
    let depth = 1 + rng.below(6);
    value(rng, &mut out, depth, blank, unique);
    white(rng, &mut out, blank);
    out
}

fn trie(rng: &mut Rng, forward: bool) -> Option<Trie> {
    let paths: Vec<Path> = (0..1 + rng.below(6)).map(|_| path(rng, forward)).collect();
    Trie::new(paths.iter().zip(0..)).ok()
}

fn live(captures: &Captures) -> Vec<Capture> {
    captures.iter().copied().collect()
}

fn rounds(default: usize) -> usize {
    std::env::var("PRIMARENA_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn validated_equals_the_reference() {
    let levels: Vec<Level> = Level::available().collect();
    let (mut found, mut valid) = (0, 0);
    let mut rng = Rng(0x1234_5678);
    let (mut captures, mut plain, mut scratch) = (Captures::new(), Captures::new(), Scratch::default());
    for round in 0..rounds(30_000) {
        let Some(trie) = trie(&mut rng, round % 4 != 0) else { continue };
        let mut bytes = document(&mut rng, false);
        if round % 3 == 0 && !bytes.is_empty() {
            // Put the document somewhere in a larger one.
            let pad = format!("[\"{}\",", "p".repeat(rng.below(600)));
            bytes = [pad.as_bytes(), &bytes, b"]"].concat();
        }
        if round % 5 == 0 {
            let at = rng.below(bytes.len());
            bytes[at] = rng.one(&[b"{", b"}", b"[", b"]", b",", b":", b"\"", b"\\", b"1", b" "])[0];
        }
        let bytes = bytes.into_boxed_slice();
        let expected = validate_scalar(&bytes, &Limits::default());
        plain.clear();
        if expected.is_ok() {
            reference::extract(&trie, &bytes, &mut plain).unwrap();
            valid += 1;
            found += live(&plain).len();
        }
        let extractor = Extractor::new(trie);
        for level in &levels {
            captures.clear();
            let result = extractor.extract_at(
                *level,
                &bytes,
                &mut captures,
                &mut scratch,
                &Limits::default(),
                Mode::Validate,
            );
            assert_eq!(result, expected, "{level:?} {}", String::from_utf8_lossy(&bytes));
            if result.is_ok() {
                assert_eq!(
                    live(&captures),
                    live(&plain),
                    "{level:?} {} {:?}",
                    String::from_utf8_lossy(&bytes),
                    extractor.trie()
                );
            }
        }
    }
    assert!(found > rounds(30_000) / 2 && valid > rounds(30_000) / 2, "{found} found in {valid}");
}

#[test]
fn trusted_equals_the_reference_where_names_are_unique() {
    let levels: Vec<Level> = Level::available().collect();
    let mut rng = Rng(99);
    let (mut captures, mut plain, mut scratch) = (Captures::new(), Captures::new(), Scratch::default());
    let mut found = 0;
    for round in 0..rounds(20_000) {
        let Some(trie) = trie(&mut rng, round % 4 != 0) else { continue };
        let bytes = document(&mut rng, true).into_boxed_slice();
        plain.clear();
        reference::extract(&trie, &bytes, &mut plain).unwrap();
        found += live(&plain).len();
        let extractor = Extractor::new(trie);
        for level in &levels {
            captures.clear();
            extractor
                .extract_at(*level, &bytes, &mut captures, &mut scratch, &Limits::default(), Mode::Trust)
                .unwrap_or_else(|e| panic!("{level:?} {e} {}", String::from_utf8_lossy(&bytes)));
            assert_eq!(live(&captures), live(&plain), "{level:?} {}", String::from_utf8_lossy(&bytes));
        }
    }
    assert!(found > rounds(20_000) / 2);
}

#[test]
fn trusted_is_safe_on_anything() {
    let levels: Vec<Level> = Level::available().collect();
    let mut rng = Rng(4);
    let (mut captures, mut scratch) = (Captures::new(), Scratch::default());
    let mut refused = 0;
    for round in 0..rounds(30_000) {
        let Some(trie) = trie(&mut rng, round % 4 != 0) else { continue };
        let mut bytes = document(&mut rng, false);
        for _ in 0..1 + rng.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(bytes.len());
            match rng.below(4) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, rng.one(&[b"{", b"}", b"[", b"]", b",", b":", b"\"", b"\\"])[0]),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        let bytes = bytes.into_boxed_slice();
        let extractor = Extractor::new(trie);
        for level in &levels {
            captures.clear();
            let result = extractor.extract_at(
                *level,
                &bytes,
                &mut captures,
                &mut scratch,
                &Limits::default(),
                Mode::Trust,
            );
            refused += usize::from(result.is_err());
            if result.is_ok() {
                for c in captures.iter() {
                    assert!(
                        c.start < c.end && c.end as usize <= bytes.len(),
                        "{level:?} {c:?} {} {:?}",
                        String::from_utf8_lossy(&bytes),
                        extractor.trie()
                    );
                }
            }
        }
    }
    assert!(refused > 1000);
}

fn read(paths: &[&str], document: &str, mode: Mode) -> Vec<(u32, String)> {
    let paths: Vec<Path> = paths.iter().map(|p| Path::parse(p).unwrap()).collect();
    let extractor = Extractor::new(Trie::new(paths.iter().zip(0..)).unwrap());
    let mut captures = Captures::new();
    extractor
        .extract(document.as_bytes(), &mut captures, &mut Scratch::default(), &Limits::default(), mode)
        .unwrap();
    captures.iter().map(|c| (c.slot, document[c.start as usize..c.end as usize].to_owned())).collect()
}

#[test]
fn duplicates() {
    let document = r#"{"a":{"b":1},"c":[1,2],"a":5,"c":[3]}"#;
    let paths = ["$.a.b", "$.a", "$.c[0]"];
    assert_eq!(read(&paths, document, Mode::Validate), [(1, "5".into()), (2, "3".into())]);
    assert_eq!(
        read(&paths, document, Mode::Trust),
        [(1, r#"{"b":1}"#.into()), (0, "1".into()), (2, "1".into())]
    );
    assert_eq!(read(&["$.a"], r#"{"a":1,"\u0061":2}"#, Mode::Validate), [(0, "2".into())]);
    assert_eq!(read(&["$.a"], r#"{"\u0061":1,"a":2}"#, Mode::Trust), [(0, "1".into())]);
}

#[test]
fn trust_stops_early() {
    let text = r#"{"a":{"b":1},"x":[this is not json"#;
    assert_eq!(read(&["$.a.b"], text, Mode::Trust), [(0, "1".into())]);
    assert_eq!(read(&["$.a"], text, Mode::Trust), [(0, r#"{"b":1}"#.into())]);
}

#[test]
fn deep_documents() {
    let depth = 200_000;
    let text = format!("{}1{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
    let found = read(&["$.a[0].a[0].a", "$.b"], &text, Mode::Validate);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.len(), text.len() - 2 * 8 - 6);
    assert_eq!(read(&["$.a[0].a[0].a", "$.b"], &text, Mode::Trust), found);
}

#[test]
fn trust_refuses_what_it_touches() {
    let texts = [
        r#"{"a":"x""b":1,"c":2}"#,
        r#"{"a":1 2,"b":3}"#,
        r#"{"a":"x,"b":1}"#,
        r#"{"a":,"b":1}"#,
        r#"{"a":[1}"#,
        r#"{"a":1]"#,
        r#"{"a":1"#,
        r#"{"a":"#,
    ];
    let paths: Vec<Path> = ["$.a", "$.b"].iter().map(|p| Path::parse(p).unwrap()).collect();
    let extractor = Extractor::new(Trie::new(paths.iter().zip(0..)).unwrap());
    for text in texts {
        for level in Level::available() {
            let (mut captures, mut scratch) = (Captures::new(), Scratch::default());
            let limits = Limits::default();
            let result = extractor.extract_at(
                level,
                text.as_bytes(),
                &mut captures,
                &mut scratch,
                &limits,
                Mode::Trust,
            );
            // The plain walker takes one thing after the other, and looks no further than a number's end.
            assert!(result.is_err() || level == Level::Scalar, "{level:?} {text} {captures:?}");
        }
    }
}

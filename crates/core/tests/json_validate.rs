//! Every level of the validator against the scalar one, and that against serde_json.

use primarena_core::json::{Level, Limits, validate_at, validate_scalar};
use serde::de::IgnoredAny;

/// serde_json ignores what it skips without recursion and without judging surrogates; UTF-8 it leaves to us.
fn oracle(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn scalar(bytes: &[u8]) -> bool {
    validate_scalar(bytes, &Limits::default()).is_ok()
}

fn levels() -> Vec<Level> {
    Level::available().filter(|level| *level != Level::Scalar).collect()
}

/// Puts documents at any offset from a 64-byte block, in a heap block that ends where they end, so that
/// AddressSanitizer sees a read of one byte more.
struct Exact;

impl Exact {
    fn check(levels: &[Level], bytes: &[u8]) -> bool {
        let copy: Box<[u8]> = bytes.into();
        let expected = scalar(&copy);
        for level in levels {
            let found = validate_at(*level, &copy, &Limits::default());
            assert_eq!(found.is_ok(), expected, "{level:?}: {:?}", String::from_utf8_lossy(&copy));
        }
        expected
    }
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Short, and with every token, pair of tokens and kind of escape in them.
const RICH: [&str; 5] = [
    r#"{"a":[1,-0,0.5,10e3,1E+2,-7.25e-10],"b\"\\\/\b\f\n\r\t\u00e9\ud800":{"c":true,"d":false,"e":null},"":[],"f":{},"é𝄞":"x"}"#,
    "[ { \"k\" : [ 1 , 2.5 , \"\" ] ,\r\n\t\"l\" : { } , \"m\" : [ ] } , null , true , false , -1e-1 ]  ",
    r#"[[[]],[{}],{"a":{"b":[{"c":0},{"c":-1.0E5}]}},"ab\\","\\\"",123456789012345678901234567890,"日本語"]"#,
    r#"{"id":18446744073709551615,"node":"MDQ6","site_admin":false,"url":"https:\/\/x.y\/z","score":0.1,"tags":["a","b"],"n":null}"#,
    "\n{\n  \"long name that crosses a block of sixty-four bytes, surely it does\" : \"and a value \\u0041\\uDBFF\\uDFFF that does so too, of course\",\n  \"t\": true\n}\n",
];

/// A document with `before` bytes in front of it, inside the same array.
fn placed(before: usize, document: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(before + document.len() + 2);
    out.push(b'[');
    match before {
        0 => {}
        1..=3 => out.resize(1 + before, b' '),
        _ => {
            out.push(b'"');
            out.resize(before - 1, b'x');
            out.extend_from_slice(b"\",");
        }
    }
    out.extend_from_slice(document);
    out.push(b']');
    out
}

#[test]
fn levels_agree_at_every_alignment() {
    let levels = levels();
    assert!(!levels.is_empty());
    for document in RICH {
        assert!(oracle(document.as_bytes()));
        for before in 0..=640 {
            let text = placed(before, document.as_bytes());
            assert!(Exact::check(&levels, &text));
            // And cut at every place near the end.
            for cut in 1..6 {
                assert!(!Exact::check(&levels, &text[..text.len() - cut]));
            }
        }
    }
}

/// Found by this test, not by 200,000 mutations: 0x01 outside strings taken for white space.
#[test]
fn every_byte_at_every_place() {
    let levels = levels();
    let (mut valid, mut invalid) = (0u32, 0u32);
    for document in RICH {
        for before in [0, 20, 460] {
            let base = placed(before, document.as_bytes());
            for at in base.len() - document.len() - 2..base.len() {
                let mut changed = base.clone();
                for byte in 0..=255u8 {
                    changed[at] = byte;
                    judge(&levels, &changed, &mut valid, &mut invalid);
                }
                changed[at] = base[at];
                changed.insert(at, 0);
                for byte in 0..=255u8 {
                    changed[at] = byte;
                    judge(&levels, &changed, &mut valid, &mut invalid);
                }
            }
        }
    }
    assert!(valid > 50_000 && invalid > 500_000, "{valid} valid, {invalid} not");
}

fn judge(levels: &[Level], bytes: &[u8], valid: &mut u32, invalid: &mut u32) {
    let expected = oracle(bytes);
    assert_eq!(scalar(bytes), expected, "scalar: {:?}", String::from_utf8_lossy(bytes));
    assert_eq!(Exact::check(levels, bytes), expected);
    *(if expected { valid } else { invalid }) += 1;
}

#[test]
fn mutations() {
    let rounds = std::env::var("PRIMARENA_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000u32);
    let seed = std::env::var("PRIMARENA_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(31337);
    let levels = levels();
    let mut rng = Rng(seed);
    let parts: Vec<&[u8]> = vec![
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\"",
        b"\\",
        b"\\u12",
        b"0",
        b"-",
        b".",
        b"e",
        b"E+",
        b"true",
        b"false",
        b"null",
        b" ",
        b"\n",
        b"\x01",
        b"\x1f",
        b"\xff",
        b"\xc3\xa9",
        b"\xed\xa0\x80",
        b"\xe2\x82",
        b"\"a\":",
        b"[]",
        b"{}",
        b"\"\"",
        b"1,",
        b"\xf0\x9d\x84\x9e",
        b"\\\\\"",
        b"00",
        b"1e5",
        b"nul",
    ];
    let (mut valid, mut invalid) = (0, 0);
    for _ in 0..rounds {
        let document = RICH[rng.below(RICH.len())].as_bytes();
        let before = rng.below(200) * rng.below(4);
        let mut bytes = placed(before, document);
        for _ in 0..rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(5) {
                0 => bytes[at] = rng.next() as u8,
                1 => {
                    bytes.remove(at);
                }
                2 => {
                    let part = parts[rng.below(parts.len())];
                    bytes.splice(at..at, part.iter().copied());
                }
                3 => {
                    let end = (at + rng.below(20)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = rng.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => bytes.truncate(at.max(1)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        judge(&levels, &bytes, &mut valid, &mut invalid);
    }
    assert!(valid > rounds / 8 && invalid > rounds / 4, "{valid} valid, {invalid} not");
}

#[test]
fn edges() {
    let levels = levels();
    let cases: [(&[u8], bool); 34] = [
        (b"", false),
        (b" ", false),
        (b"\xEF\xBB\xBF{}", false),
        (b"{}", true),
        (b"[]", true),
        (b" [ ] ", true),
        (b"[]]", false),
        (b"[][]", false),
        (b"[],", false),
        (b"{}{", false),
        (b"{}\0", false),
        (b"[1e400]", true),
        (b"[\"\\ud800\"]", true),
        (b"[\"\\u00zz\"]", false),
        (b"[\"\x7f\"]", true),
        (b"[\xff]", false),
        (b"[\"\xff\"]", false),
        (b"\"a\"", true),
        (b"1", true),
        (b"-", false),
        (b"tru", false),
        (b"true", true),
        (b"]", false),
        (b"}{", false),
        (b"[}", false),
        (b"{]", false),
        (b"[1 2]", false),
        (b"[1]2", false),
        (b"{\"a\"}", false),
        (b"{\"a\":}", false),
        (b"{:1}", false),
        (b"[\"a\":1]", false),
        (b"{\"a\":1,\"b\"}", false),
        (b"[truefalse]", false),
    ];
    for (bytes, valid) in cases {
        assert_eq!(oracle(bytes), valid, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(Exact::check(&levels, bytes), valid);
        // The same with enough white space that it ends in a later block.
        for pad in [60, 64, 500, 512, 520] {
            let text = [&vec![b' '; pad], bytes].concat();
            assert_eq!(Exact::check(&levels, &text), valid);
            let text = [bytes, &vec![b' '; pad]].concat();
            assert_eq!(Exact::check(&levels, &text), valid);
        }
    }
}

#[test]
fn depth_of_any_size() {
    let levels = levels();
    for depth in [1usize, 2, 30, 61, 62, 63, 64, 65, 125, 126, 127, 128, 129, 500, 600, 1_000_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]"), (" [ ", " ] ")] {
            let (opens, closes) = (open.repeat(depth), close.repeat(depth));
            let inner = if open == "{\"a\":" { "1" } else { "" };
            let text = [opens.as_bytes(), inner.as_bytes(), closes.as_bytes()].concat();
            assert!(Exact::check(&levels, &text), "{depth} {open}");
            // One bracket of another kind, early, in the middle and late.
            for at in [opens.len() + 1 + inner.len(), text.len() - 2, text.len() - depth.min(40)] {
                if let Some(byte) = text.get(at).filter(|b| matches!(b, b']' | b'}')) {
                    let mut wrong = text.clone();
                    wrong[at] = byte ^ 0x20;
                    assert!(!Exact::check(&levels, &wrong));
                }
            }
            assert!(!Exact::check(&levels, &text[..text.len() - 1 - usize::from(open == " [ ")]));
            let levels_open = depth * open.matches(['[', '{']).count();
            for max in [levels_open - 1, levels_open] {
                let limits = Limits { max_depth: Some(max as u32), max_bytes: None };
                let expected = validate_scalar(&text, &limits);
                assert_eq!(expected.is_ok(), max == levels_open);
                for level in &levels {
                    assert_eq!(validate_at(*level, &text, &limits), expected);
                }
            }
        }
    }
    // Up and down around the border of a word of the bit stack.
    let border = ["[".repeat(62), "[[[],[]],[[{}]]],".repeat(50), "0".into(), "]".repeat(62)].concat();
    assert!(Exact::check(&levels, border.as_bytes()));
}

#[test]
fn errors_are_those_of_the_scalar_path() {
    let limits = Limits { max_depth: Some(3), max_bytes: Some(30) };
    for text in ["[[[[]]]]", "{\"a\":[1,2,}", "[\"a\nb\"]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"] {
        let expected = validate_scalar(text.as_bytes(), &limits).unwrap_err();
        for level in levels() {
            assert_eq!(validate_at(level, text.as_bytes(), &limits), Err(expected));
        }
    }
}

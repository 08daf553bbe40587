//! Escaping against serde_json, numbers against the general algorithm, programs of arbitrary bytes.

use arbitrary::{Arbitrary, Unstructured};
use primarena_core::digits::{self, write_number};
use primarena_core::template::escape::{BLOCK, escape_in_place, write_escaped, write_raw, write_string};
use primarena_core::template::time::{MAX_TIMESTAMP_BYTES, write_timestamp};
use primarena_core::template::{Program, Values, render_growing};

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    number: f64,
    /// Written in decimal with so many places: the numbers that templates are full of.
    decimal: (i64, u8),
    units: Vec<u16>,
    padding: u8,
    /// Which of the units stand for ASCII: texts of random units have hardly any.
    ascii: u64,
    encoded: &'a [u8],
    numbers: Vec<f64>,
}

/// Takes `data` for a case.
pub fn run(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    number(case.number);
    number(case.decimal.0 as f64 / 10_f64.powi(i32::from(case.decimal.1 % 20)));
    timestamp(case.number);
    let ascii = |index: usize| case.ascii >> (index % 64) & 1 == 0;
    let thin = |(index, &unit): (usize, &u16)| if ascii(index) { unit & 0x7f } else { unit };
    let units: Vec<u16> = case.units.iter().enumerate().map(thin).collect();
    string(&units, usize::from(case.padding) % (BLOCK * 2));
    if let Ok(text) = String::from_utf16(&units) {
        in_place(&text);
    }
    // Each byte of the numbers' flags and lengths would almost never be one that fits.
    let numbers: Vec<f64> =
        case.numbers.iter().map(|n| if n.abs() < 1e9 { n.abs().trunc() % 8.0 } else { *n }).collect();
    program(case.encoded, &units, &numbers);
}

fn number(value: f64) {
    let mut out = [0xAA; digits::ROOM];
    let length = write_number(value, &mut out);
    let text = std::str::from_utf8(&out[..length]).expect("digits");
    if !value.is_finite() {
        assert_eq!(text, "null");
        return;
    }
    // String(-0) is "0".
    assert_eq!(text, ryu_js::Buffer::new().format_finite(if value == 0.0 { 0.0 } else { value }));
    assert_eq!(serde_json::from_str::<f64>(text).expect("a JSON number"), value);
}

fn timestamp(time_ms: f64) {
    let mut out = [0xAA; MAX_TIMESTAMP_BYTES];
    let length = write_timestamp(time_ms, &mut out);
    let text: Option<String> = serde_json::from_slice(&out[..length]).expect("JSON");
    assert_eq!(text.is_some(), time_ms.abs() <= 8.64e15);
    assert!(text.is_none_or(|text| matches!(text.len(), 24 | 27) && text.ends_with('Z')));
}

/// What `JSON.stringify` gives: what serde_json does, and the escapes of halves of pairs.
fn expected(units: &[u16]) -> String {
    let mut text = String::from("\"");
    for item in char::decode_utf16(units.iter().copied()) {
        match item {
            Ok(c) => {
                let quoted = serde_json::to_string(&c).expect("a string");
                text += &quoted[1..quoted.len() - 1];
            }
            Err(half) => text += &format!("\\u{:04x}", half.unpaired_surrogate()),
        }
    }
    text + "\""
}

fn string(units: &[u16], padding: usize) {
    let expected = expected(units);
    let padded: Vec<u16> =
        units.iter().copied().chain(std::iter::repeat_n(u16::from(b'"'), padding)).collect();
    for spare in [0, 1, 100] {
        let mut out = vec![0xAA; expected.len() + spare];
        assert_eq!(write_string(&padded, units.len(), &mut out), Some(expected.len()));
        assert_eq!(&out[..expected.len()], expected.as_bytes());
        let inner = expected.len() - 2;
        assert_eq!(write_escaped(&padded, units.len(), &mut out), Some(inner));
        assert_eq!(&out[..inner], &expected.as_bytes()[1..=inner]);
    }
    let mut small = vec![0; expected.len() - 1];
    assert_eq!(write_string(&padded, units.len(), &mut small), None);
    let raw = String::from_utf16_lossy(units);
    let mut out = vec![0; raw.len()];
    assert_eq!(write_raw(units, &mut out), Some(raw.len()));
    assert_eq!(out, raw.as_bytes());
}

fn in_place(text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    let expected = expected(&units);
    let expected = &expected[1..expected.len() - 1];
    let mut bytes = format!("<{text}|{text}>").into_bytes();
    let end = bytes.len();
    let (first, second) = (1, 2 + text.len() as u32);
    let ranges = [first, first + text.len() as u32, second, second + text.len() as u32];
    bytes.resize(3 + expected.len() * 2, 0);
    assert_eq!(escape_in_place(&mut bytes, &ranges, end), Ok(bytes.len()));
    assert_eq!(bytes, format!("<{expected}|{expected}>").as_bytes());
}

fn program(encoded: &[u8], units: &[u16], numbers: &[f64]) {
    const LIMIT: usize = 1 << 16;
    let mut literals = Vec::new();
    let Ok(program) = Program::decode(encoded, &mut literals) else { return };
    let values = Values { strings: units, numbers };
    let mut scratch = Vec::new();
    let once = render_growing(&program, &literals, values, &mut scratch, LIMIT);
    let text = once.as_ref().map(|&length| scratch[..length].to_vec());
    // The same into a buffer that has the room from the start, with more behind the literals.
    literals.extend([b'"'; 32]);
    let mut room = vec![0; LIMIT];
    let again = render_growing(&program, &literals, values, &mut room, LIMIT);
    assert_eq!(again, once);
    assert!(text.is_ok_and(|text| room.starts_with(&text)) || once.is_err());
}

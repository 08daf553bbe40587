//! Fields against the plain extractor and the decoder of values.

use arbitrary::Unstructured;
use primarena_core::error::Code;
use primarena_core::json::captures::{Capture, Captures};
use primarena_core::json::fields::{ENTRY_WIDTH, FieldSpec, Fields, Scratch, tag};
use primarena_core::json::pack::{Packed, Units};
use primarena_core::json::path::Path;
use primarena_core::json::program::Presence;
use primarena_core::json::trie::Trie;
use primarena_core::json::value::{Decoded, Kind, decode};
use primarena_core::json::{Limits, reference, validate_scalar};

use crate::columns::KINDS;
use crate::naive::has_twins;
use crate::{program, split};

/// Reads arbitrary fields of an arbitrary document.
pub fn run(data: &[u8]) {
    let (document, rest) = split(data);
    let text = program::text(document);
    let mut u = Unstructured::new(rest);
    let spec = |u: &mut Unstructured<'_>| -> arbitrary::Result<FieldSpec> {
        let path = program::path(u, "$", text)?.path;
        let kind = if u.ratio(1, 2)? { Kind::Any } else { *u.choose(&KINDS)? };
        let presence = if u.ratio(1, 8)? { Presence::Required } else { Presence::Optional };
        Ok(FieldSpec { path, kind, presence })
    };
    let specs: Vec<FieldSpec> =
        (0..u.int_in_range(1..=6).unwrap_or(1)).map_while(|_| spec(&mut u).ok()).collect();
    let Ok(fields) = Fields::new(specs.clone(), Limits::default()) else { return };
    // In a heap block that ends where the document ends: AddressSanitizer sees a read of one byte more.
    let exact: Box<[u8]> = document.into();
    let trusted = read(&fields, &exact, true);
    let validated = read(&fields, &exact, false);
    if validate_scalar(&exact, &Limits::default()).is_err() {
        return assert!(validated.is_err(), "read from what is no JSON");
    }
    let expected = expected(&specs, &exact);
    assert_eq!(validated, expected, "{specs:?}");
    if text.is_some_and(|text| !has_twins(text)) {
        assert_eq!(trusted, expected, "trusted: {specs:?}");
    }
}

/// The entries, and the packed text as code units.
type Answer = Result<(Vec<f64>, Vec<u16>), Code>;

fn units(text: &Packed) -> Vec<u16> {
    match text.units() {
        Units::Narrow(bytes) => bytes.iter().map(|&byte| byte.into()).collect(),
        Units::Wide(units) => units.to_vec(),
    }
}

fn read(fields: &Fields, input: &[u8], trust: bool) -> Answer {
    let mut scratch = Scratch::default();
    let failed = |error: primarena_core::json::program::ReadError| error.code;
    let used = fields.read(input, trust, &mut scratch, &mut []).map_err(failed)?;
    let mut out = vec![f64::NAN; used];
    assert_eq!(fields.read(input, trust, &mut scratch, &mut out), Ok(used));
    Ok((out, units(&scratch.text)))
}

fn expected(specs: &[FieldSpec], input: &[u8]) -> Answer {
    let paths: Vec<Path> = specs.iter().map(|spec| Path::parse(&spec.path).expect("it was taken")).collect();
    let trie = Trie::new(paths.iter().zip(0..)).expect("it was taken");
    let mut captures = Captures::new();
    reference::extract(&trie, input, &mut captures).expect("it is JSON");
    let mut entries = vec![[0.0; ENTRY_WIDTH]; specs.len()];
    let mut text = Packed::default();
    for (slot, spec) in specs.iter().enumerate() {
        let found: Vec<&Capture> = captures.iter().filter(|capture| capture.slot as usize == slot).collect();
        if spec.presence == Presence::Required && found.is_empty() {
            return Err(Code::JsonMissing);
        }
        if paths[slot].is_many() {
            entries[slot] = [tag::ARRAY.into(), found.len() as f64, entries.len() as f64];
            for capture in found {
                entries.push(entry(spec, capture, input, &mut text)?);
            }
        } else if let Some(capture) = found.first() {
            entries[slot] = entry(spec, capture, input, &mut text)?;
        } else {
            entries[slot] = [tag::MISSING.into(), 0.0, 0.0];
        }
    }
    Ok((entries.concat(), units(&text)))
}

fn entry(
    spec: &FieldSpec,
    capture: &Capture,
    input: &[u8],
    text: &mut Packed,
) -> Result<[f64; ENTRY_WIDTH], Code> {
    let (start, end) = (f64::from(capture.start), f64::from(capture.end));
    let (tag, first, second) = match decode(spec.kind, capture.of(input)).map_err(|_| Code::JsonType)? {
        Decoded::Null if spec.presence == Presence::Required && !spec.kind.is_any() => {
            return Err(Code::JsonType);
        }
        Decoded::Null => (tag::NULL, 0.0, 0.0),
        Decoded::Boolean(value) => (if value { tag::TRUE } else { tag::FALSE }, 0.0, 0.0),
        Decoded::Number(number) => (tag::NUMBER, number, 0.0),
        Decoded::Big(bits) => {
            let upper = (bits >> 32) as u32;
            let upper = if spec.kind == Kind::I64 { f64::from(upper as i32) } else { f64::from(upper) };
            (tag::BIG, upper, f64::from(bits as u32))
        }
        Decoded::Raw => (tag::RAW, start, end),
        Decoded::Text(inner) if inner.len() < 2048 => (tag::TEXT, text.push(inner) as f64, 0.0),
        Decoded::Text(inner) if inner.contains(&b'\\') => (tag::RAW, start, end),
        Decoded::Text(inner) if inner.is_ascii() => (tag::ASCII, start + 1.0, end - 1.0),
        Decoded::Text(_) => (tag::UTF8, start + 1.0, end - 1.0),
    };
    Ok([tag.into(), first, second])
}

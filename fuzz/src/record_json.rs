//! Records from arbitrary bytes: refused or read, and what was read comes back the same.

use arbitrary::{Result, Unstructured};
use primarena_core::json::path::{Path, Segment};
use primarena_core::json::{Limits, validate_scalar};
use primarena_core::pool::read::{Progress, Read};
use primarena_core::pool::write::Write;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, PoolError, Schema, Slab, Slabs};

use crate::naive::{Children, children, evaluate};
use crate::program::Led;
use crate::{program, split};

/// Reads the rows of an arbitrary document into records of an arbitrary schema.
pub fn run(data: &[u8]) {
    let (document, rest) = split(data);
    let mut u = Unstructured::new(rest);
    let Ok((layout, path, steps, room)) = case(&mut u, program::text(document)) else { return };
    let Ok(schema) = layout else { return };
    let exact: Box<[u8]> = document.into();
    let mut memory = Vec::new();
    if read(&schema, &mut memory, &path, &exact, steps).is_err() {
        assert_eq!(live(&schema, &mut memory), 0, "what failed left records");
        return;
    }
    assert_eq!(validate_scalar(&exact, &Limits::default()), Ok(()), "read from what is no JSON");
    let written = write(&schema, &mut memory, false, room);
    serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(&written).expect("an array is written");
    if let Some(text) = program::text(&exact) {
        compare(&schema, &path, text, std::str::from_utf8(&written).expect("JSON is UTF-8"));
    }
    // A number beyond the range of its field is infinite, and an infinite one is written as null, as
    // JSON.stringify does: no row can be read from that.
    if !written.windows(4).any(|text| text == b"null") {
        let mut copy = Vec::new();
        read(&schema, &mut copy, "$[*]", &written, 0).expect("what was written can be read");
        assert_eq!(write(&schema, &mut copy, false, 4096), written);
    }
    let lines = write(&schema, &mut memory, true, room);
    let rows = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let array = [b"[", rows.collect::<Vec<_>>().join(&b","[..]).as_slice(), b"]"].concat();
    assert_eq!(array, written);
}

type Case = (std::result::Result<Layout, PoolError>, String, u32, usize);

fn case(u: &mut Unstructured<'_>, text: Option<&str>) -> Result<Case> {
    let (steps, room) = (u.int_in_range(0..=2)?, u.int_in_range(0..=200)?);
    let rows = match text.map(children) {
        Some(Ok(Children::Array(elements))) if u.ratio(7, 8)? => {
            Led { path: "$[*]".to_owned(), value: elements.first().copied() }
        }
        _ => program::path(u, "$", text)?,
    };
    let members = match rows.value.map(children) {
        Some(Ok(Children::Object(members))) if !members.is_empty() => members,
        _ => vec![("id".to_owned(), "1")],
    };
    let mut fields: Vec<Field> = Vec::new();
    for _ in 0..u.int_in_range(1..=5)? {
        let (name, value) = u.choose(&members)?;
        if fields.iter().all(|field| *field.name != **name) {
            fields.push(Field { name: name.as_str().into(), kind: kind(u, value)? });
        }
    }
    Ok((Schema::new(fields).and_then(|schema| Layout::new(schema, Some(2), None)), rows.path, steps, room))
}

/// A kind that mostly can hold `value`.
fn kind(u: &mut Unstructured<'_>, value: &str) -> Result<Kind> {
    const NUMBERS: [Number; 10] = [
        Number::F64,
        Number::U32,
        Number::I64,
        Number::U64,
        Number::F32,
        Number::I32,
        Number::U8,
        Number::I8,
        Number::U16,
        Number::I16,
    ];
    let astray = u.ratio(1, 16)?;
    Ok(match (value.as_bytes()[0], u.int_in_range(0..=3)?) {
        (b't' | b'f', _) if !astray => Kind::Boolean,
        (b'"', 0) if !astray => Kind::Bytes { max: *u.choose(&[9, 300])? },
        (b'"', 1) => Kind::Timestamp,
        (b'"', _) if !astray => Kind::String { max: *u.choose(&[8, 200, 300, 70_000])? },
        (b'[', _) => {
            let length = value.split(',').count() as u32;
            Kind::Vector { element: *u.choose(&NUMBERS)?, length, align: 32 }
        }
        (_, 0) => Kind::Timestamp,
        // Every number fits, so most documents are not refused.
        (_, 1 | 2) => Kind::Number(Number::F64),
        _ => Kind::Number(*u.choose(&NUMBERS)?),
    })
}

/// Each value that was written against the one that was in the document.
fn compare(layout: &Layout, path: &str, text: &str, written: &str) {
    let path = Path::parse(path).expect("it was read by");
    let (mut rows, mut copies) = (Vec::new(), Vec::new());
    if evaluate(text, path.segments(), &mut rows).is_err() {
        return;
    }
    evaluate(written, &[Segment::Wildcard], &mut copies).expect("names come from serde_json");
    assert_eq!(rows.len(), copies.len());
    for (row, copy) in rows.iter().zip(&copies) {
        for field in layout.schema().fields() {
            let member = [Segment::Name(field.name.to_string())];
            let (mut from, mut to) = (Vec::new(), Vec::new());
            if evaluate(row, &member, &mut from).is_err() {
                continue;
            }
            evaluate(copy, &member, &mut to).expect("names come from serde_json");
            assert_eq!((from.len(), to.len()), (1, 1), "{field:?} of {row}");
            assert!(same(field.kind, from[0], to[0]), "{field:?}: {} became {}", from[0], to[0]);
        }
    }
}

/// Whether `to` is what `from` has to become.
fn same(kind: Kind, from: &str, to: &str) -> bool {
    match kind {
        Kind::Boolean => from == to,
        // Base64 has one spelling, but escapes in it have several; half a pair serde_json cannot read.
        Kind::String { .. } | Kind::Bytes { .. } => serde_json::from_str::<String>(from)
            .map_or(true, |text| serde_json::from_str::<String>(to).is_ok_and(|copy| copy == text)),
        Kind::Timestamp => from.starts_with('"') || number(Number::F64, from, to),
        Kind::Number(element) => number(element, from, to),
        Kind::Vector { element, .. } => match (children(from), children(to)) {
            (Ok(Children::Array(from)), Ok(Children::Array(to))) => {
                from.len() == to.len() && from.iter().zip(&to).all(|(from, to)| number(element, from, to))
            }
            _ => false,
        },
    }
}

fn number(kind: Number, from: &str, to: &str) -> bool {
    let double = |text| serde_json::from_str::<f64>(text).ok();
    match (kind, from.parse::<i128>(), to.parse::<i128>()) {
        // What JSON.stringify does to what JSON.parse makes of it.
        (Number::F64, ..) => double(from).is_none_or(|value| double(to) == Some(value)),
        (Number::F32, ..) => double(from).is_none_or(|value| {
            let single = value as f32;
            single.is_infinite() || double(to) == Some(f64::from(single))
        }),
        (_, Ok(from), Ok(to)) => from == to,
        // Written with a fraction of zeros, or an exponent.
        _ => double(from).is_none_or(|value| double(to) == Some(value)),
    }
}

fn slab(layout: &Layout) -> Vec<u8> {
    let mut memory = vec![0; layout.slab_bytes()];
    Slab::format(&mut memory, layout.capacity());
    memory
}

fn read(
    layout: &Layout,
    memory: &mut Vec<Vec<u8>>,
    path: &str,
    json: &[u8],
    steps: u32,
) -> std::result::Result<(), PoolError> {
    let mut read = Read::new(layout, path)?;
    loop {
        let mut pace = if steps == 0 { Pace::unlimited() } else { Pace::steps(steps) };
        let mut slabs = Slabs::new(layout, memory.iter_mut().map(Vec::as_mut_slice).collect())?;
        let outcome = read.step(&mut slabs, json, &mut pace);
        slabs.check().expect("the slot words are in order");
        match outcome? {
            Progress::Done => return Ok(()),
            Progress::Paused => {}
            Progress::Full => memory.push(slab(layout)),
        }
    }
}

fn write(layout: &Layout, memory: &mut [Vec<u8>], lines: bool, room: usize) -> Vec<u8> {
    let slabs = Slabs::new(layout, memory.iter_mut().map(Vec::as_mut_slice).collect()).expect("slabs");
    let mut write = Write::new(layout, lines, None);
    let (mut bytes, mut window) = (Vec::new(), vec![0; room]);
    loop {
        let written = write.step(&slabs, &mut window, &mut Pace::steps(1)).expect("all records are live");
        bytes.extend_from_slice(&window[..written.bytes]);
        if written.done {
            return bytes;
        }
        if written.needed > 0 {
            window.resize(written.needed.max(room), 0);
        }
    }
}

fn live(layout: &Layout, memory: &mut [Vec<u8>]) -> usize {
    Slabs::new(layout, memory.iter_mut().map(Vec::as_mut_slice).collect()).expect("slabs").live()
}

//! Transforms of arbitrary shape against a naive renderer; what they write is JSON.

use arbitrary::{Result, Unstructured};
use primarena_core::json::path::Path;
use primarena_core::json::program::Presence;
use primarena_core::json::sink::Sink;
use primarena_core::json::transform::{Scratch, ShapeSpec, Transform};
use primarena_core::json::value::Kind;
use primarena_core::json::{Limits, validate_scalar};

use crate::naive::{Unknown, evaluate};
use crate::{program, split};

/// Why the naive renderer has no result.
enum Fault {
    /// A value is missing, or of another kind.
    Refused,
    /// serde_json cannot read the document.
    Unknown,
}

impl From<Unknown> for Fault {
    fn from(_: Unknown) -> Fault {
        Fault::Unknown
    }
}

/// Renders an arbitrary shape from an arbitrary document.
pub fn run(data: &[u8]) {
    let (document, rest) = split(data);
    let Ok(spec) = shape(&mut Unstructured::new(rest), "$", program::text(document), 3) else { return };
    let Ok(transform) = Transform::new(spec.clone(), Limits::default()) else { return };
    let exact: Box<[u8]> = document.into();
    let mut scratch = Scratch::default();
    let valid = validate_scalar(&exact, &Limits::default()).is_ok();

    let found = transform.find(&exact, false, &mut scratch).is_ok();
    assert_eq!(found, valid);
    if !found {
        // Trusted it may give anything, or nothing; but it ends, and reads only what is there.
        if transform.find(&exact, true, &mut scratch).is_ok() {
            let mut room = [0; 64];
            let _ = transform.render(&exact, true, &mut scratch, &mut Sink::new(&mut room));
        }
        return;
    }
    let plain = render(&transform, &exact, false, &mut scratch);
    let minified = render(&transform, &exact, true, &mut scratch);
    assert_eq!(plain.is_some(), minified.is_some());
    for output in [&plain, &minified].into_iter().flatten() {
        let written = validate_scalar(output, &Limits::default());
        assert!(written.is_ok(), "{written:?} {:?} {spec:?}", String::from_utf8_lossy(output));
    }
    let text = std::str::from_utf8(&exact).expect("what was found valid is UTF-8");
    match expected(&spec, text.trim_matches([' ', '\t', '\n', '\r'])) {
        Ok(expected) => {
            let expected = expected.unwrap_or_else(|| "null".to_owned());
            let written = plain.as_deref().map(String::from_utf8_lossy);
            assert_eq!(written.as_deref(), Some(&*expected), "{spec:?}");
            let minified = minified.map(|minified| String::from_utf8(minified).expect("it was valid"));
            assert_eq!(minified, Some(without_white(&expected)), "{spec:?}");
        }
        Err(Fault::Refused) => assert_eq!(plain, None, "{spec:?}"),
        Err(Fault::Unknown) => {}
    }
}

/// Into too little room first, which only counts.
fn render(transform: &Transform, input: &[u8], minify: bool, scratch: &mut Scratch) -> Option<Vec<u8>> {
    let mut few = [0; 16];
    let mut sink = Sink::new(&mut few);
    let counted = transform.render(input, minify, scratch, &mut sink).is_ok().then(|| sink.len());
    let mut bytes = vec![0; counted.unwrap_or(0)];
    let mut sink = Sink::new(&mut bytes);
    let written = transform.render(input, minify, scratch, &mut sink).is_ok().then(|| sink.len());
    assert_eq!(written, counted);
    written.map(|_| bytes)
}

/// A shape whose paths begin with `start` and go on from `value`.
fn shape(u: &mut Unstructured<'_>, start: &str, value: Option<&str>, depth: usize) -> Result<ShapeSpec> {
    let kinds = if depth == 0 { 3 } else { 9 };
    Ok(match u.int_in_range(0..=kinds)? {
        0..=2 => ShapeSpec::Value {
            path: program::path(u, start, value)?.path,
            kind: *u.choose(&[Kind::Any, Kind::Any, Kind::Any, Kind::String, Kind::Boolean])?,
            presence: *u.choose(&[Presence::Optional, Presence::Optional, Presence::Required])?,
            default: u.ratio(1, 4)?.then(|| b"[0]".to_vec()),
        },
        3 => ShapeSpec::Literal(b"{\"literal\":1}".to_vec()),
        4 | 5 => {
            let count = u.int_in_range(0..=4)?;
            let member =
                |index| Ok((format!("\"{index}\"").into_bytes(), shape(u, start, value, depth - 1)?));
            ShapeSpec::Object((0..count).map(member).collect::<Result<_>>()?)
        }
        6 => {
            let count = u.int_in_range(0..=4)?;
            ShapeSpec::Array((0..count).map(|_| shape(u, start, value, depth - 1)).collect::<Result<_>>()?)
        }
        _ => {
            let rows = program::path(u, start, value)?;
            let start = *u.choose(&["", "$"])?;
            ShapeSpec::Each { path: rows.path, row: Box::new(shape(u, start, rows.value, depth - 1)?) }
        }
    })
}

/// What the shape is of `text`, the document or a row; nothing where it is left out.
fn expected(spec: &ShapeSpec, text: &str) -> std::result::Result<Option<String>, Fault> {
    Ok(Some(match spec {
        ShapeSpec::Literal(json) => String::from_utf8_lossy(json).into_owned(),
        ShapeSpec::Object(members) => {
            let mut written = Vec::new();
            for (name, member) in members {
                if let Some(value) = expected(member, text)? {
                    written.push(format!("{}:{value}", String::from_utf8_lossy(name)));
                }
            }
            format!("{{{}}}", written.join(","))
        }
        ShapeSpec::Array(elements) => list(elements.iter().map(|element| expected(element, text)))?,
        ShapeSpec::Each { path, row } => {
            list(values(path, text)?.1.into_iter().map(|value| expected(row, value)))?
        }
        ShapeSpec::Value { path, kind, presence, default } => {
            let required = *presence == Presence::Required;
            let (many, found) = values(path, text)?;
            let fits = |value: &&str| match value.as_bytes()[0] {
                b'n' => !required,
                b'"' => *kind != Kind::Boolean,
                b't' | b'f' => *kind != Kind::String,
                _ => *kind == Kind::Any,
            };
            if !found.iter().all(fits) {
                return Err(Fault::Refused);
            }
            match (found.first(), default) {
                (None, Some(default)) => String::from_utf8_lossy(default).into_owned(),
                (None, None) if required => return Err(Fault::Refused),
                (None, None) if !many => return Ok(None),
                _ if many => format!("[{}]", found.join(",")),
                (Some(found), _) => (*found).to_owned(),
                (None, None) => return Ok(None),
            }
        }
    }))
}

fn list(
    elements: impl Iterator<Item = std::result::Result<Option<String>, Fault>>,
) -> std::result::Result<String, Fault> {
    let written: Vec<String> = elements
        .map(|element| Ok(element?.unwrap_or_else(|| "null".to_owned())))
        .collect::<std::result::Result<_, Fault>>()?;
    Ok(format!("[{}]", written.join(",")))
}

/// Whether the path may lead to many, and where it leads.
fn values<'a>(path: &str, text: &'a str) -> std::result::Result<(bool, Vec<&'a str>), Fault> {
    let path = Path::parse_relative(path).expect("the transform has taken it");
    let mut found = Vec::new();
    evaluate(text, path.segments(), &mut found)?;
    Ok((path.is_many(), found))
}

/// The same JSON without the white space outside its strings.
fn without_white(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            let keep = inside || !matches!(c, ' ' | '\t' | '\n' | '\r');
            if inside {
                inside = escaped || c != '"';
                escaped = !escaped && c == '\\';
            } else {
                inside = c == '"';
            }
            keep
        })
        .collect()
}

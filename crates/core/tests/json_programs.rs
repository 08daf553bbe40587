//! Random paths over random documents: fields, transforms and columns against a naive evaluator.
//!
//! The evaluator reads the document into a tree of its own, in which the last member of a name counts and
//! stands where it last came.

use primarena_core::json::captures::Captures;
use primarena_core::json::columns::{self, ColumnSpec, Columns};
use primarena_core::json::path::{Path, Segment};
use primarena_core::json::program::Presence;
use primarena_core::json::reference;
use primarena_core::json::sink::Sink;
use primarena_core::json::transform::{self, ShapeSpec, Transform};
use primarena_core::json::trie::Trie;
use primarena_core::json::value::Kind;
use primarena_core::json::{Extractor, Limits, Mode, Scratch};

/// xorshift64*: seeded, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// A document as the naive evaluator sees it: each value with its text.
enum Tree {
    Scalar,
    Array(Vec<(Tree, String)>),
    Object(Vec<(String, Tree, String)>),
}

/// Names with the ways to write them: several texts of one name, and names that look alike.
const NAMES: [(&str, &[&str]); 7] = [
    ("a", &["a", "\\u0061"]),
    ("b", &["b"]),
    ("", &[""]),
    ("0", &["0", "\\u0030"]),
    ("1", &["1"]),
    ("é\"", &["é\\\"", "\\u00e9\\u0022", "\\u00E9\\\""]),
    (
        "a longer name that is not in one word",
        &["a longer name that is not in one word", "a longer name that is not in one wor\\u0064"],
    ),
];

fn white(random: &mut Random) -> String {
    // Now and then more than a block of the scanner.
    let count = if random.below(20) == 0 { 100 } else { 4 };
    match random.below(8) {
        0 => " ".repeat(random.below(count)),
        1 => "\n ".to_owned(),
        2 => "\t\r\n".to_owned(),
        _ => String::new(),
    }
}

/// A random value: its tree and its text.
fn value(random: &mut Random, depth: usize) -> (Tree, String) {
    let scalars: [&str; 12] = [
        "1",
        "-0.5e3",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a,b]}\"",
        "\"\\\"{\\\\\"",
        "\"\\u20ac é\"",
        "12345678901234567890",
        "\"a text of more than sixty-four bytes, so that blocks of the scanner lie inside of strings entirely\"",
        "[]",
    ];
    let count = random.below(5);
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => {
            let text = match random.below(16) {
                0 => format!("\"{}\"", random.pick(&["x", "é", "\\n", "\\\\"]).repeat(random.below(1500))),
                _ => random.pick(&scalars).to_owned(),
            };
            (if text == "[]" { Tree::Array(Vec::new()) } else { Tree::Scalar }, text)
        }
        2 => {
            let elements: Vec<_> = (0..count).map(|_| value(random, depth - 1)).collect();
            let mut text = format!("[{}", white(random));
            for (index, (_, element)) in elements.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                text += &format!("{comma}{}{element}{}", white(random), white(random));
            }
            (Tree::Array(elements), text + "]")
        }
        _ => {
            let mut members: Vec<(String, Tree, String)> = Vec::new();
            let mut text = format!("{{{}", white(random));
            for index in 0..count {
                let (name, spellings) = NAMES[random.below(NAMES.len())];
                let (tree, member) = value(random, depth - 1);
                let comma = if index == 0 { "" } else { "," };
                text += &format!(
                    "{comma}{}\"{}\"{}:{}{member}{}",
                    white(random),
                    random.pick(spellings),
                    white(random),
                    white(random),
                    white(random)
                );
                members.retain(|(own, ..)| own != name);
                members.push((name.to_owned(), tree, member));
            }
            (Tree::Object(members), text + "}")
        }
    }
}

fn quoted(name: &str) -> String {
    format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A random path; `many` allows wildcards and slices.
fn path(random: &mut Random, many: bool) -> String {
    let mut text = "$".to_owned();
    for _ in 0..random.below(4) {
        text += &match random.below(if many { 8 } else { 5 }) {
            0..=2 => quoted(NAMES[random.below(NAMES.len())].0),
            3 => format!("[{}]", random.below(4)),
            4 => format!("[-{}]", 1 + random.below(3)),
            5 | 6 => random.pick(&["[*]", ".*"]).to_owned(),
            _ => random.pick(&["[1:]", "[:2]", "[::-1]", "[-2:]", "[::2]", "[3:0:-2]", "[::0]"]).to_owned(),
        };
    }
    text
}

/// All texts that the path leads to.
fn evaluate<'a>(tree: &'a Tree, text: &'a str, segments: &[Segment], out: &mut Vec<&'a str>) {
    let Some((segment, rest)) = segments.split_first() else {
        out.push(text);
        return;
    };
    match (tree, segment) {
        (Tree::Object(members), Segment::Name(name) | Segment::Token(name, _)) => {
            for (_, tree, text) in members.iter().filter(|(own, ..)| own == name) {
                evaluate(tree, text, rest, out);
            }
        }
        (Tree::Object(members), Segment::Wildcard) => {
            members.iter().for_each(|(_, tree, text)| evaluate(tree, text, rest, out));
        }
        (Tree::Array(elements), segment) => {
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
            for (tree, text) in indexes.into_iter().filter_map(|index| elements.get(index)) {
                evaluate(tree, text, rest, out);
            }
        }
        _ => {}
    }
}

fn naive<'a>(tree: &'a Tree, text: &'a str, path: &Path) -> Vec<&'a str> {
    let mut out = Vec::new();
    evaluate(tree, text, path.segments(), &mut out);
    out
}

fn document(random: &mut Random) -> (Tree, String) {
    let depth = 1 + random.below(4);
    value(random, depth)
}

#[test]
fn extractors_find_what_the_naive_evaluator_finds() {
    let mut random = Random(0x5EED_0001);
    let (mut captures, mut scratch) = (Captures::new(), Scratch::default());
    let mut found = 0;
    for round in 0..60_000 {
        let (tree, text) = document(&mut random);
        let texts: Vec<_> = (0..1 + random.below(5))
            .map(|_| if random.below(8) == 0 { "/a/0".to_owned() } else { path(&mut random, round % 2 == 0) })
            .collect();
        let paths: Vec<_> = texts.iter().map(|text| Path::parse(text).unwrap()).collect();
        let trie = Trie::new(paths.iter().zip(0..)).unwrap();
        let padded = format!("{}{text}{}", white(&mut random), white(&mut random));
        let input = padded.as_bytes();
        let extractor = Extractor::new(trie.clone());
        for way in 0..2 {
            captures.clear();
            if way == 0 {
                reference::extract(&trie, input, &mut captures).unwrap();
            } else {
                let limits = Limits::default();
                extractor.extract(input, &mut captures, &mut scratch, &limits, Mode::Validate).unwrap();
            }
            for (slot, path) in paths.iter().enumerate() {
                let got: Vec<_> = captures
                    .iter()
                    .filter(|capture| capture.slot as usize == slot)
                    .map(|capture| std::str::from_utf8(capture.of(input)).unwrap())
                    .collect();
                assert_eq!(got, naive(&tree, &text, path), "way {way}: {} of {text}", texts[slot]);
                found += got.len();
            }
        }
    }
    assert!(found > 90_000, "only {found} values were found: the test looks at too little");
}

#[test]
fn transforms_splice_what_the_naive_evaluator_finds() {
    let mut random = Random(0x5EED_0002);
    let mut scratch = transform::Scratch::default();
    let mut bytes = vec![0; 1 << 16];
    for _ in 0..20_000 {
        let (tree, text) = document(&mut random);
        let rows = path(&mut random, true);
        let members: Vec<_> = (0..3).map(|_| path(&mut random, true)).collect();
        let value = |path: &String| ShapeSpec::Value {
            path: path.clone(),
            kind: Kind::Any,
            presence: Presence::Optional,
            default: None,
        };
        let object = |members: &[String]| {
            let name = |index: usize| format!("\"{index}\"").into_bytes();
            ShapeSpec::Object(members.iter().enumerate().map(|(i, path)| (name(i), value(path))).collect())
        };
        let shape = ShapeSpec::Array(vec![
            object(&members),
            ShapeSpec::Each { path: rows.clone(), row: Box::new(object(&members)) },
        ]);
        let expected_object = |tree: &Tree, text: &str| {
            let member = |(index, member): (usize, &String)| {
                let path = Path::parse(member).unwrap();
                let found = naive(tree, text, &path);
                match found.first() {
                    _ if path.is_many() => Some(format!("\"{index}\":[{}]", found.join(","))),
                    Some(found) => Some(format!("\"{index}\":{found}")),
                    None => None,
                }
            };
            let members: Vec<_> = members.iter().enumerate().filter_map(member).collect();
            format!("{{{}}}", members.join(","))
        };
        let row_path = Path::parse(&rows).unwrap();
        let mut row_objects = Vec::new();
        each_row(&tree, &text, row_path.segments(), &mut |tree, text| {
            row_objects.push(expected_object(tree, text))
        });
        let expected = format!("[{},[{}]]", expected_object(&tree, &text), row_objects.join(","));
        let transform = Transform::new(shape, Limits::default()).unwrap();
        transform.find(text.as_bytes(), false, &mut scratch).unwrap();
        let mut sink = Sink::new(&mut bytes);
        transform.render(text.as_bytes(), false, &mut scratch, &mut sink).unwrap();
        let length = sink.len();
        assert_eq!(
            std::str::from_utf8(&bytes[..length]).unwrap(),
            expected,
            "rows {rows}, {members:?} of {text}"
        );
        let mut sink = Sink::new(&mut bytes);
        transform.render(text.as_bytes(), true, &mut scratch, &mut sink).unwrap();
        let length = sink.len();
        let minified: serde_json::Value = serde_json::from_slice(&bytes[..length]).unwrap();
        assert_eq!(minified, serde_json::from_str::<serde_json::Value>(&expected).unwrap());
    }
}

fn each_row(tree: &Tree, text: &str, segments: &[Segment], visit: &mut dyn FnMut(&Tree, &str)) {
    let Some((segment, rest)) = segments.split_first() else { return visit(tree, text) };
    let one = std::slice::from_ref(segment);
    let mut found = Vec::new();
    evaluate(tree, text, one, &mut found);
    // The same nodes again, with their trees: texts are slices of the tree's own strings.
    let mut children: Vec<(&Tree, &str)> = Vec::new();
    match tree {
        Tree::Scalar => {}
        Tree::Array(elements) => children.extend(elements.iter().map(|(tree, text)| (tree, text.as_str()))),
        Tree::Object(members) => children.extend(members.iter().map(|(_, tree, text)| (tree, text.as_str()))),
    }
    for wanted in found {
        let child = children.iter().find(|(_, text)| text.as_ptr() == wanted.as_ptr());
        let (tree, text) = child.expect("a child of the tree");
        each_row(tree, text, rest, visit);
    }
}

#[test]
fn columns_hold_what_the_naive_evaluator_finds() {
    let mut random = Random(0x5EED_0003);
    let mut scratch = columns::Scratch::default();
    for _ in 0..20_000 {
        let (tree, text) = document(&mut random);
        let rows = path(&mut random, true);
        let members: Vec<_> = (0..3).map(|_| path(&mut random, false)).collect();
        let spec = |path: &String| ColumnSpec {
            path: path.clone(),
            kind: Kind::Bytes,
            presence: Presence::Optional,
        };
        let columns = Columns::new(&rows, members.iter().map(spec).collect(), Limits::default()).unwrap();
        let (count, needed) = columns.read(text.as_bytes(), false, &mut scratch).unwrap();
        let mut out = vec![0xEE; needed];
        columns.write(&mut scratch, &mut out).unwrap();
        let mut expected: Vec<Vec<Option<String>>> = vec![Vec::new(); members.len()];
        each_row(&tree, &text, Path::parse(&rows).unwrap().segments(), &mut |tree, text| {
            for (column, member) in members.iter().enumerate() {
                let found = naive(tree, text, &Path::parse(member).unwrap());
                expected[column].push(found.first().map(|&text| text.to_owned()));
            }
        });
        for (column, expected) in expected.iter().enumerate() {
            assert_eq!(count, expected.len());
            let part = &scratch.parts()[column * columns::PART_WIDTH..];
            let offset = |row: usize| {
                let at = part[1] as usize + row * 4;
                i32::from_le_bytes(out[at..at + 4].try_into().unwrap()) as usize + part[2] as usize
            };
            for (row, expected) in expected.iter().enumerate() {
                let valid = out[part[0] as usize + row / 8] >> (row % 8) & 1 == 1;
                let got = valid.then(|| std::str::from_utf8(&out[offset(row)..offset(row + 1)]).unwrap());
                assert_eq!(got, expected.as_deref(), "row {row} of {}: {rows} of {text}", members[column]);
            }
            assert_eq!(part[4] as usize, expected.iter().filter(|value| value.is_none()).count());
        }
    }
}

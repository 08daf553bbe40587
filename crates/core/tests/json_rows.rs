//! Rows whose members come, go, move and repeat: columns against the plain extractor and the decoder of values.

mod rng;

use primarena_core::error::Code;
use primarena_core::json::captures::{Capture, Captures};
use primarena_core::json::columns::{ColumnSpec, Columns, PART_WIDTH, Scratch};
use primarena_core::json::path::Path;
use primarena_core::json::program::Presence;
use primarena_core::json::text::push_utf8;
use primarena_core::json::trie::Trie;
use primarena_core::json::value::{Decoded, Kind, decode};
use primarena_core::json::{Limits, reference, validate_scalar};
use rng::Rng;

/// What the rows are asked for: names that begin and end alike, nested ones, places in arrays, one name twice.
const COLUMNS: [(&str, Kind); 14] = [
    ("id", Kind::U32),
    ("score", Kind::F64),
    ("name", Kind::String),
    ("author.name", Kind::String),
    ("author.a.b", Kind::I32),
    ("author", Kind::Bytes),
    ("at", Kind::Timestamp),
    ("on", Kind::Boolean),
    ("tags[1]", Kind::Any),
    ("tags[0].id", Kind::U64),
    ("id", Kind::I64),
    ("a_name_of_exactly_24_byte", Kind::F32),
    ("a_name_of_exactly_28_bytes_x", Kind::U8),
    ("['é\"']", Kind::Json),
];

/// A document and its expected columns.
struct Case {
    rows: &'static str,
    text: String,
}

struct Writer<'a> {
    random: &'a mut Rng,
    /// How often something unusual happens: once in so many times.
    rarity: u64,
    blanks: bool,
    out: String,
}

impl Writer<'_> {
    fn rarely(&mut self) -> bool {
        self.random.below(self.rarity) == 0
    }

    fn blank(&mut self) {
        if self.blanks || self.random.below(4 * self.rarity) == 0 {
            for _ in 0..self.random.below(4) {
                self.out.push([' ', '\n', '\t', '\r'][self.random.below(4) as usize]);
            }
        }
    }

    fn put(&mut self, text: &str) {
        self.blank();
        self.out.push_str(text);
        self.blank();
    }

    fn any(&mut self, depth: u64) {
        match self.random.below(if depth > 2 { 8 } else { 11 }) {
            0 => self.put("null"),
            1 => self.boolean(),
            2 | 3 => self.number(),
            4..8 => self.string(),
            8 => self.array(depth),
            _ => self.object(depth, &["id", "name", "b", "x"]),
        }
    }

    fn boolean(&mut self) {
        let text = ["true", "false"][self.random.below(2) as usize];
        self.put(text);
    }

    fn number(&mut self) {
        let (a, b) = (self.random.next() >> self.random.below(64), self.random.below(1000));
        let text = match self.random.below(8) {
            0..4 => format!("{b}"),
            4 => format!("-{a}"),
            5 => format!("{b}.{a}"),
            6 => format!("{b}e{}", a % 30),
            _ => format!("{a}"),
        };
        self.put(&text);
    }

    fn string(&mut self) {
        let parts = [
            "a",
            "é",
            "\\\"",
            "\\\\",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\\u0041",
            "\\ud83d\\ude00",
            "id",
            "long ",
        ];
        let mut text = String::from("\"");
        let most = if self.rarely() { 40 } else { 5 };
        for _ in 0..self.random.below(most) {
            text.push_str(parts[self.random.below(parts.len() as u64) as usize]);
        }
        text.push('"');
        self.put(&text);
    }

    fn array(&mut self, depth: u64) {
        self.put("[");
        for i in 0..self.random.below(4) {
            if i > 0 {
                self.put(",");
            }
            self.any(depth + 1);
        }
        self.put("]");
    }

    fn object(&mut self, depth: u64, names: &[&str]) {
        let mut names = names.to_vec();
        while self.rarely() && !names.is_empty() {
            let (from, to) = (self.random.below(names.len() as u64), self.random.below(names.len() as u64));
            match self.random.below(4) {
                0 => drop(names.remove(from as usize)),
                1 => names.insert(to as usize, names[from as usize]),
                2 => names.swap(from as usize, to as usize),
                _ => names.insert(
                    to as usize,
                    ["x", "", "ids", "\\\"id", "\\u0069d", "url", "i"][from as usize % 7],
                ),
            }
        }
        self.put("{");
        for (i, name) in names.into_iter().enumerate() {
            if i > 0 {
                self.put(",");
            }
            let escaped = self.rarely() && name.is_ascii() && !name.contains('\\') && !name.is_empty();
            let name = match escaped {
                true => format!("\"\\u{:04x}{}\"", name.as_bytes()[0], &name[1..]),
                false => format!("\"{name}\""),
            };
            self.put(&name);
            self.put(":");
            self.value(&name, depth);
        }
        self.put("}");
    }

    /// Mostly what the column wants.
    fn value(&mut self, name: &str, depth: u64) {
        if self.rarely() {
            return self.any(depth + 1);
        }
        match name {
            "\"id\"" | "\"b\"" | "\"a_name_of_exactly_28_bytes_x\"" => {
                let small = self.random.below(256).to_string();
                self.put(&small);
            }
            "\"score\"" | "\"a_name_of_exactly_24_byte\"" => {
                let text = format!(
                    "{}",
                    self.random.below(1 << 53) as f64 / (1_u64 << self.random.below(53)) as f64
                );
                self.put(&text);
            }
            "\"at\"" => self.put("\"2024-02-29T12:00:00Z\""),
            "\"on\"" => self.boolean(),
            "\"author\"" => self.object(depth + 1, &["email", "name", "a"]),
            "\"a\"" => self.object(depth + 1, &["b"]),
            "\"tags\"" => self.array(depth),
            "\"name\"" => self.string(),
            _ => self.any(depth + 1),
        }
    }
}

fn case(random: &mut Rng) -> Case {
    let names = [
        "id",
        "url",
        "score",
        "name",
        "author",
        "at",
        "on",
        "tags",
        "a_name_of_exactly_24_byte",
        "a_name_of_exactly_28_bytes_x",
        "a_name_of_exactly_28_bytes_y",
        "é\\\"",
        "last",
    ];
    let start = random.below(names.len() as u64 / 2) as usize;
    let rarity = [3, 20, 300][random.below(3) as usize];
    let (blanks, count) = (random.below(4) == 0, random.below(30));
    let rows = ["$[*]", "$.rows[*]", "$.x.rows[*]", "$[*][*]", "$.rows", "$[1:]", "$", "$.rows[0]"]
        [random.below(8) as usize];
    let mut writer = Writer { random, rarity, blanks, out: String::new() };
    for _ in 0..writer.random.below(130) {
        writer.out.push(' ');
    }
    let (before, after) = match rows {
        "$.rows[*]" | "$.rows" | "$.rows[0]" => ("{\"a\":[{\"rows\":1}],\"rows\":", "}"),
        "$.x.rows[*]" => ("{\"y\":{\"rows\":[{}]},\"x\":{\"rows\":", ",\"z\":[]}}"),
        "$[*][*]" => ("[[],", ",7,{\"k\":{\"id\":3},\"k\":{\"id\":4}}]"),
        _ => ("", ""),
    };
    writer.out.push_str(before);
    writer.put("[");
    for row in 0..count {
        if row > 0 {
            writer.put(",");
        }
        if writer.rarely() { writer.any(0) } else { writer.object(0, &names[start..]) }
    }
    writer.put("]");
    writer.out.push_str(after);
    Case { rows, text: writer.out }
}

#[derive(Debug, PartialEq)]
enum Cell {
    Missing,
    Bits(u64),
    Text(Vec<u8>),
}

/// What a column holds, or where its first value is that it cannot hold.
type Table = Result<Vec<Vec<Cell>>, usize>;

fn expected(case: &Case, columns: &[(&str, Kind)]) -> Table {
    let input = case.text.as_bytes();
    let rows = Path::parse(case.rows).unwrap();
    let mut paths = vec![(rows.clone(), 0)];
    for (slot, (path, _)) in (1..).zip(columns) {
        paths.push((rows.join(&Path::parse_relative(path).unwrap()).unwrap(), slot));
    }
    let trie = Trie::new(paths.iter().map(|(path, slot)| (path, *slot))).unwrap();
    let mut captures = Captures::new();
    reference::extract(&trie, input, &mut captures).unwrap();
    let mut table = Vec::new();
    for capture in captures.iter() {
        let Some(column) = (capture.slot as usize).checked_sub(1) else {
            table.push(columns.iter().map(|_| Cell::Missing).collect::<Vec<_>>());
            continue;
        };
        let kind = columns[column].1;
        table.last_mut().unwrap()[column] = cell(kind, input, capture).ok_or(capture.start as usize)?;
    }
    Ok(table)
}

fn cell(kind: Kind, input: &[u8], capture: &Capture) -> Option<Cell> {
    let raw = capture.of(input);
    if matches!(kind, Kind::Any | Kind::Json) && raw != b"null" {
        return Some(Cell::Text(raw.to_vec()));
    }
    Some(match decode(kind, raw).ok()? {
        Decoded::Null => Cell::Missing,
        Decoded::Boolean(value) => Cell::Bits(value.into()),
        Decoded::Big(bits) => Cell::Bits(bits),
        Decoded::Number(number) => Cell::Bits(match kind {
            Kind::F32 => (number as f32).to_bits().into(),
            Kind::F64 | Kind::Timestamp => number.to_bits(),
            Kind::U8 => u64::from(number as u8),
            Kind::U32 => u64::from(number as u32),
            _ => u64::from(number as i32 as u32),
        }),
        Decoded::Raw => Cell::Text(raw.to_vec()),
        Decoded::Text(inner) => {
            let mut text = Vec::new();
            push_utf8(inner, &mut text);
            Cell::Text(text)
        }
    })
}

fn got(case: &Case, columns: &[(&str, Kind)], trust: bool, scratch: &mut Scratch) -> Table {
    let spec = |&(path, kind): &(&str, Kind)| ColumnSpec {
        path: path.to_owned(),
        kind,
        presence: Presence::Optional,
    };
    let program = Columns::new(case.rows, columns.iter().map(spec).collect(), Limits::default()).unwrap();
    let (rows, bytes) = match program.read(case.text.as_bytes(), trust, scratch) {
        Ok(answer) => answer,
        Err(error) => {
            assert_eq!(error.code, Code::JsonType, "{error}");
            return Err(error.place.unwrap().0);
        }
    };
    let mut out = vec![0xEE; bytes];
    program.write(scratch, &mut out).unwrap();
    let mut table = Vec::new();
    for row in 0..rows {
        table.push(
            columns
                .iter()
                .zip(scratch.parts().chunks(PART_WIDTH))
                .map(|((_, kind), parts)| {
                    let at = |part: usize| parts[part] as usize;
                    if out[at(0) + row / 8] >> (row % 8) & 1 == 0 {
                        return Cell::Missing;
                    }
                    let number = |width: usize| {
                        let bytes = &out[at(1) + row * width..][..width];
                        bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
                    };
                    match kind {
                        Kind::Any | Kind::Json | Kind::Bytes | Kind::String => {
                            let offset = |row: usize| {
                                let at = at(1) + 4 * row;
                                u32::from_le_bytes(out[at..at + 4].try_into().unwrap()) as usize
                            };
                            let text = &out[at(2)..][..at(3)];
                            Cell::Text(text[offset(row)..offset(row + 1)].to_vec())
                        }
                        Kind::U8 | Kind::Boolean => Cell::Bits(number(1)),
                        Kind::U32 | Kind::I32 | Kind::F32 => Cell::Bits(number(4)),
                        _ => Cell::Bits(number(8)),
                    }
                })
                .collect(),
        );
    }
    Ok(table)
}

/// Some of the columns: with fewer of them more rows are without a fault.
fn some(random: &mut Rng) -> Vec<(&'static str, Kind)> {
    let share = 1 + random.below(4);
    let mut columns: Vec<_> = COLUMNS.into_iter().filter(|_| random.below(4) < share).collect();
    if random.below(8) == 0 {
        columns.push(("tags[-1]", Kind::Bytes));
    }
    if random.below(3) == 0 {
        // Nothing is a fault in these.
        columns.iter_mut().for_each(|(_, kind)| *kind = Kind::Bytes);
    }
    columns
}

#[test]
fn columns_equal_the_reference_whatever_the_rows_are_like() {
    let mut random = Rng::new(0x5EED_0009);
    let mut scratch = Scratch::default();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..8_000 {
        let (case, columns) = (case(&mut random), some(&mut random));
        validate_scalar(case.text.as_bytes(), &Limits::default()).unwrap();
        let expected = expected(&case, &columns);
        *(if expected.is_ok() { &mut good } else { &mut bad }) += 1;
        for trust in [false, true] {
            let got = got(&case, &columns, trust, &mut scratch);
            assert_eq!(got, expected, "trust {trust}: {columns:?} of {} in {}", case.rows, case.text);
        }
    }
    assert!(good > 800 && bad > 800, "{good} {bad}");
}

#[test]
fn a_broken_document_is_refused_or_read_without_harm() {
    let mut random = Rng::new(0x5EED_000A);
    let mut scratch = Scratch::default();
    for _ in 0..8_000 {
        let (case, columns) = (case(&mut random), some(&mut random));
        let mut input = case.text.into_bytes();
        let at = random.below(input.len() as u64) as usize;
        match random.below(3) {
            0 => input.truncate(at),
            1 => drop(input.remove(at)),
            _ => input[at] = b"{}[],:\"\\ 1n\xFF"[random.below(12) as usize],
        }
        let spec = |&(path, kind): &(&str, Kind)| ColumnSpec {
            path: path.to_owned(),
            kind,
            presence: Presence::Optional,
        };
        let program = Columns::new(case.rows, columns.iter().map(spec).collect(), Limits::default()).unwrap();
        let validated = program.read(&input, false, &mut scratch);
        let syntax = matches!(&validated, Err(error) if error.code == Code::JsonSyntax);
        assert_eq!(syntax, validate_scalar(&input, &Limits::default()).is_err());
        if let Ok((_, bytes)) = program.read(&input, true, &mut scratch) {
            program.write(&mut scratch, &mut vec![0; bytes]).unwrap();
            for (text, (_, kind)) in scratch.parts().chunks(PART_WIDTH).zip(&columns) {
                assert!(
                    text[3] == 0.0 || matches!(kind, Kind::Any | Kind::Json | Kind::Bytes | Kind::String)
                );
            }
        }
    }
}

#[test]
fn many_names_are_more_than_are_learned() {
    let mut text = String::from("[");
    for row in 0..300 {
        let members: Vec<String> =
            (0..40).map(|i| format!("\"n{}\":{i}", (row * 31 + i * 7) % 2000)).collect();
        text += &format!("{}{{{},\"id\":{row}}}", if row > 0 { "," } else { "" }, members.join(","));
    }
    text += "]";
    let case = Case { rows: "$[*]", text };
    let columns = [("id", Kind::U32), ("n77", Kind::I32)];
    let expected = expected(&case, &columns);
    assert!(expected.as_ref().is_ok_and(|table| table.len() == 300));
    assert_eq!(got(&case, &columns, false, &mut Scratch::default()), expected);
}

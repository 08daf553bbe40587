//! Records to JSON and back, in windows and slices of every size.

use primarena_core::error::Code;
use primarena_core::pool::read::{Progress, Read};
use primarena_core::pool::write::Write;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, PoolError, Schema, Slab, Slabs};
use proptest::prelude::*;

fn layout(capacity: u32) -> Layout {
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let schema = Schema::new(vec![
        field("id", Kind::Number(Number::U64)),
        field("sc\"ore", Kind::Number(Number::F64)),
        field("half", Kind::Number(Number::F32)),
        field("small", Kind::Number(Number::I16)),
        field("ok", Kind::Boolean),
        field("seen", Kind::Timestamp),
        field("name", Kind::String { max: 300 }),
        field("hash", Kind::Bytes { max: 9 }),
        field("vector", Kind::Vector { element: Number::I8, length: 3, align: 32 }),
    ]);
    Layout::new(schema.unwrap(), Some(capacity), None).unwrap()
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
) -> Result<Vec<u32>, PoolError> {
    let mut read = Read::new(layout, path)?;
    loop {
        let mut pace = if steps == 0 { Pace::unlimited() } else { Pace::steps(steps) };
        let views = memory.iter_mut().map(Vec::as_mut_slice).collect();
        let mut slabs = Slabs::new(layout, views)?;
        let outcome = read.step(&mut slabs, json, &mut pace);
        slabs.check().unwrap();
        match outcome? {
            Progress::Done => return Ok(read.result().to_vec()),
            Progress::Paused => {}
            Progress::Full => memory.push(slab(layout)),
        }
    }
}

fn write(
    layout: &Layout,
    memory: &mut [Vec<u8>],
    lines: bool,
    slots: Option<&[u32]>,
    room: usize,
) -> Result<Vec<u8>, PoolError> {
    let views = memory.iter_mut().map(Vec::as_mut_slice).collect();
    let slabs = Slabs::new(layout, views)?;
    let mut write = Write::new(layout, lines, slots);
    let mut bytes = Vec::new();
    let mut window = vec![0; room];
    loop {
        let written = write.step(&slabs, &mut window, &mut Pace::steps(1))?;
        bytes.extend_from_slice(&window[..written.bytes]);
        if written.done {
            return Ok(bytes);
        }
        if written.needed > 0 {
            assert!(written.needed > window.len() - written.bytes);
            window.resize(written.needed.max(room), 0);
        }
    }
}

fn live(layout: &Layout, memory: &mut [Vec<u8>]) -> usize {
    Slabs::new(layout, memory.iter_mut().map(Vec::as_mut_slice).collect()).unwrap().live()
}

const ROW: &str = r#"{"id":1,"sc\"ore":0.5,"half":0.25,"small":-3,"ok":true,"seen":1000,"name":"a","hash":"Zm8=","vector":[1,-2,3]}"#;

#[test]
fn rows_come_back_as_they_were_written() {
    let layout = layout(4);
    for count in [0, 1, 3, 4, 5, 17] {
        let json = format!("[{}]", vec![ROW; count].join(","));
        let mut memory = Vec::new();
        let slots = read(&layout, &mut memory, "$[*]", json.as_bytes(), 0).unwrap();
        assert_eq!(slots.len(), count);
        assert_eq!(memory.len(), count.div_ceil(4));
        for room in [0, 1, 64, 500, 5000] {
            assert_eq!(write(&layout, &mut memory, false, None, room).unwrap(), json.as_bytes());
            let lines: String = (0..count).map(|_| format!("{ROW}\n")).collect();
            assert_eq!(write(&layout, &mut memory, true, None, room).unwrap(), lines.as_bytes());
        }
    }
}

#[test]
fn given_slots_come_in_their_order() {
    let layout = layout(2);
    let json: Vec<String> = (0..5).map(|id| ROW.replace("\"id\":1", &format!("\"id\":{id}"))).collect();
    let mut memory = Vec::new();
    let slots = read(
        &layout,
        &mut memory,
        "/rows/list",
        format!("{{\"rows\":{{\"list\":{}}}}}", json[0]).as_bytes(),
        0,
    )
    .unwrap();
    assert_eq!(slots, [0]);
    read(&layout, &mut memory, "$[1:]", format!("[{}]", json.join(",")).as_bytes(), 2).unwrap();
    let written = write(&layout, &mut memory, false, Some(&[4, 0, 2]), 100).unwrap();
    assert_eq!(written, format!("[{},{},{}]", json[4], json[0], json[2]).as_bytes());
    assert_eq!(write(&layout, &mut memory, false, Some(&[0, 5]), 1000), Err(PoolError::Stale { slot: 5 }));
}

#[test]
fn the_last_member_of_a_name_counts_and_others_are_ignored() {
    let layout = layout(4);
    let mut memory = Vec::new();
    let row = ROW.replace("{\"id\":1", "{\"x\":[{\"id\":7}],\"id\":\"no\",\"id\":1");
    read(&layout, &mut memory, "$[*]", format!(" [ {row} ] ").as_bytes(), 0).unwrap();
    assert_eq!(write(&layout, &mut memory, true, None, 500).unwrap(), format!("{ROW}\n").as_bytes());
}

#[test]
fn other_spellings_of_the_same_values() {
    let layout = layout(4);
    let mut memory = Vec::new();
    let row = r#"{"\u0069d":1e0,"sc\u0022ore":5e-1,"half":25E-2,"small":-3.0,"ok":true,"seen":"1970-01-01T00:00:01Z",
        "name":"\u0061","hash":"Zm\u0038=","vector":[ 1 , -2 , 3e0 ]}"#;
    read(&layout, &mut memory, "$", row.as_bytes(), 0).unwrap();
    assert_eq!(write(&layout, &mut memory, true, None, 500).unwrap(), format!("{ROW}\n").as_bytes());
}

#[test]
fn a_row_that_does_not_fit_undoes_all() {
    let layout = layout(4);
    for (from, to, code, said) in [
        ("\"id\":1", "\"id\":-1", Code::RecordValue, "row 5, field \"id\": expected a whole number"),
        ("\"id\":1", "\"id\":18446744073709551616", Code::RecordValue, "0 to 18446744073709551615, got"),
        ("\"id\":1", "\"di\":1", Code::JsonMissing, "field \"id\""),
        ("0.5", "\"0.5\"", Code::JsonType, "got a string"),
        ("0.5", "null", Code::JsonType, "got null"),
        ("true", "1", Code::JsonType, "expected a boolean"),
        ("1000", "\"yesterday\"", Code::RecordValue, "RFC 3339"),
        ("1000", "9e15", Code::RecordValue, "8.64e15"),
        ("\"Zm8=\"", "\"Zm8\"", Code::RecordValue, "base64"),
        ("\"Zm8=\"", "\"Zm9vZm9vZm9vZm9v\"", Code::RecordValue, "at most 9 bytes, got 12"),
        ("[1,-2,3]", "[1,-2]", Code::RecordValue, "expected 3 elements, got 2"),
        ("-2", "-129", Code::RecordValue, "-128 to 127"),
        (ROW, "7", Code::JsonType, "expected an object, got a number"),
        (ROW, "[]", Code::JsonType, "a path that ends in [*]"),
        ("}", "]", Code::JsonSyntax, "expected"),
    ] {
        for steps in [0, 1] {
            let mut memory = vec![slab(&layout)];
            let json = format!("[{},{}]", [ROW; 5].join(","), ROW.replace(from, to));
            let error = read(&layout, &mut memory, "$[*]", json.as_bytes(), steps).unwrap_err();
            assert_eq!(error.code(), code, "{to}: {error}");
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(live(&layout, &mut memory), 0, "{to}");
            let clean = memory.iter().all(|slab| {
                layout
                    .columns()
                    .iter()
                    .all(|c| slab[c.offset..c.offset + 4 * c.stride].iter().all(|&b| b == 0))
            });
            assert!(clean, "{to}: what was read is wiped");
        }
    }
    let long = ROW.replace("\"a\"", &format!("\"{}\"", "é".repeat(151)));
    let error = read(&layout, &mut Vec::new(), "$", long.as_bytes(), 0).unwrap_err();
    assert_eq!(error.code(), Code::RecordValue);
    assert_eq!(Read::new(&layout, "$..x").unwrap_err().code(), Code::JsonPath);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_values_go_through(
        rows in prop::collection::vec((any::<u64>(), any::<f64>(), any::<f32>(), any::<i16>(), any::<bool>(), -1_000_000_i64..1_000_000, ".{0,20}", prop::collection::vec(any::<u8>(), 0..10), any::<[i8; 3]>()), 0..20),
        steps in 0..3_u32,
        room in 0..300_usize,
    ) {
        let layout = layout(8);
        // Made and read by another library.
        let json: Vec<serde_json::Value> = rows.iter().map(|(id, score, half, small, ok, seen, name, _, vector)| serde_json::json!({
            "id": id,
            "sc\"ore": if score.is_finite() { *score } else { 0.0 },
            "half": if half.is_finite() { f64::from(*half) } else { 0.0 },
            "small": small, "ok": ok, "seen": seen, "name": name, "hash": "", "vector": vector,
        })).collect();
        let document = serde_json::to_vec_pretty(&json).unwrap();
        let mut memory = Vec::new();
        let slots = read(&layout, &mut memory, "$[*]", &document, steps).unwrap();
        prop_assert_eq!(slots.len(), rows.len());
        let written = write(&layout, &mut memory, false, None, room).unwrap();
        let back: Vec<serde_json::Value> = serde_json::from_slice(&written).unwrap();
        for (row, expected) in back.iter().zip(&json) {
            for field in ["id", "small", "ok", "name", "hash", "vector"] {
                prop_assert_eq!(&row[field], &expected[field]);
            }
            prop_assert_eq!(row["seen"].as_f64(), expected["seen"].as_f64());
        }
        // Not from serde_json's doubles, which may be off by one in the last place.
        for (&slot, (_, score, half, ..)) in slots.iter().zip(&rows) {
            let slab = &memory[slot as usize / 8];
            let at = |field: usize| &slab[layout.columns()[field].offset + slot as usize % 8 * layout.columns()[field].stride..];
            if score.is_finite() {
                prop_assert_eq!(&at(1)[..8], &score.to_le_bytes());
            }
            if half.is_finite() {
                prop_assert_eq!(&at(2)[..4], &half.to_le_bytes());
            }
        }
    }

    #[test]
    fn any_document_gives_rows_or_an_error(damage in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let layout = layout(8);
        let mut json = format!("[{ROW},{ROW}]").into_bytes();
        let at = damage.index(json.len());
        json[at] = byte;
        json.truncate(cut.index(json.len()) + 1);
        let valid = serde_json::from_slice::<serde_json::Value>(&json).is_ok();
        let mut memory = Vec::new();
        match read(&layout, &mut memory, "$[*]", &json, 1) {
            Ok(_) => prop_assert!(valid),
            Err(error) => prop_assert!(valid == (error.code() != Code::JsonSyntax) || live(&layout, &mut memory) == 0),
        }
    }

    #[test]
    fn a_document_that_changes_between_steps_is_harmless(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let layout = layout(2048);
        let mut json = format!("[{}]", vec![ROW; 1100].join(",")).into_bytes();
        let mut memory = slab(&layout);
        let mut slabs = Slabs::new(&layout, vec![&mut memory]).unwrap();
        let mut read = Read::new(&layout, "$[*]").unwrap();
        prop_assert_eq!(read.step(&mut slabs, &json, &mut Pace::steps(1)), Ok(Progress::Paused));
        for (at, byte) in damage {
            let at = at.index(json.len());
            json[at] = byte;
        }
        json.truncate(json.len() - 40);
        prop_assert!(read.step(&mut slabs, &json, &mut Pace::unlimited()).is_err());
        prop_assert_eq!(slabs.live(), 0);
        slabs.check().unwrap();
    }
}

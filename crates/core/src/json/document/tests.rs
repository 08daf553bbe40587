use super::super::white::is_white;
use super::*;
use proptest::prelude::*;

/// Any JSON value as text, with white space anywhere.
fn json() -> impl Strategy<Value = String> {
    let white = || "[ \t\n\r]{0,2}";
    let string = || "\"([ !#-\\[\\]-~é€]|\\\\[\"\\\\/bn]|\\\\u0041|[\\[\\]{},:]){0,19}\"";
    let leaf = prop_oneof![
        string(),
        "-?(0|[1-9][0-9]{0,2})".prop_map(String::from),
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{ }".to_owned()),
    ];
    leaf.prop_recursive(5, 120, 12, move |inner| {
        prop_oneof![
            prop::collection::vec((white(), inner.clone(), white()), 0..12).prop_map(|items| {
                let items: Vec<String> = items.into_iter().map(|(a, v, b)| a + &v + &b).collect();
                format!("[{}]", items.join(","))
            }),
            prop::collection::vec((white(), string(), white(), inner), 0..12).prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(a, name, b, v)| format!("{a}{name}{b}:{a}{v}{b}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Start of the name in an object; start and end of the value.
type Entry = (Option<usize>, usize, usize);

/// The entries of the container at `start`, one byte after the other.
fn model(input: &[u8], start: usize) -> Vec<Entry> {
    let trim = |mut from: usize, mut to: usize| {
        while from < to && is_white(input[from]) {
            from += 1;
        }
        while to > from && is_white(input[to - 1]) {
            to -= 1;
        }
        (from, to)
    };
    let string_end = |mut at: usize| {
        at += 1;
        while input[at] != b'"' {
            at += if input[at] == b'\\' { 2 } else { 1 };
        }
        at
    };
    let (mut entries, mut depth, mut at, mut from) = (Vec::new(), 0, start, start + 1);
    loop {
        match input[at] {
            b'"' => at = string_end(at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && input[at] == b',') {
            let (mut value, end) = trim(from, at);
            if value < end || !entries.is_empty() {
                let mut name = None;
                if input[start] == b'{' {
                    name = Some(value + 1);
                    let name_end = string_end(value);
                    let colon = name_end + 1 + input[name_end + 1..].iter().position(|&b| b == b':').unwrap();
                    value = trim(colon + 1, end).0;
                }
                entries.push((name, value, end));
            }
            from = at + 1;
        }
        if depth == 0 {
            return entries;
        }
        at += 1;
    }
}

/// Compares the row at `row` with the model; with those of the containers in it when they are indexed.
fn check(input: &[u8], start: usize, reach: Reach, index: &[u32], row: usize) {
    let expected = model(input, start);
    let is_object = input[start] == b'{';
    let names: Vec<&[u8]> = expected
        .iter()
        .filter_map(|(name, value, _)| {
            let colon = input[..*value].iter().rposition(|&byte| byte == b':')?;
            let end = input[..colon].iter().rposition(|&byte| byte == b'"')?;
            name.map(|name| &input[name..end])
        })
        .collect();
    let odd = |name: &[u8]| !name.is_ascii() || name.contains(&b'\\');
    let has_odd = names.iter().any(|name| odd(name));
    let is_distinct = names.iter().enumerate().all(|(place, name)| {
        let alike = |other: &&[u8]| name_key(other) == name_key(name);
        let differ = |other: &&[u8]| name != other && name.len().max(other.len()) <= DISTINCT_NAME_BYTES;
        names[..place].iter().filter(|other| alike(other)).all(differ)
    });
    let is_distinct = is_object && DISTINCT_MEMBERS.contains(&names.len()) && !has_odd && is_distinct;
    let flags = if has_odd { ODD } else { 0 } | if is_distinct { DISTINCT } else { 0 };
    assert_eq!(index[row], expected.len() as u32 | flags);
    assert_eq!(index[row + 1], 0);
    let mut at = row + HEADER_NUMBERS;
    for (place, &(name, start, end)) in expected.iter().enumerate() {
        if is_object {
            let key = if odd(names[place]) { ODD } else { name_key(names[place]) };
            assert_eq!(index[at..at + 2], [key, name.expect("a member has a name") as u32]);
            at += 2;
        }
        let text = if input[start] == b'"' && odd(&input[start..end]) { ODD } else { 0 };
        assert_eq!(index[at], start as u32 | text);
        let is_container = matches!(input[start], b'{' | b'[');
        if is_container && reach == Reach::Deep {
            let inner = !index[at + 1] as usize;
            assert_eq!(index[inner + 2] as usize, end);
            check(input, start, reach, index, inner);
        } else {
            assert_eq!(index[at + 1] as usize, end);
        }
        at += 2;
    }
}

/// Every container of a document, also those inside.
fn containers(input: &[u8]) -> Vec<usize> {
    let (mut found, mut in_string, mut at) = (Vec::new(), false, 0);
    while at < input.len() {
        match input[at] {
            b'\\' => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => found.push(at),
            _ => {}
        }
        at += 1;
    }
    found
}

proptest! {
    #[test]
    fn equals_the_model(value in json(), shift in 0_usize..70, at in 0_usize..9) {
        let text = format!("{}[{value}]{}", " ".repeat(shift), " ".repeat(shift / 2));
        let input = text.as_bytes();
        serde_json::from_slice::<serde_json::Value>(input).expect("the strategy makes JSON");
        let mut scratch = Scratch::default();
        for start in containers(input) {
            for (level, reach) in Level::available().flat_map(|level| [(level, Reach::Alone), (level, Reach::Deep)]) {
                let mut run = |index: &mut [u32]| index_container_at(level, input, start, reach, index, at, &mut scratch);
                let Err(IndexError::NoRoom(needed)) = run(&mut []) else { panic!("no room is no room") };
                let mut index = vec![7; needed];
                let Indexed { root, end } = run(&mut index).expect("JSON");
                prop_assert_eq!(end, needed);
                prop_assert!(index[..at].iter().all(|&number| number == 7));
                check(input, start, reach, &index, root);
                index.pop();
                prop_assert_eq!(run(&mut index), Err(IndexError::NoRoom(needed)));
            }
        }
    }

    #[test]
    fn what_is_not_json_gives_an_error_or_an_index_inside(
        text in "[\\[\\]{}\",:\\\\ a1]{0,200}", start in 0_usize..200,
    ) {
        let input = text.as_bytes();
        let mut index = vec![0; 2000];
        for (level, reach) in Level::available().flat_map(|level| [(level, Reach::Alone), (level, Reach::Deep)]) {
            let result =
                index_container_at(level, input, start, reach, &mut index, 0, &mut Scratch::default());
            if let Ok(Indexed { root, end }) = result {
                inside(input, start, &index[..end], root);
            }
        }
    }
}

/// Follows an index wherever it leads.
fn inside(input: &[u8], start: usize, index: &[u32], row: usize) {
    let numbers = if input[start] == b'{' { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
    assert!(index[row + 2] as usize <= input.len());
    let entries = &index[row + HEADER_NUMBERS..][..(index[row] & !(ODD | DISTINCT)) as usize * numbers];
    for entry in entries.chunks_exact(numbers) {
        let [start, end] = [(entry[numbers - 2] & !ODD) as usize, entry[numbers - 1] as usize];
        assert!(start < input.len() && (numbers == ELEMENT_NUMBERS || entry[1] as usize <= start));
        if end < 1 << 31 {
            assert!(start < end && end <= input.len());
        } else {
            inside(input, start, index, !entry[numbers - 1] as usize);
        }
    }
}

#[test]
fn a_million_levels_take_no_stack() {
    let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let mut index = vec![0; 5_000_000];
    let mut run = |reach| index_container(text.as_bytes(), 0, reach, &mut index, 0, &mut Scratch::default());
    assert_eq!(run(Reach::Deep), Ok(Indexed { root: 4_999_993, end: 4_999_998 }));
    assert_eq!(run(Reach::Alone), Ok(Indexed { root: 0, end: 5 }));
    assert_eq!(index[..5], [1, 0, 2_000_000, 1, 1_999_999]);
    let mut row = 4_999_993;
    for level in 0..999_999 {
        assert_eq!(index[row + 2..row + 4], [2_000_000 - level, level + 1]);
        row = !index[row + 4] as usize;
        if row == 0 {
            break;
        }
    }
}

#[test]
fn names_are_distinct_or_not() {
    for count in [1, 2, 8, 9, 10, 40, 96, 97, 300] {
        for twice in [None, Some((0, count - 1)), Some((count / 2, count / 3))] {
            // Lengths of more than 1,024 and common letters: many names have the same key.
            let names: Vec<String> =
                (0..count).map(|n| format!("a{n:0>4}a{}b", "x".repeat(n % 2 * 1024))).collect();
            let name = |n: usize| &names[twice.filter(|pair| pair.0 == n).map_or(n, |pair| pair.1)];
            let members: Vec<String> = (0..count).map(|n| format!("\"{}\":{n}", name(n))).collect();
            let text = format!("{{{}}}", members.join(","));
            let mut index = vec![0; 2000];
            let mut scratch = Scratch::default();
            let Indexed { root, .. } =
                index_container(text.as_bytes(), 0, Reach::Deep, &mut index, 0, &mut scratch).expect("JSON");
            check(text.as_bytes(), 0, Reach::Deep, &index, root);
        }
    }
}

#[test]
fn keys() {
    assert_eq!(name_key(b""), 0);
    assert_eq!(name_key(b"a"), 0x61 | 0x61 << 7 | 0x61 << 14 | 1 << 21);
    assert_eq!(name_key(b"abcd"), 0x61 | 0x63 << 7 | 0x64 << 14 | 4 << 21);
    assert_eq!(name_key(&[b'a'; 1024]), 0x61 | 0x61 << 7 | 0x61 << 14);
}

#[test]
fn what_is_no_container() {
    for (text, start) in [
        ("1", 0),
        ("", 0),
        ("[", 0),
        ("[1", 0),
        ("{\"a\":1", 0),
        ("[]", 9),
        ("[1,]", 0),
        ("[,1]", 0),
        ("[1{}]", 0),
        ("[{}[]]", 0),
        ("[{]", 0),
        ("[\"a\":1]", 0),
        ("{\"a\"}", 0),
        ("{\"a\",\"b\":1}", 0),
        ("{1:2}", 0),
        ("{\"a\":1,}", 0),
        ("{\"a\":\"b\":1}", 0),
        ("{\"a\":}", 0),
        ("{:1}", 0),
        ("[1}", 0),
    ] {
        for reach in [Reach::Alone, Reach::Deep] {
            let result =
                index_container(text.as_bytes(), start, reach, &mut [0; 99], 0, &mut Scratch::default());
            let counted_only = reach == Reach::Alone && text == "[{]";
            assert!(matches!(result, Err(IndexError::Broken(_))) || counted_only, "{text} {result:?}");
        }
    }
}

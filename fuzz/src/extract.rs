//! The fast extractors against the plain one, and that against a naive evaluator.

use arbitrary::Unstructured;
use primarena_core::json::captures::{Capture, Captures};
use primarena_core::json::path::Path;
use primarena_core::json::trie::Trie;
use primarena_core::json::{Extractor, Level, Limits, Mode, Scratch, reference, validate_scalar};

use crate::{naive, program, split};

fn live(captures: &Captures) -> Vec<Capture> {
    captures.iter().copied().collect()
}

/// Looks for arbitrary paths in an arbitrary document.
pub fn run(data: &[u8]) {
    let (document, rest) = split(data);
    let text = program::text(document);
    let mut u = Unstructured::new(rest);
    let texts: Vec<String> = (0..u.int_in_range(1..=6).unwrap_or(1))
        .filter_map(|_| program::path(&mut u, "$", text).ok())
        .map(|led| led.path)
        .collect();
    let paths: Vec<Path> = texts.iter().filter_map(|path| Path::parse(path).ok()).collect();
    if let Ok(trie) = Trie::new(paths.iter().zip(0..)) {
        compare(document, &paths, trie);
    }
}

fn compare(document: &[u8], paths: &[Path], trie: Trie) {
    // In a heap block that ends where the document ends: AddressSanitizer sees a read of one byte more.
    let exact: Box<[u8]> = document.into();
    let limits = Limits::default();
    let expected = validate_scalar(&exact, &limits);
    let mut plain = Captures::new();
    let walked = reference::extract(&trie, &exact, &mut plain);
    let unique = expected.is_ok() && compare_naive(&exact, paths, &plain);
    let extractor = Extractor::new(trie);
    let (mut captures, mut scratch) = (Captures::new(), Scratch::default());
    for level in Level::available() {
        captures.clear();
        let result =
            extractor.extract_at(level, &exact, &mut captures, &mut scratch, &limits, Mode::Validate);
        assert_eq!(result, expected, "{level:?}");
        if result.is_ok() {
            assert!(walked.is_ok());
            assert_eq!(live(&captures), live(&plain), "{level:?} {paths:?}");
        }
        captures.clear();
        let result = extractor.extract_at(level, &exact, &mut captures, &mut scratch, &limits, Mode::Trust);
        if expected.is_ok() {
            assert_eq!(result, Ok(()), "{level:?} refuses what is JSON");
            if unique {
                assert_eq!(live(&captures), live(&plain), "{level:?} {paths:?}");
            }
        }
        if result.is_ok() {
            let inside = |c: &Capture| c.start < c.end && c.end as usize <= exact.len();
            assert!(captures.iter().all(inside), "{level:?} {captures:?}");
        }
    }
}

/// Whether there is no object with two members of one name, as far as serde_json can tell.
fn compare_naive(document: &[u8], paths: &[Path], captures: &Captures) -> bool {
    let Ok(text) = std::str::from_utf8(document) else { panic!("the validator took what is not UTF-8") };
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    for (slot, path) in paths.iter().enumerate() {
        let mut expected = Vec::new();
        if naive::evaluate(text, path.segments(), &mut expected).is_err() {
            continue;
        }
        let found: Vec<&str> = captures
            .iter()
            .filter(|capture| capture.slot as usize == slot)
            .map(|capture| std::str::from_utf8(capture.of(document)).expect("values are whole"))
            .collect();
        assert_eq!(found, expected, "{path:?}");
    }
    !naive::has_twins(text)
}

//! Five fields, validated in the same pass and trusted, against the library that only validates.
//! `cargo bench --bench json_extract -- --ab` compares in interleaved rounds; without it criterion runs.

mod support;

use std::cell::RefCell;

use criterion::{BenchmarkId, Criterion, Throughput};
use primarena_core::json::captures::Captures;
use primarena_core::json::path::Path;
use primarena_core::json::trie::Trie;
use primarena_core::json::{Extractor, Level, Limits, Mode, Scratch, reference, validate};
use serde::de::IgnoredAny;
use support::{Contender, Corpus};

const FIELDS: [&str; 5] =
    ["$.head_commit.id", "$.repository.full_name", "$.sender.login", "$.action", "$.repository.owner.id"];
const ROWS: [&str; 5] = [
    "$[2].repository.full_name",
    "$[5].sender.login",
    "$[9].action",
    "$[14].repository.owner.id",
    "$[18].repository.id",
];

fn serde(document: &[u8]) -> usize {
    assert!(simdutf8::basic::from_utf8(document).is_ok());
    assert!(serde_json::from_slice::<IgnoredAny>(document).is_ok());
    0
}

fn extractor(paths: &[&str]) -> Extractor {
    let paths: Vec<Path> = paths.iter().map(|path| Path::parse(path).expect("a path")).collect();
    Extractor::new(Trie::new(paths.iter().zip(0..)).expect("few nodes"))
}

fn contenders<'a>(extractor: &'a Extractor) -> Vec<Contender<'a>> {
    let memory = RefCell::new((Captures::new(), Scratch::default()));
    let memory: &'a RefCell<_> = Box::leak(Box::new(memory));
    let run = move |level, document: &[u8], mode| {
        let (captures, scratch) = &mut *memory.borrow_mut();
        captures.clear();
        extractor
            .extract_at(level, document, captures, scratch, &Limits::default(), mode)
            .expect("valid documents");
        captures.iter().count()
    };
    let mut all: Vec<Contender<'a>> = vec![
        ("serde_json + simdutf8, no fields", Box::new(serde)),
        ("validate, no fields", Box::new(|d| usize::from(validate(d, &Limits::default()).is_err()))),
        (
            "validate, then plain walker",
            Box::new(move |d| {
                validate(d, &Limits::default()).expect("valid documents");
                let (captures, _) = &mut *memory.borrow_mut();
                captures.clear();
                reference::extract(extractor.trie(), d, captures).expect("valid documents");
                captures.iter().count()
            }),
        ),
        ("validated", Box::new(move |d| run(Level::best(), d, Mode::Validate))),
        ("trusted", Box::new(move |d| run(Level::best(), d, Mode::Trust))),
    ];
    if Level::best() == Level::Avx512 {
        all.push(("validated, avx2", Box::new(move |d| run(Level::Avx2, d, Mode::Validate))));
        all.push(("trusted, avx2", Box::new(move |d| run(Level::Avx2, d, Mode::Trust))));
    }
    all
}

fn main() {
    let mut corpora = support::corpora();
    corpora.retain(|corpus| {
        std::env::var("EVENTS").is_err() && (corpus.name == "24 KB" || corpus.name == "500 KB hooks")
    });
    corpora.insert(0, support::events());
    let ab = std::env::args().any(|arg| arg == "--ab");
    let mut criterion = if ab { Criterion::default() } else { Criterion::default().configure_from_args() };
    for corpus in &corpora {
        let extractor = extractor(if corpus.name.starts_with("500") { &ROWS } else { &FIELDS });
        check(corpus, &extractor);
        let mut contenders = contenders(&extractor);
        if ab {
            support::compare(corpus, &mut contenders);
            continue;
        }
        let mut group = criterion.benchmark_group("five fields");
        group.throughput(Throughput::Bytes(corpus.bytes() as u64));
        for (name, run) in &mut contenders {
            group.bench_function(BenchmarkId::new(*name, corpus.name), |b| {
                b.iter(|| corpus.documents.iter().map(|document| run(document)).sum::<usize>());
            });
        }
    }
    criterion.final_summary();
}

/// Every mode and level finds what the plain walker finds, and that is what serde_json says.
fn check(corpus: &Corpus, extractor: &Extractor) {
    let (mut captures, mut plain, mut scratch) = (Captures::new(), Captures::new(), Scratch::default());
    let mut found = 0;
    for document in &corpus.documents {
        plain.clear();
        reference::extract(extractor.trie(), document, &mut plain).expect("valid documents");
        found += plain.len();
        for level in Level::available() {
            for mode in [Mode::Validate, Mode::Trust] {
                captures.clear();
                extractor
                    .extract_at(level, document, &mut captures, &mut scratch, &Limits::default(), mode)
                    .expect("valid documents");
                assert!(captures.iter().eq(plain.iter()), "{level:?} {mode:?} {}", corpus.name);
            }
        }
        for capture in plain.iter() {
            let text = &document[capture.start as usize..capture.end as usize];
            serde_json::from_slice::<IgnoredAny>(text).expect("a value");
        }
    }
    assert!(found > corpus.documents.len(), "{found} values in {}", corpus.name);
}

//! Validation against the libraries. `cargo bench --bench json_validate -- --ab` compares in interleaved rounds,
//! which is what to trust on a machine that is not idle; without it criterion runs.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput};
use primarena_core::json::{Level, Limits, validate_at, validate_scalar};
use serde::de::IgnoredAny;
use support::Contender;

fn serde(document: &[u8]) -> usize {
    usize::from(
        simdutf8::basic::from_utf8(document).is_ok()
            && serde_json::from_slice::<IgnoredAny>(document).is_ok(),
    )
}

fn sonic(document: &[u8]) -> usize {
    usize::from(sonic_rs::from_slice::<sonic_rs::LazyValue>(document).is_ok())
}

fn contenders<'a>() -> Vec<Contender<'a>> {
    let mut all: Vec<Contender<'a>> = vec![
        ("serde_json + simdutf8", Box::new(serde)),
        ("sonic-rs LazyValue", Box::new(sonic)),
        ("simd-json tape (copies)", {
            let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
            Box::new(move |document| {
                copy.clear();
                copy.extend_from_slice(document);
                usize::from(simd_json::to_tape_with_buffers(&mut copy, &mut buffers).is_ok())
            })
        }),
        ("scalar", Box::new(|document| usize::from(validate_scalar(document, &Limits::default()).is_ok()))),
    ];
    for level in Level::available().filter(|level| *level != Level::Scalar) {
        let name = match level {
            Level::Avx512 => "avx512",
            Level::Avx2 => "avx2",
            Level::Sse42 => "sse42",
            Level::Neon => "neon",
            _ => "swar",
        };
        all.push((
            name,
            Box::new(move |document| usize::from(validate_at(level, document, &Limits::default()).is_ok())),
        ));
    }
    all
}

fn main() {
    let corpora = support::corpora();
    for corpus in &corpora {
        for (name, run) in &mut contenders() {
            for document in &corpus.documents {
                assert_eq!(run(document), 1, "{name} accepts {}", corpus.name);
                assert_eq!(run(&document[..document.len() - 1]), 0, "{name} refuses half of {}", corpus.name);
            }
        }
    }
    if std::env::args().any(|arg| arg == "--ab") {
        for corpus in &corpora {
            support::compare(corpus, &mut contenders());
        }
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    for corpus in &corpora {
        let mut group = criterion.benchmark_group("validate");
        group.throughput(Throughput::Bytes(corpus.bytes() as u64));
        for (name, mut run) in contenders() {
            group.bench_function(BenchmarkId::new(name, corpus.name), |b| {
                b.iter(|| corpus.documents.iter().map(|document| run(document)).sum::<usize>());
            });
        }
    }
    criterion.final_summary();
}

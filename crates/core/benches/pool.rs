//! The bulk kernels over a million records (u32, f64, f64, u32).

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use primarena_core::pool::aggregate::Aggregate;
use primarena_core::pool::filter::{Filter, op};
use primarena_core::pool::sort::Sort;
use primarena_core::pool::top_k::TopK;
use primarena_core::pool::write::Write;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, Schema, Slab, Slabs};

const RECORDS: usize = 1_000_000;

fn kernels(criterion: &mut Criterion) {
    let field = |name: &str, number| Field { name: name.into(), kind: Kind::Number(number) };
    let schema = Schema::new(vec![
        field("id", Number::U32),
        field("score", Number::F64),
        field("price", Number::F64),
        field("count", Number::U32),
    ]);
    let layout = Layout::new(schema.unwrap(), None, None).unwrap();
    let count = RECORDS.div_ceil(layout.capacity() as usize);
    let mut memory = vec![vec![0; layout.slab_bytes()]; count];
    memory.iter_mut().for_each(|slab| Slab::format(slab, layout.capacity()));
    let mut slots = Vec::new();
    {
        let mut slabs = Slabs::new(&layout, memory.iter_mut().map(Vec::as_mut_slice).collect()).unwrap();
        slots.extend((0..RECORDS).map(|_| slabs.acquire().unwrap().unwrap()));
    }
    let mut seed = 1_u64;
    for (n, &slot) in slots.iter().enumerate() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let slab = &mut memory[(slot >> layout.shift()) as usize];
        let index = (slot & (layout.capacity() - 1)) as usize;
        let mut put = |field: usize, bytes: &[u8]| {
            let column = &layout.columns()[field];
            slab[column.offset + index * column.stride..][..bytes.len()].copy_from_slice(bytes);
        };
        put(0, &(n as u32).to_le_bytes());
        put(1, &((seed >> 11) as f64 / (1_u64 << 53) as f64).to_le_bytes());
        put(2, &((seed >> 40) as f64 / 100.0).to_le_bytes());
        put(3, &((seed >> 50) as u32).to_le_bytes());
    }
    let slabs = Slabs::new(&layout, memory.iter_mut().map(Vec::as_mut_slice).collect()).unwrap();
    let pace = &mut Pace::unlimited();

    let mut group = criterion.benchmark_group("pool, 1,000,000 records");
    group.sample_size(10);
    group.bench_function("sort by f64", |bencher| {
        bencher.iter(|| {
            let mut sort = Sort::new(&layout, 1, false).unwrap();
            sort.step(&slabs, pace).unwrap();
            sort.result().fold(0_u32, |sum, slot| sum.wrapping_mul(31).wrapping_add(slot))
        });
    });
    group.bench_function("filter f64 > 0.5 and u32 < 8000", |bencher| {
        let mut program = vec![op::NUMBER, 4, 1, 0];
        program.extend(0.5_f64.to_le_bytes());
        program.extend([op::NUMBER, 2, 3, 0]);
        program.extend(8000.0_f64.to_le_bytes());
        program.push(op::AND);
        bencher.iter(|| {
            let mut filter = Filter::new(&layout, &program).unwrap();
            filter.step(&slabs, pace).unwrap();
            filter.result().len()
        });
    });
    group.bench_function("aggregate f64", |bencher| {
        bencher.iter(|| {
            let mut aggregate = Aggregate::new(&layout, 1).unwrap();
            aggregate.step(&slabs, pace).unwrap();
            aggregate.sum()
        });
    });
    group.bench_function("top 100 by f64", |bencher| {
        bencher.iter(|| {
            let mut top = TopK::new(&layout, 1, 100, false).unwrap();
            top.step(&slabs, pace).unwrap();
            top.take().len()
        });
    });
    group.bench_function("write JSON", |bencher| {
        let mut window = vec![0; 1 << 20];
        bencher.iter(|| {
            let mut write = Write::new(&layout, false, None);
            let mut bytes = 0;
            loop {
                let written = write.step(&slabs, black_box(&mut window), pace).unwrap();
                bytes += written.bytes;
                if written.done {
                    return bytes;
                }
            }
        });
    });
}

criterion_group!(benches, kernels);
criterion_main!(benches);

//! Random programs of acquire, release, bulk calls, growth and trimming against a naive model.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use primarena_core::pool::aggregate::{Aggregate, Value};
use primarena_core::pool::filter::{Filter, op};
use primarena_core::pool::sort::Sort;
use primarena_core::pool::top_k::TopK;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, PoolError, Schema, Slab, Slabs};
use proptest::prelude::*;

/// One record of the model: id, score, mark, name.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: u32,
    score: f64,
    mark: i64,
    name: String,
}

fn layout(capacity: u32) -> Layout {
    let field = |name: &str, kind| Field { name: name.into(), kind };
    let schema = Schema::new(vec![
        field("id", Kind::Number(Number::U32)),
        field("score", Kind::Number(Number::F64)),
        field("mark", Kind::Number(Number::I64)),
        field("name", Kind::String { max: 12 }),
        field("vector", Kind::Vector { element: Number::F32, length: 3, align: 32 }),
    ])
    .unwrap();
    Layout::new(schema, Some(capacity), None).unwrap()
}

/// A pool as JavaScript would hold it: slab memory, and values written straight into the columns.
struct Pool {
    layout: Layout,
    memory: Vec<Vec<u8>>,
    model: BTreeMap<u32, Row>,
}

impl Pool {
    fn new(capacity: u32) -> Self {
        Pool { layout: layout(capacity), memory: Vec::new(), model: BTreeMap::new() }
    }

    fn with<T>(&mut self, body: impl FnOnce(&mut Slabs) -> T) -> T {
        let memory = self.memory.iter_mut().map(Vec::as_mut_slice).collect();
        body(&mut Slabs::new(&self.layout, memory).unwrap())
    }

    fn grow(&mut self) {
        let mut slab = vec![0; self.layout.slab_bytes()];
        Slab::format(&mut slab, self.layout.capacity());
        match self.memory.iter().position(Vec::is_empty) {
            Some(hole) => self.memory[hole] = slab,
            None => self.memory.push(slab),
        }
    }

    fn acquire(&mut self, row: Row) {
        let slot = match self.with(|slabs| slabs.acquire()).unwrap() {
            Some(slot) => slot,
            None => {
                self.grow();
                self.with(|slabs| slabs.acquire()).unwrap().expect("a fresh slab has room")
            }
        };
        let slab = &mut self.memory[(slot >> self.layout.shift()) as usize];
        let index = (slot & (self.layout.capacity() - 1)) as usize;
        let columns = self.layout.columns();
        let mut put = |offset: usize, bytes: &[u8]| {
            assert!(
                slab[offset..offset + bytes.len()].iter().all(|&byte| byte == 0),
                "slot {slot} is not zeroed"
            );
            slab[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(columns[0].offset + 4 * index, &row.id.to_le_bytes());
        put(columns[1].offset + 8 * index, &row.score.to_le_bytes());
        put(columns[2].offset + 8 * index, &row.mark.to_le_bytes());
        put(columns[3].offset + 12 * index, row.name.as_bytes());
        put(columns[3].lengths + index, &[row.name.len() as u8]);
        put(columns[4].offset + 32 * index, &[7; 12]);
        assert!(self.model.insert(slot, row).is_none(), "slot {slot} was handed out twice");
    }

    fn nth(&self, index: usize) -> Option<u32> {
        (!self.model.is_empty()).then(|| *self.model.keys().nth(index % self.model.len()).unwrap())
    }

    fn check(&mut self) {
        let expected: Vec<u32> = self.model.keys().copied().collect();
        let live = self.with(|slabs| {
            slabs.check().unwrap();
            let mut live = Vec::new();
            slabs.for_each_live(|slot| live.push(slot));
            assert_eq!(live.len(), slabs.live());
            live
        });
        assert_eq!(live, expected);
    }

    fn check_kernels(&mut self, steps: u32) {
        let model = self.model.clone();
        let pace = |count: u32| if count == 0 { Pace::unlimited() } else { Pace::steps(count) };
        let layout = self.layout.clone();
        self.with(|slabs| {
            for field in 0..4 {
                for descending in [false, true] {
                    let compare = |a: &u32, b: &u32| {
                        let (x, y) = (&model[a], &model[b]);
                        let order = match field {
                            0 => x.id.cmp(&y.id),
                            1 => return by_score(x.score, y.score, descending).then(a.cmp(b)),
                            2 => x.mark.cmp(&y.mark),
                            _ => x.name.as_bytes().cmp(y.name.as_bytes()),
                        };
                        (if descending { order.reverse() } else { order }).then(a.cmp(b))
                    };
                    let mut expected: Vec<u32> = model.keys().copied().collect();
                    expected.sort_by(compare);
                    let mut sort = Sort::new(&layout, field, descending).unwrap();
                    while !sort.step(slabs, &mut pace(steps)).unwrap() {}
                    assert_eq!(sort.result().collect::<Vec<_>>(), expected, "sort {field} {descending}");
                    for count in [0, 1, 5, expected.len(), expected.len() + 3] {
                        let mut top = TopK::new(&layout, field, count, !descending).unwrap();
                        while !top.step(slabs, &mut pace(steps)).unwrap() {}
                        assert_eq!(top.take(), &expected[..count.min(expected.len())], "top {count} {field}");
                    }
                }
            }
            let mut sum = Aggregate::new(&layout, 2).unwrap();
            while !sum.step(slabs, &mut pace(steps)).unwrap() {}
            let marks = || model.values().map(|row| i128::from(row.mark));
            assert_eq!((sum.count(), sum.sum()), (model.len(), Value::Integer(marks().sum())));
            assert_eq!(sum.least(), marks().min().map(Value::Integer));
            assert_eq!(sum.most(), marks().max().map(Value::Integer));
            let mut ids = Aggregate::new(&layout, 0).unwrap();
            while !ids.step(slabs, &mut pace(steps)).unwrap() {}
            assert_eq!(ids.sum(), Value::Integer(model.values().map(|row| i128::from(row.id)).sum()));

            // id >= 50 && !(score < 0.5) || name startsWith "a"
            let mut program = vec![op::NUMBER, 5, 0, 0];
            program.extend(50.0_f64.to_le_bytes());
            program.extend([op::NUMBER, 2, 1, 0]);
            program.extend(0.5_f64.to_le_bytes());
            program.extend([op::NOT, op::AND, op::TEXT, 6, 3, 0, 1, 0, 0, 0, b'a', op::OR]);
            let mut filter = Filter::new(&layout, &program).unwrap();
            while !filter.step(slabs, &mut pace(steps)).unwrap() {}
            let matches = |row: &Row| {
                // Not `score >= 0.5`: NaN is not less either.
                let not_less = !matches!(row.score.partial_cmp(&0.5), Some(Ordering::Less));
                row.id >= 50 && not_less || row.name.starts_with('a')
            };
            let expected: Vec<u32> =
                model.iter().filter(|(_, row)| matches(row)).map(|(&slot, _)| slot).collect();
            assert_eq!(filter.result(), expected);
        });
    }
}

fn by_score(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ if descending => b.total_cmp(&a),
        _ => a.total_cmp(&b),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(Row),
    Release(usize),
    ReleaseStale(u32),
    ReleaseMany(Vec<usize>),
    Clear,
    Trim,
    Kernels(u32),
}

fn rows() -> impl Strategy<Value = Row> {
    let scores = prop_oneof![
        4 => (0..100_i32).prop_map(|n| f64::from(n) / 64.0),
        1 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(-0.0),
    ];
    let marks = prop_oneof![any::<i64>(), -3..3_i64];
    (0..100_u32, scores, marks, "[abé]{0,6}").prop_map(|(id, score, mark, name)| Row {
        id,
        score,
        mark,
        name,
    })
}

fn programs() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => rows().prop_map(Step::Acquire),
        6 => any::<usize>().prop_map(Step::Release),
        1 => any::<u32>().prop_map(Step::ReleaseStale),
        2 => prop::collection::vec(any::<usize>(), 0..12).prop_map(Step::ReleaseMany),
        1 => Just(Step::Trim),
        1 => (0..4_u32).prop_map(Step::Kernels),
    ];
    let mostly = prop::collection::vec(step, 1..300);
    (mostly, any::<bool>()).prop_map(|(mut steps, clear)| {
        if clear {
            steps.push(Step::Clear);
            steps.push(Step::Trim);
        }
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pools_behave_as_a_map(steps in programs(), capacity in prop_oneof![Just(1_u32), Just(2), Just(16), Just(64)]) {
        let mut pool = Pool::new(capacity);
        for step in steps {
            match step {
                Step::Acquire(row) => pool.acquire(row),
                Step::Release(index) => {
                    if let Some(slot) = pool.nth(index) {
                        pool.with(|slabs| slabs.release(&[slot])).unwrap();
                        pool.model.remove(&slot);
                        prop_assert_eq!(pool.with(|slabs| slabs.release(&[slot])), Err(PoolError::Stale { slot }));
                    }
                }
                Step::ReleaseStale(slot) => {
                    if !pool.model.contains_key(&slot) {
                        prop_assert_eq!(pool.with(|slabs| slabs.release(&[slot])), Err(PoolError::Stale { slot }));
                    }
                }
                Step::ReleaseMany(picks) => {
                    let slots: Vec<u32> = picks.iter().filter_map(|&pick| pool.nth(pick)).collect();
                    let mut unique = slots.clone();
                    unique.sort_unstable();
                    unique.dedup();
                    let outcome = pool.with(|slabs| slabs.release(&slots));
                    if unique.len() == slots.len() {
                        prop_assert_eq!(outcome, Ok(()));
                        slots.iter().for_each(|slot| { pool.model.remove(slot); });
                    } else {
                        // Nothing was released.
                        let twice = matches!(outcome, Err(PoolError::Twice { .. }));
                        prop_assert!(twice);
                    }
                }
                Step::Clear => {
                    let count = pool.model.len();
                    prop_assert_eq!(pool.with(|slabs| slabs.clear()), Ok(count));
                    pool.model.clear();
                }
                Step::Trim => {
                    let empty: Vec<usize> = pool.with(|slabs| {
                        (0..slabs.len()).filter(|&n| slabs.get(n).is_some_and(|slab| slab.live() == 0)).collect()
                    });
                    empty.into_iter().for_each(|number| pool.memory[number] = Vec::new());
                }
                Step::Kernels(pace) => pool.check_kernels(pace),
            }
            pool.check();
        }
        pool.check_kernels(1);
    }

    #[test]
    fn hostile_slab_memory_gives_errors_and_never_panics(
        seed in prop::collection::vec(any::<u8>(), 64..512),
        header in prop::collection::vec(0..80_u32, 4),
        capacity in prop_oneof![Just(1_u32), Just(16), Just(64)],
    ) {
        let layout = layout(capacity);
        let mut memory: Vec<Vec<u8>> = (0..2)
            .map(|n| (0..layout.slab_bytes()).map(|at| seed[(at * (n + 3)) % seed.len()]).collect())
            .collect();
        for slab in &mut memory {
            for (word, value) in header.iter().enumerate() {
                slab[4 * word..4 * word + 4].copy_from_slice(&value.to_le_bytes());
            }
        }
        let views = memory.iter_mut().map(Vec::as_mut_slice).collect();
        let Ok(mut slabs) = Slabs::new(&layout, views) else { return Ok(()) };
        let _ = slabs.check();
        for field in 0..4 {
            let mut sort = Sort::new(&layout, field, false).unwrap();
            prop_assert!(sort.step(&slabs, &mut Pace::unlimited()).unwrap());
            let mut top = TopK::new(&layout, field, 3, false).unwrap();
            prop_assert!(top.step(&slabs, &mut Pace::unlimited()).unwrap());
            if field < 3 {
                let mut sum = Aggregate::new(&layout, field).unwrap();
                prop_assert!(sum.step(&slabs, &mut Pace::unlimited()).unwrap());
            }
        }
        for _ in 0..200 {
            match slabs.acquire() {
                Ok(Some(slot)) => prop_assert!(slabs.is_live(slot)),
                Ok(None) => break,
                Err(error) => {
                    let damaged = matches!(error, PoolError::Damaged { .. });
                    prop_assert!(damaged);
                    break;
                }
            }
        }
        let _ = slabs.clear();
    }

    #[test]
    fn predicates_from_anywhere_are_refused_or_run(program in prop::collection::vec(0..8_u8, 0..60)) {
        let layout = layout(16);
        let mut memory = vec![0; layout.slab_bytes()];
        Slab::format(&mut memory, 16);
        let mut slabs = Slabs::new(&layout, vec![&mut memory]).unwrap();
        slabs.acquire().unwrap();
        if let Ok(mut filter) = Filter::new(&layout, &program) {
            prop_assert!(filter.step(&slabs, &mut Pace::unlimited()).unwrap());
            prop_assert!(filter.result().len() <= 1);
        }
    }
}

#[test]
fn a_slot_retires_before_its_generation_wraps() {
    let layout = layout(2);
    let mut memory = vec![0; layout.slab_bytes()];
    Slab::format(&mut memory, 2);
    // Slot 0 is about to be used for the last time.
    memory[layout.generations()..layout.generations() + 4].copy_from_slice(&0x7fff_fffc_u32.to_le_bytes());
    let mut slabs = Slabs::new(&layout, vec![&mut memory]).unwrap();
    assert_eq!(slabs.acquire(), Ok(Some(0)));
    slabs.release(&[0]).unwrap();
    slabs.check().unwrap();
    assert_eq!(slabs.acquire(), Ok(Some(1)));
    assert_eq!(slabs.acquire(), Ok(None), "slot 0 is retired");
    assert_eq!(slabs.live(), 1);
}

//! Sorting large pools whose keys lie in unlike ways, against the sort of the standard library.

use std::cmp::Ordering;

use primarena_core::pool::sort::Sort;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, Schema, Slab, Slabs};

const CAPACITY: u32 = 4096;
const SLABS: usize = 40;

fn random(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (seed ^ seed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 32
    }
}

/// A pool with one column, full or with holes, and the slots that are left.
struct Pool {
    layout: Layout,
    memory: Vec<Vec<u8>>,
    slots: Vec<u32>,
}

impl Pool {
    fn new(kind: Kind, slabs: usize) -> Self {
        let schema = Schema::new(vec![Field { name: "value".into(), kind }]).unwrap();
        let layout = Layout::new(schema, Some(CAPACITY), None).unwrap();
        let mut memory = vec![vec![0; layout.slab_bytes()]; slabs];
        memory.iter_mut().for_each(|slab| Slab::format(slab, CAPACITY));
        let mut pool = Pool { layout, memory, slots: Vec::new() };
        pool.slots = pool.with(|slabs| std::iter::from_fn(|| slabs.acquire().unwrap()).collect());
        pool
    }

    fn with<T>(&mut self, body: impl FnOnce(&mut Slabs) -> T) -> T {
        body(&mut Slabs::new(&self.layout, self.memory.iter_mut().map(Vec::as_mut_slice).collect()).unwrap())
    }

    fn put(&mut self, slot: u32, value: &[u8]) {
        let column = &self.layout.columns()[0];
        let slab = &mut self.memory[(slot / CAPACITY) as usize];
        let index = (slot % CAPACITY) as usize;
        let at = column.offset + index * column.stride;
        slab[at..at + value.len()].copy_from_slice(value);
        if column.length_bytes > 0 {
            slab[column.lengths + index] = value.len() as u8;
        }
    }

    fn release(&mut self, gone: impl Fn(u32) -> bool) {
        let (released, kept) = self.slots.iter().partition(|&&slot| gone(slot));
        let released: Vec<u32> = released;
        self.with(|slabs| slabs.release(&released)).unwrap();
        self.slots = kept;
    }

    /// Compares with `expected`, in steps of which it gives the number.
    fn check(&mut self, descending: bool, expected: &[u32]) -> usize {
        let layout = self.layout.clone();
        self.with(|slabs| {
            let mut sort = Sort::new(&layout, 0, descending).unwrap();
            let mut steps = 1;
            while !sort.step(slabs, &mut Pace::steps(3)).unwrap() {
                steps += 1;
            }
            assert_eq!(sort.len(), expected.len());
            let wrong = sort.result().zip(expected).position(|(slot, &expected)| slot != expected);
            assert_eq!(wrong, None);
            steps
        })
    }
}

/// NaN is last in both directions; equal ones by slot.
fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

#[test]
fn doubles() {
    type Shape = (&'static str, fn(u64) -> f64);
    let shapes: [Shape; 12] = [
        ("evenly", |n| (n >> 11) as f64 / 9_007_199_254_740_992.0),
        ("around zero", |n| (n >> 11) as f64 / 9_007_199_254_740_992.0 - 0.5),
        ("few values", |n| (n % 7) as f64),
        ("cents", |n| (n % 1_000_000) as f64 / 100.0),
        ("outliers on both sides", |n| match n % 1000 {
            0 => 1e300,
            1 => -1e300,
            _ => 1.0 + (n % 100_000) as f64 * 1e-12,
        }),
        ("one outlier that no sample has", |n| if n == 0 { 0.0 } else { 1.7e12 + (n % 86_400_000) as f64 }),
        ("a tenth zeros", |n| if n % 10 == 0 { 0.0 } else { 1.7e12 + (n % 86_400_000) as f64 }),
        ("all there are", f64::from_bits),
        ("differing in the last bits", |n| f64::from_bits(0x3ff0_0000_0000_0000 | ((n % 5) << 49) | (n % 3))),
        ("one value", |_| 3.0),
        ("not a number", |n| if n % 3 == 0 { f64::NAN } else { (n % 1000) as f64 }),
        ("zeros of both signs", |n| if n % 2 == 0 { 0.0 } else { -0.0 }),
    ];
    for (name, shape) in shapes {
        for holes in [false, true] {
            let mut pool = Pool::new(Kind::Number(Number::F64), SLABS);
            let mut next = random(7);
            let mut values = vec![0.0; pool.slots.len()];
            for slot in pool.slots.clone() {
                // A key that no sample has, in the middle.
                values[slot as usize] = shape(if slot == 77_777 { 0 } else { next() });
                pool.put(slot, &values[slot as usize].to_le_bytes());
            }
            if holes {
                pool.release(|slot| slot / CAPACITY == 3 || slot % 5 < slot / CAPACITY % 4);
            }
            for descending in [false, true] {
                let mut expected = pool.slots.clone();
                expected.sort_by(|&a, &b| {
                    by_value(values[a as usize], values[b as usize], descending).then(a.cmp(&b))
                });
                assert!(pool.check(descending, &expected) > 10, "{name}: it yields between steps");
            }
        }
    }
}

#[test]
fn whole_numbers_in_any_order() {
    let orders: [fn(u32, u64) -> u32; 4] = [
        |slot, _| slot,
        |slot, _| !slot,
        |slot, n| slot / 1000 * 1000 + (n % 1000) as u32,
        |_, n| n as u32 % 2,
    ];
    for order in orders {
        let mut pool = Pool::new(Kind::Number(Number::U32), SLABS);
        let mut next = random(11);
        let values: Vec<u32> = pool.slots.clone().iter().map(|&slot| order(slot, next())).collect();
        for (slot, value) in values.iter().enumerate() {
            pool.put(slot as u32, &value.to_le_bytes());
        }
        for descending in [false, true] {
            let mut expected = pool.slots.clone();
            expected.sort_by_key(|&slot| {
                let value = u64::from(values[slot as usize]);
                (if descending { u64::MAX - value } else { value }, slot)
            });
            pool.check(descending, &expected);
        }
    }
}

#[test]
fn text_with_and_without_a_common_start() {
    for start in ["", "pre", "the same eight and more "] {
        let mut pool = Pool::new(Kind::String { max: 40 }, SLABS / 4);
        let mut next = random(13);
        let values: Vec<String> = pool.slots.iter().map(|_| format!("{start}{}", next() % 20_000)).collect();
        for (slot, value) in values.iter().enumerate() {
            pool.put(slot as u32, value.as_bytes());
        }
        for descending in [false, true] {
            let mut expected = pool.slots.clone();
            expected.sort_by(|&a, &b| {
                let order = values[a as usize].cmp(&values[b as usize]);
                (if descending { order.reverse() } else { order }).then(a.cmp(&b))
            });
            pool.check(descending, &expected);
        }
    }
}

#[test]
fn few_records_of_many_slots() {
    for kept in [0, 1, 2, 70] {
        let mut pool = Pool::new(Kind::Number(Number::U32), SLABS);
        for slot in pool.slots.clone() {
            pool.put(slot, &(!slot / 3).to_le_bytes());
        }
        pool.release(|slot| slot % 2048 != 17 || slot / 2048 >= kept);
        let mut expected = pool.slots.clone();
        expected.sort_by_key(|&slot| (!slot / 3, slot));
        assert_eq!(expected.len(), kept as usize);
        pool.check(false, &expected);
    }
}

#[test]
fn records_that_change_between_steps_are_all_there() {
    let mut pool = Pool::new(Kind::Number(Number::F64), SLABS);
    let mut next = random(17);
    for slot in pool.slots.clone() {
        // Crowded, so that ranges have to be done again.
        let value = if next().is_multiple_of(2) { 1e300 } else { 1.0 + (next() % 100_000) as f64 * 1e-12 };
        pool.put(slot, &value.to_le_bytes());
    }
    let layout = pool.layout.clone();
    let mut sort = Sort::new(&layout, 0, false).unwrap();
    while !pool.with(|slabs| sort.step(slabs, &mut Pace::steps(1)).unwrap()) {
        for _ in 0..5000 {
            let slot = (next() % pool.slots.len() as u64) as u32;
            pool.put(slot, &f64::from_bits(next()).to_le_bytes());
        }
    }
    let mut slots: Vec<u32> = sort.result().collect();
    slots.sort_unstable();
    assert_eq!(slots, pool.slots);
}

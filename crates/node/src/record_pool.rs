//! `NativeRecordPool`: the layout of a pool's slabs, and the bulk calls over them.
//!
//! Nothing of a slab is kept: each call gets the views of all slabs (an empty one where a slab was trimmed).
//! A bulk call is a job: it is started, stepped until it is done, its result is read, and it is ended. So
//! the same code serves one call and sliced work.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use napi::bindgen_prelude::Uint32Array;
use napi_derive::napi;
use primarena_core::pool::aggregate::{Aggregate, Value};
use primarena_core::pool::filter::Filter;
use primarena_core::pool::read::{Progress, Read};
use primarena_core::pool::sort::Sort;
use primarena_core::pool::top_k::TopK;
use primarena_core::pool::write::Write;
use primarena_core::pool::{Field, Kind, Layout, Number, Pace, PoolError, Schema, Slabs};

use crate::env::Registry;
use crate::error::{Failure, Result};
use crate::pages::will_fill;
use crate::raw::{Answer, Call, Exports, Outcome};

struct Job {
    layout: Rc<Layout>,
    work: Work,
}

enum Work {
    Sort(Sort),
    Filter(Filter),
    TopK(TopK),
    Slots(Vec<u32>),
    Aggregate(Aggregate),
    Read(Box<Read>),
    Write(Write),
}

thread_local! {
    static LAYOUTS: RefCell<Registry<Rc<Layout>>> = const { RefCell::new(Registry::new()) };
    static JOBS: RefCell<Registry<Job>> = const { RefCell::new(Registry::new()) };
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let mut failure = Failure::new(error.code(), error.to_string());
        if let PoolError::Json { path: Some(path), .. } = &error {
            failure = failure.with_path(path.clone());
        }
        failure
    }
}

/// Words a field in the description: kind, length, alignment.
const WORDS: usize = 3;

fn number_of(code: u32) -> Option<Number> {
    Some(match code {
        0 => Number::U8,
        1 => Number::U16,
        2 => Number::U32,
        3 => Number::U64,
        4 => Number::I8,
        5 => Number::I16,
        6 => Number::I32,
        7 => Number::I64,
        8 => Number::F32,
        9 => Number::F64,
        _ => return None,
    })
}

/// The kinds of `src/pool/record-schema.ts`: numbers 0 to 9, boolean, timestamp, string, bytes, and vectors from 16 on.
fn kind_of(code: u32, length: u32, align: u32) -> Option<Kind> {
    Some(match code {
        10 => Kind::Boolean,
        11 => Kind::Timestamp,
        12 => Kind::String { max: length },
        13 => Kind::Bytes { max: length },
        16.. => Kind::Vector { element: number_of(code - 16)?, length, align },
        code => Kind::Number(number_of(code)?),
    })
}

/// The layout of one pool; its number goes with every raw call.
#[napi]
pub struct NativeRecordPool {
    id: u32,
    layout: Rc<Layout>,
}

#[napi]
impl NativeRecordPool {
    /// `fields` has three words for each name: kind, length, alignment.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        names: Vec<String>,
        fields: Uint32Array,
        capacity: Option<u32>,
        max_records: Option<u32>,
    ) -> Result<Self> {
        let layout = Rc::new(layout_of(names, &fields, capacity, max_records)?);
        let id = LAYOUTS.with_borrow_mut(|layouts| layouts.insert(layout.clone()))?;
        Ok(NativeRecordPool { id, layout })
    }

    /// What raw calls know this pool by.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Capacity, slab bytes, alignment, offsets of generations and free stack; then for each field the
    /// offset of its column, its stride, the offset of its length words and their width.
    #[napi(catch_unwind)]
    pub fn layout(&self) -> Vec<u32> {
        let layout = &self.layout;
        let mut words = vec![
            layout.capacity(),
            layout.slab_bytes() as u32,
            layout.align() as u32,
            layout.generations() as u32,
            layout.free_stack() as u32,
        ];
        for column in layout.columns() {
            words.extend([
                column.offset as u32,
                column.stride as u32,
                column.lengths as u32,
                column.length_bytes as u32,
            ]);
        }
        words
    }

    /// Ends the pool: raw calls with its number fail from now on.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        LAYOUTS.with_borrow_mut(|layouts| layouts.remove(self.id));
    }
}

impl Drop for NativeRecordPool {
    fn drop(&mut self) {
        // A finalizer may come after the thread's own data is gone.
        let _ = LAYOUTS.try_with(|layouts| layouts.borrow_mut().remove(self.id));
    }
}

fn layout_of(
    names: Vec<String>,
    words: &[u32],
    capacity: Option<u32>,
    max_records: Option<u32>,
) -> std::result::Result<Layout, Failure> {
    if words.len() != names.len() * WORDS {
        return Err(Failure::argument(format!(
            "expected {WORDS} words for each of {} fields, got {}",
            names.len(),
            words.len()
        )));
    }
    let fields = names.into_iter().zip(words.chunks_exact(WORDS)).map(|(name, words)| {
        let kind = kind_of(words[0], words[1], words[2])
            .ok_or_else(|| Failure::argument(format!("field \"{name}\": unknown kind {}", words[0])))?;
        Ok(Field { name: name.into(), kind })
    });
    let schema = Schema::new(fields.collect::<std::result::Result<_, Failure>>()?)?;
    Ok(Layout::new(schema, capacity, max_records)?)
}

/// Adds the raw functions of this file.
pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("recordMisalignment", misalignment)?;
    exports.add("recordRelease", release)?;
    exports.add("recordClear", clear)?;
    exports.add("recordCheck", check)?;
    exports.add("recordSort", |call| {
        let (field, descending) = (call.usize(1)?, call.u32(2)? != 0);
        start(call, |layout| Ok(Work::Sort(Sort::new(layout, field, descending)?)))
    })?;
    exports.add("recordFilter", |call| {
        let program = call.bytes(1)?;
        start(call, |layout| Ok(Work::Filter(Filter::new(layout, program)?)))
    })?;
    exports.add("recordTopK", |call| {
        let (field, count, smallest) = (call.usize(1)?, call.usize(2)?, call.u32(3)? != 0);
        start(call, |layout| Ok(Work::TopK(TopK::new(layout, field, count, smallest)?)))
    })?;
    exports.add("recordAggregate", |call| {
        let field = call.usize(1)?;
        start(call, |layout| Ok(Work::Aggregate(Aggregate::new(layout, field)?)))
    })?;
    exports.add("recordRead", |call| {
        let path = std::str::from_utf8(call.bytes(1)?);
        let path = path.map_err(|_| Failure::argument("expected the path as UTF-8"))?;
        start(call, |layout| Ok(Work::Read(Box::new(Read::new(layout, path)?))))
    })?;
    exports.add("recordWrite", |call| {
        let lines = call.u32(1)? != 0;
        let slots = if call.u32(2)? != 0 { Some(call.elements::<u32>(3)?) } else { None };
        start(call, |layout| Ok(Work::Write(Write::new(layout, lines, slots))))
    })?;
    exports.add("recordEstimate", estimate)?;
    exports.add("recordStep", step)?;
    exports.add("recordSlots", slots)?;
    exports.add("recordFigures", figures)?;
    exports.add("recordEnd", end)
}

fn layout(call: &Call) -> std::result::Result<Rc<Layout>, Failure> {
    LAYOUTS.with_borrow_mut(|layouts| Ok(layouts.get(call.u32(0)?)?.clone()))
}

/// `recordMisalignment(view, align)`: how far the view lies behind the last multiple of `align`.
fn misalignment(call: &Call) -> Outcome {
    Ok((call.misalignment(0, call.usize(1)?)? as f64).into())
}

/// `recordRelease(pool, slabs, slots)`: all of the slots, or none.
fn release(call: &Call) -> Outcome {
    let layout = layout(call)?;
    let memory = call.windows(1)?;
    // A copy: the slots may lie in a slab.
    let slots = call.elements::<u32>(2)?.to_vec();
    Slabs::new(&layout, memory)?.release(&slots)?;
    Ok((slots.len() as f64).into())
}

/// `recordClear(pool, slabs)`: releases every record and gives their number.
fn clear(call: &Call) -> Outcome {
    let layout = layout(call)?;
    Ok((Slabs::new(&layout, call.windows(1)?)?.clear()? as f64).into())
}

/// `recordCheck(pool, slabs)`: fails when a rule of the slot words is broken, else gives the number of records.
fn check(call: &Call) -> Outcome {
    let layout = layout(call)?;
    let slabs = Slabs::new(&layout, call.windows(1)?)?;
    slabs.check()?;
    Ok((slabs.live() as f64).into())
}

/// `record…(pool, …)`: gives the number of a job.
fn start(call: &Call, work: impl FnOnce(&Layout) -> std::result::Result<Work, PoolError>) -> Outcome {
    let layout = layout(call)?;
    let work = work(&layout)?;
    Ok(JOBS.with_borrow_mut(|jobs| jobs.insert(Job { layout, work }))?.into())
}

/// Answers of `recordStep`.
const DONE: u32 = 0;
const PAUSED: u32 = 1;
/// All slabs are full, and more rows are to come.
const FULL: u32 = 2;
/// The window is full; the second word says how much room the next record may need.
const NARROW: u32 = 3;

/// `recordStep(job, slabs, sliceMs, words, bytes?, from?, to?)`
///
/// `sliceMs` 0 runs to the end. `words` (a `Uint32Array`) gets the length of the result (or the bytes written)
/// and the room needed. `bytes` is the document of a read, or what a write
/// fills between `from` and `to`.
fn step(call: &Call) -> Outcome {
    let slice = call.f64(2)?;
    let mut pace = match slice {
        0.0 => Pace::unlimited(),
        slice if slice > 0.0 => Pace::slice(Duration::from_secs_f64((slice / 1000.0).min(3600.0))),
        _ => return Err(Failure::argument(format!("expected a slice of 0 ms or more, got {slice}"))),
    };
    let memory = call.windows(1)?;
    let mut others: Vec<&[u8]> = memory.iter().map(|slab| &**slab).collect();
    let (from, to) = if call.has(4) { (call.usize(5)?, call.usize(6)?) } else { (0, 0) };
    // Also of the document, which is only read: it must be disjoint from the slabs, which are written to.
    let bytes = if call.has(4) { call.window(4, from, to, &others)? } else { &mut [] };
    others.push(&*bytes);
    let words = call.elements_mut::<u32>(3, &others)?;
    let [first, second, ..] = words else {
        return Err(Failure::argument("expected two words for the answer"));
    };

    JOBS.with_borrow_mut(|jobs| {
        let Job { layout, work } = jobs.get(call.u32(0)?)?;
        let layout = layout.clone();
        let mut slabs = Slabs::new(&layout, memory)?;
        let done = match work {
            Work::Sort(sort) => sort.step(&slabs, &mut pace)?.then(|| sort.len()),
            Work::Filter(filter) => filter.step(&slabs, &mut pace)?.then(|| filter.result().len()),
            Work::Aggregate(aggregate) => aggregate.step(&slabs, &mut pace)?.then(|| aggregate.count()),
            Work::Slots(slots) => Some(slots.len()),
            Work::TopK(top) => {
                if top.step(&slabs, &mut pace)? {
                    let slots = top.take();
                    let count = slots.len();
                    *work = Work::Slots(slots);
                    Some(count)
                } else {
                    None
                }
            }
            Work::Read(read) => match read.step(&mut slabs, bytes, &mut pace)? {
                Progress::Done => Some(read.result().len()),
                Progress::Paused => None,
                Progress::Full => return Ok(FULL.into()),
            },
            Work::Write(write) => {
                if from == 0 {
                    will_fill(bytes);
                }
                let written = write.step(&slabs, bytes, &mut pace)?;
                *first = written.bytes as u32;
                *second = u32::try_from(written.needed).unwrap_or(u32::MAX);
                let answer = if written.done {
                    DONE
                } else if written.needed > 0 {
                    NARROW
                } else {
                    PAUSED
                };
                return Ok(answer.into());
            }
        };
        Ok(match done {
            Some(count) => {
                *first = count as u32;
                DONE.into()
            }
            None => PAUSED.into(),
        })
    })
}

/// `recordEstimate(job, slabs)`: about how many bytes a write will take.
fn estimate(call: &Call) -> Outcome {
    let memory = call.windows(1)?;
    JOBS.with_borrow_mut(|jobs| {
        let Job { layout, work: Work::Write(write) } = jobs.get(call.u32(0)?)? else {
            return Err(Failure::argument("this job does not write"));
        };
        let layout = layout.clone();
        Ok((write.estimate(&Slabs::new(&layout, memory)?) as f64).into())
    })
}

/// `recordSlots(job, slots)`: fills a `Uint32Array` of the length that the last step told.
fn slots(call: &Call) -> Outcome {
    let out = call.elements_mut::<u32>(1, &[])?;
    JOBS.with_borrow_mut(|jobs| {
        let job = jobs.get(call.u32(0)?)?;
        let count = match &job.work {
            Work::Sort(sort) => fill(out, sort.result()),
            Work::Filter(filter) => fill(out, filter.result().iter().copied()),
            Work::Slots(slots) => fill(out, slots.iter().copied()),
            Work::Read(read) => fill(out, read.result().iter().copied()),
            Work::TopK(_) | Work::Aggregate(_) | Work::Write(_) => {
                return Err(Failure::argument("this job has no slots as its result"));
            }
        };
        Ok(count.into())
    })
}

fn fill(out: &mut [u32], slots: impl Iterator<Item = u32>) -> u32 {
    let mut count = 0;
    for (place, slot) in out.iter_mut().zip(slots) {
        *place = slot;
        count += 1;
    }
    count
}

/// `recordFigures(job, numbers, integers)`: the sum, minimum and maximum of an aggregate. A `Float64Array` of 3
/// gets them when they are floating (0 is the answer then), a `BigInt64Array` of 4 when they are integers (1):
/// the sum as its low and high 64 bits, then minimum and maximum. NaN and 0 where there is nothing.
fn figures(call: &Call) -> Outcome {
    JOBS.with_borrow_mut(|jobs| {
        let job = jobs.get(call.u32(0)?)?;
        let Work::Aggregate(aggregate) = &job.work else {
            return Err(Failure::argument("this job is not an aggregate"));
        };
        match aggregate.sum() {
            Value::Float(sum) => {
                let [out_sum, least, most, ..] = call.elements_mut::<f64>(1, &[])? else {
                    return Err(Failure::argument("expected room for 3 numbers"));
                };
                let float = |value| if let Some(Value::Float(value)) = value { value } else { f64::NAN };
                (*out_sum, *least, *most) = (sum, float(aggregate.least()), float(aggregate.most()));
                Ok(0_u32.into())
            }
            Value::Integer(sum) => {
                let [low, high, least, most, ..] = call.elements_mut::<i64>(2, &[])? else {
                    return Err(Failure::argument("expected room for 4 integers"));
                };
                let integer = |value| if let Some(Value::Integer(value)) = value { value as i64 } else { 0 };
                (*low, *high) = (sum as i64, (sum >> 64) as i64);
                (*least, *most) = (integer(aggregate.least()), integer(aggregate.most()));
                Ok(1_u32.into())
            }
        }
    })
}

/// `recordEnd(job, slabs, giveUp)`: forgets a job; with `giveUp` a read releases what it acquired.
fn end(call: &Call) -> Outcome {
    let give_up = call.u32(2)? != 0;
    let job = JOBS.with_borrow_mut(|jobs| Ok::<_, Failure>(jobs.remove(call.u32(0)?)))?;
    if let Some(Job { layout, work: Work::Read(mut read) }) = job
        && give_up
    {
        read.give_up(&mut Slabs::new(&layout, call.windows(1)?)?);
    }
    Ok(Answer::Undefined)
}

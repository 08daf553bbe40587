//! Count, sum, minimum, maximum and mean of a field.

use super::key::{Scalar, scalar_of, with_number};
use super::schema::Number;
use super::{Layout, Pace, PoolError, Slabs};

/// Independent sums: keeps the adders busy, and rounds less than one long chain would.
const LANES: usize = 8;

/// What is known so far. Integers are exact (128 bits); floating sums run in eight lanes, so they may
/// differ from a left-to-right sum in the last bits, but not from one run to the next.
#[derive(Clone, Debug)]
pub struct Aggregate {
    field: usize,
    slab: usize,
    count: usize,
    floats: [f64; LANES],
    integer: i128,
    least: Option<Value>,
    most: Option<Value>,
    has_nan: bool,
    /// The field holds integers.
    exact: bool,
}

/// A value of a field, exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A floating number.
    Float(f64),
    /// An integer; sums of 64-bit ones go beyond 64 bits.
    Integer(i128),
}

impl Aggregate {
    /// Prepares to aggregate the field at `field`, which must be one number a record.
    pub fn new(layout: &Layout, field: usize) -> Result<Self, PoolError> {
        let Some(number) = scalar_of(layout.column(field)?.kind) else {
            return Err(PoolError::Argument(format!(
                "field \"{}\": expected a field with one number, a boolean or a timestamp",
                layout.schema().fields()[field].name
            )));
        };
        Ok(Aggregate {
            field,
            slab: 0,
            count: 0,
            floats: [0.0; LANES],
            integer: 0,
            least: None,
            most: None,
            has_nan: false,
            exact: !matches!(number, Number::F32 | Number::F64),
        })
    }

    /// Works until done (`true`) or until the pace says to stop (`false`).
    pub fn step(&mut self, slabs: &Slabs, pace: &mut Pace) -> Result<bool, PoolError> {
        while self.slab < slabs.len() {
            if let Some(slab) = slabs.get(self.slab) {
                let kind = slab.layout().column(self.field)?.kind;
                if let Some(number) = scalar_of(kind) {
                    let (values, live) = (slab.values(self.field), slab.generations());
                    match number {
                        Number::U64 => self.add_wide::<u64>(values, live),
                        Number::I64 => self.add_wide::<i64>(values, live),
                        Number::F32 | Number::F64 => {
                            with_number!(number, T => {
                                let part = scan::<T>(self.floats, values, live);
                                self.floats = part.sums;
                                self.add(&part, Value::Float);
                            });
                        }
                        // Up to 65,536 values below 2^32: their sum as f64 is exact.
                        number => with_number!(number, T => {
                            let part = scan::<T>([0.0; LANES], values, live);
                            self.integer += part.sums.iter().sum::<f64>() as i128;
                            self.add(&part, |value| Value::Integer(value as i128));
                        }),
                    }
                }
            }
            self.slab += 1;
            if self.slab < slabs.len() && pace.spent() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn add(&mut self, part: &Part, value: impl Fn(f64) -> Value) {
        if part.count > 0 {
            self.count += part.count;
            self.has_nan |= part.has_nan;
            self.widen(value(part.least), value(part.most));
        }
    }

    fn add_wide<T: Scalar + Into<i128>>(&mut self, values: &[u8], live: &[[u8; 4]]) {
        let live = live.iter().map(|generation| generation[0] & 1 == 1);
        for (value, _) in T::split(values).iter().zip(live).filter(|(_, live)| *live) {
            let value = T::load(*value).into();
            self.count += 1;
            self.integer += value;
            self.widen(Value::Integer(value), Value::Integer(value));
        }
    }

    fn widen(&mut self, least: Value, most: Value) {
        self.least = Some(self.least.map_or(least, |old| pick(old, least, false)));
        self.most = Some(self.most.map_or(most, |old| pick(old, most, true)));
    }

    /// Records that were counted.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The sum; 0 of nothing.
    pub fn sum(&self) -> Value {
        if self.exact { Value::Integer(self.integer) } else { Value::Float(self.floats.iter().sum()) }
    }

    /// The smallest value; `None` of nothing. NaN when one of the values is (as `Math.min`).
    pub fn least(&self) -> Option<Value> {
        if self.has_nan { Some(Value::Float(f64::NAN)) } else { self.least }
    }

    /// The largest value; `None` of nothing. NaN when one of the values is (as `Math.max`).
    pub fn most(&self) -> Option<Value> {
        if self.has_nan { Some(Value::Float(f64::NAN)) } else { self.most }
    }
}

/// What one slab adds.
struct Part {
    count: usize,
    sums: [f64; LANES],
    least: f64,
    most: f64,
    has_nan: bool,
}

fn scan<T: Scalar>(mut sums: [f64; LANES], values: &[u8], live: &[[u8; 4]]) -> Part {
    let (mut least, mut most) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (mut count, mut has_nan) = (0, false);
    for (values, live) in T::split(values).chunks(LANES).zip(live.chunks(LANES)) {
        for (lane, (value, live)) in values.iter().zip(live).enumerate() {
            let value = T::load(*value).to_f64();
            let live = live[0] & 1 == 1;
            count += usize::from(live);
            // A released record is zeroed, but nobody can promise that of memory that JavaScript owns.
            sums[lane] += if live { value } else { 0.0 };
            has_nan |= live && value.is_nan();
            least[lane] = if live && value < least[lane] { value } else { least[lane] };
            most[lane] = if live && value > most[lane] { value } else { most[lane] };
        }
    }
    Part {
        count,
        sums,
        least: least.into_iter().fold(f64::INFINITY, f64::min),
        most: most.into_iter().fold(f64::NEG_INFINITY, f64::max),
        has_nan,
    }
}

fn pick(a: Value, b: Value, larger: bool) -> Value {
    let b_is_larger = match (a, b) {
        (Value::Float(a), Value::Float(b)) => b > a,
        (Value::Integer(a), Value::Integer(b)) => b > a,
        _ => return a,
    };
    if b_is_larger == larger { b } else { a }
}

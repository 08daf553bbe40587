//! Predicates over records: a small postfix program, run over 1,024 slots at a time.
//!
//! Every comparison yields one bit a record and the logical operators combine whole words of bits, so a
//! record costs a few tenths of a nanosecond a comparison, and nothing is decided by a branch that cannot
//! be predicted.
//!
//! The program comes from `src/pool/record-predicate.ts` as bytes, little-endian:
//!
//! | op | bytes that follow | pops → pushes |
//! |---|---|---|
//! | [`op::AND`], [`op::OR`] | – | 2 → 1 |
//! | [`op::NOT`] | – | 1 → 1 |
//! | [`op::NUMBER`] | relation u8, field u16, f64 (or the 64 bits of an i64/u64 field) | 0 → 1 |
//! | [`op::TEXT`] | relation u8, field u16, length u32, bytes | 0 → 1 |

use memchr::memmem;

use super::key::{Scalar, scalar_of, with_number};
use super::schema::{Kind, Number};
use super::{Layout, Pace, PoolError, Slab, Slabs};

/// Operation codes.
pub mod op {
    /// Both.
    pub const AND: u8 = 1;
    /// Either.
    pub const OR: u8 = 2;
    /// The opposite.
    pub const NOT: u8 = 3;
    /// Compares a number field with a constant.
    pub const NUMBER: u8 = 4;
    /// Compares a string or bytes field with a constant.
    pub const TEXT: u8 = 5;
}

/// How a value relates to the constant; the codes are the order of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal. NaN equals nothing, −0 equals +0.
    Equal,
    /// Not equal.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
    /// Text that starts with the constant.
    StartsWith,
    /// Text that ends with it.
    EndsWith,
    /// Text that has it somewhere.
    Contains,
}

impl Relation {
    const ALL: [Relation; 9] = [
        Relation::Equal,
        Relation::NotEqual,
        Relation::Less,
        Relation::LessOrEqual,
        Relation::Greater,
        Relation::GreaterOrEqual,
        Relation::StartsWith,
        Relation::EndsWith,
        Relation::Contains,
    ];
}

/// Slots of one block.
const BLOCK: usize = 1024;
type Mask = [u64; BLOCK / 64];
/// The deepest stack, and with it the deepest nesting of an expression.
const MAX_DEPTH: usize = 64;

#[derive(Clone, Debug)]
enum Step {
    And,
    Or,
    Not,
    Float { relation: Relation, field: usize, number: Number, constant: f64 },
    Unsigned { relation: Relation, field: usize, constant: u64 },
    Signed { relation: Relation, field: usize, constant: i64 },
    Text { relation: Relation, field: usize, constant: Box<[u8]> },
}

/// A compiled predicate and how far it got.
#[derive(Clone, Debug)]
pub struct Filter {
    steps: Vec<Step>,
    slab: usize,
    result: Vec<u32>,
}

impl Filter {
    /// Checks and compiles a program against the fields of `layout`.
    pub fn new(layout: &Layout, program: &[u8]) -> Result<Self, PoolError> {
        let wrong = |what: &str| PoolError::Argument(format!("the predicate is malformed: {what}"));
        let mut rest = program;
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at_checked(count)?;
            rest = tail;
            Some(head)
        };
        let mut steps = Vec::new();
        let mut depth = 0_usize;
        while let Some(code) = take(1) {
            let (pops, step) = match code[0] {
                op::AND => (2, Step::And),
                op::OR => (2, Step::Or),
                op::NOT => (1, Step::Not),
                code @ (op::NUMBER | op::TEXT) => {
                    let head = take(3).ok_or_else(|| wrong("it ends within a comparison"))?;
                    let relation =
                        *Relation::ALL.get(head[0] as usize).ok_or_else(|| wrong("an unknown relation"))?;
                    let field = u16::from_le_bytes([head[1], head[2]]) as usize;
                    let kind = layout.column(field)?.kind;
                    let step = if code == op::NUMBER {
                        let number =
                            scalar_of(kind).ok_or_else(|| wrong("a number is compared with another kind"))?;
                        if relation as usize > Relation::GreaterOrEqual as usize {
                            return Err(wrong("a relation of text on a number"));
                        }
                        let bytes = take(8).and_then(|bytes| bytes.first_chunk::<8>());
                        let bytes = *bytes.ok_or_else(|| wrong("it ends within a constant"))?;
                        match number {
                            Number::U64 => {
                                Step::Unsigned { relation, field, constant: u64::from_le_bytes(bytes) }
                            }
                            Number::I64 => {
                                Step::Signed { relation, field, constant: i64::from_le_bytes(bytes) }
                            }
                            number => {
                                Step::Float { relation, field, number, constant: f64::from_le_bytes(bytes) }
                            }
                        }
                    } else {
                        if !matches!(kind, Kind::String { .. } | Kind::Bytes { .. }) {
                            return Err(wrong("text is compared with another kind"));
                        }
                        let length = take(4).and_then(|bytes| bytes.first_chunk::<4>());
                        let length =
                            u32::from_le_bytes(*length.ok_or_else(|| wrong("it ends within a length"))?);
                        let constant =
                            take(length as usize).ok_or_else(|| wrong("it ends within a constant"))?.into();
                        Step::Text { relation, field, constant }
                    };
                    (0, step)
                }
                _ => return Err(wrong("an unknown operation")),
            };
            depth = depth.checked_sub(pops).ok_or_else(|| wrong("an operator lacks its operand"))? + 1;
            if depth > MAX_DEPTH {
                return Err(PoolError::Argument(format!(
                    "expected a predicate nested at most {MAX_DEPTH} deep"
                )));
            }
            steps.push(step);
        }
        if depth != 1 {
            return Err(wrong("it does not end in one answer"));
        }
        Ok(Filter { steps, slab: 0, result: Vec::new() })
    }

    /// Works until done (`true`) or until the pace says to stop (`false`).
    pub fn step(&mut self, slabs: &Slabs, pace: &mut Pace) -> Result<bool, PoolError> {
        let mut stack: Vec<Mask> = Vec::with_capacity(8);
        while self.slab < slabs.len() {
            if let Some(slab) = slabs.get(self.slab) {
                for block in 0..(slab.fresh() as usize).div_ceil(BLOCK) {
                    self.block(slab, block, &mut stack);
                }
            }
            self.slab += 1;
            if self.slab < slabs.len() && pace.spent() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The slots whose records match so far, ascending.
    pub fn result(&self) -> &[u32] {
        &self.result
    }

    fn block(&mut self, slab: &Slab, block: usize, stack: &mut Vec<Mask>) {
        let from = block * BLOCK;
        let to = (from + BLOCK).min(slab.fresh() as usize);
        stack.clear();
        for step in &self.steps {
            match step {
                Step::And | Step::Or => {
                    // `new` proved that the operands are there.
                    let (Some(b), Some(a)) = (stack.pop(), stack.last_mut()) else { return };
                    let and = matches!(step, Step::And);
                    a.iter_mut().zip(b).for_each(|(a, b)| *a = if and { *a & b } else { *a | b });
                }
                Step::Not => {
                    let Some(a) = stack.last_mut() else { return };
                    a.iter_mut().for_each(|a| *a = !*a);
                }
                &Step::Float { relation, field, number, constant } => {
                    stack.push(with_number!(number, T => {
                        let values = &T::split(slab.values(field))[from..to];
                        compare(values, relation, constant, |value| T::load(value).to_f64())
                    }));
                }
                &Step::Unsigned { relation, field, constant } => {
                    let values = &u64::split(slab.values(field))[from..to];
                    stack.push(compare(values, relation, constant, u64::load));
                }
                &Step::Signed { relation, field, constant } => {
                    let values = &i64::split(slab.values(field))[from..to];
                    stack.push(compare(values, relation, constant, i64::load));
                }
                Step::Text { relation, field, constant } => {
                    stack.push(texts(slab, *field, from, to, *relation, constant));
                }
            }
        }
        let Some(mask) = stack.pop() else { return };
        for (word, &bits) in mask.iter().enumerate().take((to - from).div_ceil(64)) {
            let mut bits = bits & slab.live_mask(from / 64 + word);
            while bits != 0 {
                self.result.push(slab.slot((from + word * 64) as u32 + bits.trailing_zeros()));
                bits &= bits - 1;
            }
        }
    }
}

fn compare<B: Copy, V: PartialOrd + Copy>(
    values: &[B],
    relation: Relation,
    constant: V,
    load: impl Fn(B) -> V + Copy,
) -> Mask {
    // One loop for each relation, so that the test inside is a single instruction.
    match relation {
        Relation::Equal => mask_of(values, |value| load(value) == constant),
        Relation::NotEqual => mask_of(values, |value| load(value) != constant),
        Relation::Less => mask_of(values, |value| load(value) < constant),
        Relation::LessOrEqual => mask_of(values, |value| load(value) <= constant),
        Relation::Greater => mask_of(values, |value| load(value) > constant),
        Relation::GreaterOrEqual => mask_of(values, |value| load(value) >= constant),
        Relation::StartsWith | Relation::EndsWith | Relation::Contains => [0; BLOCK / 64],
    }
}

fn mask_of<B: Copy>(values: &[B], test: impl Fn(B) -> bool) -> Mask {
    let mut mask = [0; BLOCK / 64];
    for (word, values) in mask.iter_mut().zip(values.chunks(64)) {
        *word = values.iter().enumerate().fold(0, |bits, (bit, &value)| bits | u64::from(test(value)) << bit);
    }
    mask
}

fn texts(slab: &Slab, field: usize, from: usize, to: usize, relation: Relation, constant: &[u8]) -> Mask {
    let finder = memmem::Finder::new(constant);
    let mut mask = [0; BLOCK / 64];
    for (word, start) in mask.iter_mut().zip((from..to).step_by(64)) {
        let live = slab.live_mask(start / 64);
        for bit in 0..(to - start).min(64) {
            // Text of free slots is not worth reading.
            if live >> bit & 1 == 0 {
                continue;
            }
            let text = slab.inline(field, (start + bit) as u32);
            let matches = match relation {
                Relation::Equal => text == constant,
                Relation::NotEqual => text != constant,
                Relation::Less => text < constant,
                Relation::LessOrEqual => text <= constant,
                Relation::Greater => text > constant,
                Relation::GreaterOrEqual => text >= constant,
                Relation::StartsWith => text.starts_with(constant),
                Relation::EndsWith => text.ends_with(constant),
                Relation::Contains => finder.find(text).is_some(),
            };
            *word |= u64::from(matches) << bit;
        }
    }
    mask
}

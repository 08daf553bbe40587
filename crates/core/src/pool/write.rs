//! Records as JSON: an array of objects, or one object a line.
//!
//! Members are in the order of the schema. Numbers, strings and booleans are as `JSON.stringify` writes
//! them; 64-bit integers are written in full digits, bytes as base64, timestamps in milliseconds, vectors
//! as arrays.

use super::key::{Scalar, with_number};
use super::schema::{Kind, Number};
use super::text::{Key, Out, base64_bytes, string_bytes};
use super::{Layout, Pace, PoolError, Slab, Slabs};
use crate::digits::MOST_BYTES;

/// Records between two questions to the [`Pace`].
const STRIDE: usize = 1024;

/// A document being written, window by window.
#[derive(Debug)]
pub struct Write {
    lines: bool,
    members: Vec<Member>,
    /// The most bytes of a record apart from its text and bytes fields.
    fixed: usize,
    /// The most bytes of any record.
    most: usize,
    source: Source,
    state: State,
}

#[derive(Debug)]
struct Member {
    key: Key,
    field: usize,
    kind: Kind,
    offset: usize,
    stride: usize,
}

#[derive(Debug)]
enum Source {
    /// Every record, in order of slots: the next one to look at.
    All { slab: usize, index: u32 },
    /// These slots.
    These { slots: Box<[u32]>, at: usize },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Start,
    First,
    Rest,
    Done,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Written {
    /// Bytes that were written to the window.
    pub bytes: usize,
    /// Whether the document is complete.
    pub done: bool,
    /// When not done: the room that the next record may need. 0 when only the pace ended the step.
    pub needed: usize,
}

impl Write {
    /// Prepares to write all records, or those in `slots` in that order; `lines` for line-delimited JSON.
    pub fn new(layout: &Layout, lines: bool, slots: Option<&[u32]>) -> Self {
        let (mut fixed, mut most) = (4, 4);
        let fields = layout.schema().fields().iter().zip(layout.columns()).enumerate();
        let members = fields
            .map(|(field, (named, column))| {
                let mut key = vec![0; string_bytes(named.name.len()) + 2];
                let mut out = Out::new(&mut key);
                out.byte(if field == 0 { b'{' } else { b',' });
                out.string(named.name.as_bytes());
                out.byte(b':');
                let length = out.len();
                key.truncate(length);
                let bytes = match column.kind {
                    Kind::Vector { length, .. } => 2 + length as usize * (MOST_BYTES + 1),
                    Kind::String { .. } | Kind::Bytes { .. } => 0,
                    _ => MOST_BYTES,
                };
                fixed += key.len() + bytes;
                most += key.len() + bytes + inline_bytes(column.kind, column.stride);
                Member {
                    key: Key::new(&key),
                    field,
                    kind: column.kind,
                    offset: column.offset,
                    stride: column.stride,
                }
            })
            .collect();
        let source = match slots {
            None => Source::All { slab: 0, index: 0 },
            Some(slots) => Source::These { slots: slots.into(), at: 0 },
        };
        Write { lines, members, fixed, most, source, state: State::Start }
    }

    /// About how many bytes the document will take: up to 256 records are written for it, and thrown away.
    pub fn estimate(&self, slabs: &Slabs) -> usize {
        const SAMPLES: usize = 256;
        let mut scratch = Vec::new();
        let (mut count, mut bytes) = (0, 0);
        let mut sample = |slot: u32| {
            let Some((slab, index)) = slabs.locate(slot).filter(|(slab, index)| slab.is_live(*index)) else {
                return;
            };
            let most = self.bytes_of(slab, index);
            if scratch.len() < most {
                scratch.resize(most, 0);
            }
            let mut out = Out::new(&mut scratch);
            self.record(slab, index, &mut out);
            count += 1;
            bytes += out.len() + 1;
        };
        let total = match &self.source {
            Source::These { slots, .. } => {
                slots.iter().step_by(slots.len().div_ceil(SAMPLES).max(1)).for_each(|&slot| sample(slot));
                slots.len()
            }
            Source::All { .. } => {
                let used: usize = slabs.iter().map(|slab| slab.fresh() as usize).sum();
                let step = used.div_ceil(SAMPLES).max(1);
                for slab in slabs.iter() {
                    (0..slab.fresh()).step_by(step).for_each(|index| sample(slab.slot(index)));
                }
                slabs.live()
            }
        };
        // A sixteenth more, and the brackets: a document that is longer after all is moved once.
        (bytes * total).checked_div(count).map_or(0, |bytes| bytes + bytes / 16) + 64
    }

    /// Writes to `window` until done, full, or the pace says to stop.
    ///
    /// Fails with [`PoolError::Stale`] at a given slot that holds no record.
    pub fn step(&mut self, slabs: &Slabs, window: &mut [u8], pace: &mut Pace) -> Result<Written, PoolError> {
        let mut out = Out::new(window);
        if self.state == State::Start {
            if !self.lines {
                if out.room() == 0 {
                    return Ok(Written { bytes: 0, done: false, needed: 1 });
                }
                out.byte(b'[');
            }
            self.state = State::First;
        }
        let mut count = 0_usize;
        while self.state != State::Done {
            let Some((slab, index)) = self.locate(slabs)? else {
                if !self.lines {
                    if out.room() == 0 {
                        return Ok(Written { bytes: out.len(), done: false, needed: 1 });
                    }
                    out.byte(b']');
                }
                self.state = State::Done;
                break;
            };
            if out.room() < self.most {
                let needed = self.bytes_of(slab, index);
                if out.room() < needed {
                    return Ok(Written { bytes: out.len(), done: false, needed });
                }
            }
            if self.state == State::Rest && !self.lines {
                out.byte(b',');
            }
            self.state = State::Rest;
            self.record(slab, index, &mut out);
            match &mut self.source {
                Source::All { index, .. } => *index += 1,
                Source::These { at, .. } => *at += 1,
            }
            count += 1;
            if count.is_multiple_of(STRIDE) && pace.spent() {
                return Ok(Written { bytes: out.len(), done: false, needed: 0 });
            }
        }
        Ok(Written { bytes: out.len(), done: true, needed: 0 })
    }

    /// The record that is next, if there is one.
    fn locate<'s, 'a>(&mut self, slabs: &'s Slabs<'a>) -> Result<Option<(&'s Slab<'a>, u32)>, PoolError> {
        match &mut self.source {
            Source::These { slots, at } => {
                let Some(&slot) = slots.get(*at) else { return Ok(None) };
                let found = slabs.locate(slot).filter(|(slab, index)| slab.is_live(*index));
                found.map(Some).ok_or(PoolError::Stale { slot })
            }
            Source::All { slab: number, index } => {
                while *number < slabs.len() {
                    if let Some(slab) = slabs.get(*number) {
                        let generations = slab.generations();
                        while let Some(generation) = generations.get(*index as usize) {
                            if generation[0] & 1 == 1 {
                                return Ok(Some((slab, *index)));
                            }
                            *index += 1;
                        }
                    }
                    *number += 1;
                    *index = 0;
                }
                Ok(None)
            }
        }
    }

    /// The most bytes of this record, with its separators.
    fn bytes_of(&self, slab: &Slab, index: u32) -> usize {
        let inline = self.members.iter().map(|member| match member.kind {
            Kind::String { .. } | Kind::Bytes { .. } => {
                inline_bytes(member.kind, slab.inline(member.field, index).len())
            }
            _ => 0,
        });
        self.fixed + inline.sum::<usize>()
    }

    fn record(&self, slab: &Slab, index: u32, out: &mut Out) {
        let bytes = slab.bytes();
        for member in &self.members {
            out.key(&member.key);
            let at = member.offset + index as usize * member.stride;
            match member.kind {
                Kind::Number(number) => with_number!(number, T => number_at::<T>(&bytes[at..], number, out)),
                Kind::Timestamp => number_at::<f64>(&bytes[at..], Number::F64, out),
                Kind::Boolean => out.raw(if bytes[at] & 1 == 1 { b"true" } else { b"false" }),
                Kind::String { .. } => out.string(slab.inline(member.field, index)),
                Kind::Bytes { .. } => out.base64(slab.inline(member.field, index)),
                Kind::Vector { element, length, .. } => {
                    out.byte(b'[');
                    let bytes = &bytes[at..at + length as usize * element.bytes()];
                    for (position, start) in (0..bytes.len()).step_by(element.bytes()).enumerate() {
                        if position > 0 {
                            out.byte(b',');
                        }
                        with_number!(element, T => number_at::<T>(&bytes[start..], element, out));
                    }
                    out.byte(b']');
                }
            }
        }
        out.raw(if self.lines { b"}\n" } else { b"}" });
    }
}

fn inline_bytes(kind: Kind, length: usize) -> usize {
    match kind {
        Kind::String { .. } => string_bytes(length),
        Kind::Bytes { .. } => base64_bytes(length),
        _ => 0,
    }
}

/// Writes the first value of `bytes`.
#[inline]
fn number_at<T: Scalar>(bytes: &[u8], number: Number, out: &mut Out) {
    let Some(value) = T::split(&bytes[..number.bytes()]).first() else { return };
    let value = T::load(*value);
    match number {
        Number::F32 | Number::F64 => out.float(value.to_f64()),
        Number::U8 | Number::U16 | Number::U32 | Number::U64 => out.unsigned(value.key()),
        // The key of a signed integer is the value moved up by 2^63.
        Number::I8 | Number::I16 | Number::I32 | Number::I64 => out.signed((value.key() ^ 1 << 63) as i64),
    }
}

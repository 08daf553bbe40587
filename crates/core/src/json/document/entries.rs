//! The entries of the containers of a document, while the walk over its bitmaps meets them.

use super::super::white::{skip_white, skip_white_back};
use super::names::{are_distinct, is_odd, name_key};
use super::{
    DISTINCT, DISTINCT_MEMBERS, ELEMENT_NUMBERS, HEADER_NUMBERS, IndexError, Indexed, MEMBER_NUMBERS, ODD,
};

/// A container that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Where its entries start: in `waiting`, or in the index when it is indexed alone.
    pub(super) base: usize,
    pub(super) is_object: bool,
    pub(super) has_odd: bool,
}

/// What comes next in the innermost container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A name and its colon, in an object.
    Name,
    /// A value, from `from` on.
    Value,
    /// A comma or the end: the value was a container, and has been taken in.
    Taken,
}

impl State {
    /// Of a container of which a new entry begins.
    #[inline(always)]
    pub(super) fn fresh(is_object: bool) -> State {
        if is_object { State::Name } else { State::Value }
    }
}

/// The entries found so far.
pub(super) struct Entries<'a, const DEEP: bool> {
    pub(super) input: &'a [u8],
    pub(super) index: &'a mut [u32],
    /// Where the index goes on; also when there is no more room.
    pub(super) end: usize,
    /// Entries of the containers that are open, and how many numbers of it are in use.
    pub(super) waiting: Vec<u32>,
    pub(super) top: usize,
    pub(super) outer: &'a mut Vec<Frame>,
    pub(super) innermost: Frame,
    pub(super) state: State,
    /// Behind the bracket, comma or colon that was passed last.
    pub(super) from: usize,
    /// Key of the name that was passed last, and above it where it starts. One register: as two numbers they
    /// were stored apart and loaded together, which took a quarter of all the time.
    pub(super) name: u64,
    /// What starts here or later has no escapes and is ASCII, as far as the bitmaps go.
    pub(super) plain_from: usize,
}

impl<const DEEP: bool> Entries<'_, DEEP> {
    /// A name ends before the colon at `at`.
    #[inline(always)]
    pub(super) fn colon(&mut self, at: usize) -> Result<(), IndexError> {
        let quote = skip_white(self.input, self.from);
        let end = skip_white_back(self.input, at) - 1;
        if self.state != State::Name || end <= quote || self.input[quote] != b'"' || self.input[end] != b'"' {
            return Err(IndexError::Broken(quote.min(at)));
        }
        let name = &self.input[quote + 1..end];
        let mut key = name_key(name);
        if quote < self.plain_from && is_odd(name) {
            key = ODD;
            self.innermost.has_odd = true;
        }
        self.name = u64::from(key) | (quote as u64 + 1) << 32;
        self.from = at + 1;
        self.state = State::Value;
        Ok(())
    }

    /// An entry ends before the comma at `at`.
    #[inline(always)]
    pub(super) fn comma(&mut self, at: usize) -> Result<(), IndexError> {
        match self.state {
            State::Taken => {}
            State::Value => {
                let start = skip_white(self.input, self.from);
                let end = skip_white_back(self.input, at);
                if start >= end {
                    return Err(IndexError::Broken(start));
                }
                let odd =
                    start < self.plain_from && self.input[start] == b'"' && is_odd(&self.input[start..end]);
                self.push_value(start as u32 | if odd { ODD } else { 0 }, end as u32);
            }
            State::Name => return Err(IndexError::Broken(at)),
        }
        self.state = State::fresh(self.innermost.is_object);
        self.from = at + 1;
        Ok(())
    }

    /// The value is a container and starts at `at`. The last number of its entry is still to come.
    #[inline(always)]
    pub(super) fn value_opens(&mut self, at: usize) -> Result<(), IndexError> {
        if self.state != State::Value || skip_white(self.input, self.from) != at {
            return Err(IndexError::Broken(at));
        }
        self.push_value(at as u32, 0);
        self.state = State::Taken;
        Ok(())
    }

    /// The container that was told to open last has ended: this is the last number of its entry.
    #[inline(always)]
    pub(super) fn value_closes(&mut self, number: u32) {
        if DEEP {
            self.waiting[self.top - 1] = number;
        } else if let Some(last) = self.index.get_mut(self.end - 1) {
            *last = number;
        }
    }

    /// The container that starts at `at` is the innermost one now.
    #[inline(always)]
    pub(super) fn open(&mut self, at: usize) -> Result<(), IndexError> {
        self.value_opens(at)?;
        self.outer.push(self.innermost);
        let is_object = self.input[at] == b'{';
        self.innermost = Frame { base: self.top, is_object, has_odd: false };
        self.state = State::fresh(is_object);
        self.from = at + 1;
        Ok(())
    }

    /// The innermost container ends at `at`; gives the position of its row.
    #[inline(always)]
    fn finish_row(&mut self, at: usize) -> Result<usize, IndexError> {
        let Frame { base, is_object, .. } = self.innermost;
        let is_empty = self.entries_end() == base && self.state == State::fresh(is_object);
        if !(is_empty && skip_white(self.input, self.from) == at) {
            self.comma(at)?;
        }
        if (self.input[at] == b'}') != is_object {
            return Err(IndexError::Broken(at));
        }
        let numbers = self.entries_end() - base;
        let count = numbers / if is_object { MEMBER_NUMBERS } else { ELEMENT_NUMBERS };
        let row = if DEEP { self.end } else { base - HEADER_NUMBERS };
        let mut flags = 0;
        if self.innermost.has_odd {
            flags = ODD;
        } else if is_object && DISTINCT_MEMBERS.contains(&count) {
            let members =
                if DEEP { self.waiting.get(base..self.top) } else { self.index.get(base..self.end) };
            if members.is_some_and(|members| are_distinct(self.input, members)) {
                flags = DISTINCT;
            }
        }
        if let Some(header) = self.index.get_mut(row..row + HEADER_NUMBERS) {
            header.copy_from_slice(&[count as u32 | flags, 0, at as u32 + 1]);
        }
        if DEEP {
            let entries = row + HEADER_NUMBERS;
            self.end = entries + numbers;
            if let Some(target) = self.index.get_mut(entries..self.end) {
                target.copy_from_slice(&self.waiting[base..self.top]);
            }
            self.top = base;
        }
        Ok(row)
    }

    /// The innermost container, which is not the outermost, ends at `at`.
    #[inline(always)]
    pub(super) fn close(&mut self, at: usize) -> Result<(), IndexError> {
        let row = self.finish_row(at)?;
        self.innermost = self.outer.pop().ok_or(IndexError::Broken(at))?;
        self.value_closes(!(row as u32));
        self.state = State::Taken;
        Ok(())
    }

    /// The outermost container ends at `at`.
    pub(super) fn finish(&mut self, at: usize) -> Result<Indexed, IndexError> {
        let root = self.finish_row(at)?;
        let end = self.end;
        if end > self.index.len() { Err(IndexError::NoRoom(end)) } else { Ok(Indexed { root, end }) }
    }

    /// Behind the last entry of the innermost container.
    #[inline(always)]
    fn entries_end(&self) -> usize {
        if DEEP { self.top } else { self.end }
    }

    #[inline(always)]
    fn push_value(&mut self, start: u32, end: u32) {
        if self.innermost.is_object {
            self.push([self.name as u32, (self.name >> 32) as u32, start, end]);
        } else {
            self.push([start, end]);
        }
    }

    #[inline(always)]
    fn push<const N: usize>(&mut self, numbers: [u32; N]) {
        if DEEP {
            loop {
                if let Some(target) = self.waiting.get_mut(self.top..self.top + N) {
                    target.copy_from_slice(&numbers);
                    break;
                }
                self.grow();
            }
            self.top += N;
        } else {
            if let Some(target) = self.index.get_mut(self.end..self.end + N) {
                target.copy_from_slice(&numbers);
            }
            self.end += N;
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.waiting.resize((self.waiting.len() * 2).max(1024), 0);
    }
}

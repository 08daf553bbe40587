//! Runs a program into a window of bytes.

use thiserror::Error;

use super::escape::{BLOCK, write_raw, write_string};
use super::program::{ABSENT, NULL, Op, PRESENT, Program};
use super::time::{MAX_TIMESTAMP_BYTES, write_timestamp};
use crate::digits::{self, write_number};

/// What a template is rendered from: everything flat, in the order of the program.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// All strings, joined. [`BLOCK`] units of anything behind them make rendering faster.
    pub strings: &'a [u16],
    /// Lengths of strings, numbers, flags, row counts.
    pub numbers: &'a [f64],
}

/// Why nothing was rendered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RenderError {
    /// The output is longer than the window.
    #[error("the output does not fit the window")]
    Full,
    /// The flat values do not belong to this program.
    #[error("the values do not fit the template program")]
    Values,
    /// The output is longer than a chunk may be.
    #[error("the output is over {0} bytes")]
    TooLarge(usize),
}

/// Renders into `out`; gives the bytes written. `literals` are those of the program, also with more behind
/// them. On an error, what `out` holds means nothing.
pub fn render(
    program: &Program,
    literals: &[u8],
    values: Values<'_>,
    out: &mut [u8],
) -> Result<usize, RenderError> {
    let mut run = Run { ops: program.ops(), literals, values, string: 0, number: 0, out, at: 0 };
    run.block(0, program.ops().len(), PRESENT)?;
    Ok(run.at)
}

/// Renders into `scratch`, which grows up to `limit_bytes` as needed; gives the bytes written.
pub fn render_growing(
    program: &Program,
    literals: &[u8],
    values: Values<'_>,
    scratch: &mut Vec<u8>,
    limit_bytes: usize,
) -> Result<usize, RenderError> {
    let estimate = program.literal_bytes() + values.strings.len() * 2 + values.numbers.len() * 8 + 64;
    let mut capacity = estimate.max(scratch.len()).min(limit_bytes);
    loop {
        scratch.resize(capacity, 0);
        match render(program, literals, values, scratch) {
            Err(RenderError::Full) if capacity < limit_bytes => {
                capacity = capacity.saturating_mul(2).min(limit_bytes);
            }
            Err(RenderError::Full) => return Err(RenderError::TooLarge(limit_bytes)),
            other => return other,
        }
    }
}

struct Run<'a, 'o> {
    ops: &'a [Op],
    literals: &'a [u8],
    values: Values<'a>,
    string: usize,
    number: usize,
    out: &'o mut [u8],
    at: usize,
}

impl<'a> Run<'a, '_> {
    /// Runs `from..to`; `kept` is the flag of the `Maybe` around it. Recursion is bounded by the decoder.
    fn block(&mut self, mut from: usize, to: usize, kept: f64) -> Result<(), RenderError> {
        while from < to {
            let op = self.ops[from];
            from += 1;
            match op {
                Op::Literal { start, end } => {
                    self.put_literal(start as usize, end as usize)?;
                }
                Op::String => {
                    let (units, length) = self.take_units()?;
                    self.at +=
                        write_string(units, length, &mut self.out[self.at..]).ok_or(RenderError::Full)?;
                }
                Op::Raw => {
                    let (units, length) = self.take_units()?;
                    self.at +=
                        write_raw(&units[..length], &mut self.out[self.at..]).ok_or(RenderError::Full)?;
                }
                Op::Number => {
                    let value = self.take()?;
                    if let Some(target) = self.out[self.at..].first_chunk_mut() {
                        self.at += write_number(value, target);
                    } else {
                        let mut text = [0; digits::ROOM];
                        let length = write_number(value, &mut text);
                        self.put(&text[..length])?;
                    }
                }
                Op::Timestamp => {
                    let mut text = [0; MAX_TIMESTAMP_BYTES];
                    let length = write_timestamp(self.take()?, &mut text);
                    self.put(&text[..length])?;
                }
                Op::Boolean => {
                    let value = self.take()?;
                    self.put_boolean(value != 0.0)?;
                }
                Op::Comma => {
                    if !matches!(self.out[..self.at].last(), Some(b'{' | b'[')) {
                        self.put(b",")?;
                    }
                }
                Op::Each { end } => {
                    let rows = self.take()?;
                    if !(0.0..=f64::from(u32::MAX)).contains(&rows) {
                        return Err(RenderError::Values);
                    }
                    for _ in 0..rows as u32 {
                        let before = (self.at, self.number);
                        self.block(from, end as usize, PRESENT)?;
                        // A block without output and values would go round for as long as the count says.
                        if before == (self.at, self.number) {
                            break;
                        }
                    }
                    from = end as usize;
                }
                Op::Maybe { end } => {
                    let flag = self.take()?;
                    if flag != ABSENT {
                        self.block(from, end as usize, flag)?;
                    }
                    from = end as usize;
                }
                Op::NullIfKept { end } => {
                    if kept == NULL {
                        self.put(b"null")?;
                        from = end as usize;
                    }
                }
                Op::NullOr { end } => {
                    if self.take()? != PRESENT {
                        self.put(b"null")?;
                        from = end as usize;
                    }
                }
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<f64, RenderError> {
        let value = *self.values.numbers.get(self.number).ok_or(RenderError::Values)?;
        self.number += 1;
        Ok(value)
    }

    /// The next string and all that follows it, with its length.
    fn take_units(&mut self) -> Result<(&'a [u16], usize), RenderError> {
        let length = self.take()?;
        if !(0.0..=f64::from(u32::MAX)).contains(&length) {
            return Err(RenderError::Values);
        }
        let strings = self.values.strings;
        let (units, length) = (&strings[self.string..], length as usize);
        if length > units.len() {
            return Err(RenderError::Values);
        }
        self.string += length;
        Ok((units, length))
    }

    /// Most literals are a short key: whole blocks are copied where both sides go on far enough.
    fn put_literal(&mut self, start: usize, end: usize) -> Result<(), RenderError> {
        let literals = self.literals;
        if end - start <= BLOCK
            && let Some(block) = literals.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>)
            && let Some(target) = self.out[self.at..].first_chunk_mut::<BLOCK>()
        {
            *target = *block;
            self.at += end - start;
            return Ok(());
        }
        self.put(literals.get(start..end).ok_or(RenderError::Values)?)
    }

    /// One store of fixed length where there is room for it.
    fn put_boolean(&mut self, value: bool) -> Result<(), RenderError> {
        if let Some(target) = self.out[self.at..].first_chunk_mut() {
            *target = if value { *b"true\0" } else { *b"false" };
            self.at += if value { 4 } else { 5 };
            return Ok(());
        }
        self.put(if value { b"true" } else { b"false" })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), RenderError> {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end).ok_or(RenderError::Full)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::program::code;
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> Vec<u8> {
        let mut encoded = vec![code::LITERAL];
        encoded.extend((text.len() as u32).to_le_bytes());
        encoded.extend(text.as_bytes());
        encoded
    }

    fn run(encoded: &[u8], strings: &str, numbers: &[f64]) -> Result<String, RenderError> {
        let mut literals = Vec::new();
        let program = Program::decode(encoded, &mut literals).unwrap();
        let mut strings: Vec<u16> = strings.encode_utf16().collect();
        let mut scratch = Vec::new();
        let values = Values { strings: &strings, numbers };
        let length = render_growing(&program, &literals, values, &mut scratch, 1 << 20)?;
        let plain = scratch[..length].to_vec();
        // Padding changes nothing.
        literals.extend([b'!'; BLOCK]);
        strings.extend([0x21; BLOCK]);
        let values = Values { strings: &strings, numbers };
        assert_eq!(render_growing(&program, &literals, values, &mut scratch, 1 << 20), Ok(length));
        assert_eq!(scratch[..length], plain);
        // Every shorter window is refused, and the exact one is enough.
        for short in 0..length {
            assert_eq!(render(&program, &literals, values, &mut scratch[..short]), Err(RenderError::Full));
        }
        assert_eq!(render(&program, &literals, values, &mut scratch[..length]), Ok(length));
        Ok(String::from_utf8(scratch[..length].to_vec()).unwrap())
    }

    #[test]
    fn rows_and_optional_members() {
        let mut encoded = literal("{");
        encoded.push(code::MAYBE);
        encoded.push(code::COMMA);
        encoded.extend(literal("\"a\":"));
        encoded.extend([code::NULL_IF_KEPT, code::STRING, code::END, code::END, code::COMMA]);
        encoded.extend(literal("\"rows\":["));
        encoded.extend([code::EACH, code::COMMA, code::NULL_OR, code::NUMBER, code::END, code::END]);
        encoded.extend(literal("]}"));
        assert_eq!(
            run(&encoded, "x\"y", &[1.0, 3.0, 2.0, 1.0, 7.5, 0.0]).unwrap(),
            r#"{"a":"x\"y","rows":[7.5,null]}"#
        );
        assert_eq!(run(&encoded, "", &[0.0, 0.0]).unwrap(), r#"{"rows":[]}"#);
        assert_eq!(run(&encoded, "", &[2.0, 1.0, 2.0]).unwrap(), r#"{"a":null,"rows":[null]}"#);
    }

    #[test]
    fn every_kind() {
        let encoded = [code::STRING, code::NUMBER, code::BOOLEAN, code::RAW, code::TIMESTAMP, code::BOOLEAN];
        assert_eq!(
            run(&encoded, "a\n[\"€\"]", &[2.0, 1e21, 1.0, 5.0, 0.0, 0.0]).unwrap(),
            "\"a\\n\"1e+21true[\"€\"]\"1970-01-01T00:00:00.000Z\"false"
        );
    }

    #[test]
    fn values_that_do_not_belong_are_refused() {
        assert_eq!(run(&[code::STRING], "abc", &[400.0]), Err(RenderError::Values));
        assert_eq!(run(&[code::STRING], "abc", &[-1.0]), Err(RenderError::Values));
        assert_eq!(run(&[code::STRING], "abc", &[f64::NAN]), Err(RenderError::Values));
        assert_eq!(run(&[code::NUMBER], "", &[]), Err(RenderError::Values));
        assert_eq!(run(&[code::EACH, code::END], "", &[-1.0]), Err(RenderError::Values));
        let mut endless = vec![code::EACH];
        endless.extend(literal("xxxxxxxx"));
        endless.push(code::END);
        assert_eq!(run(&endless, "", &[4e9]), Err(RenderError::TooLarge(1 << 20)));
    }

    proptest! {
        #[test]
        fn no_program_and_no_values_panic(
            encoded in prop::collection::vec(0_u8..12, 0..40),
            strings in prop::collection::vec(any::<u16>(), 0..20),
            numbers in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), Just(2.0), 0.0..9.0, any::<f64>()], 0..30),
        ) {
            let mut literals = Vec::new();
            if let Ok(program) = Program::decode(&encoded, &mut literals) {
                let values = Values { strings: &strings, numbers: &numbers };
                let _ = render_growing(&program, &literals, values, &mut Vec::new(), 4096);
            }
        }
    }
}

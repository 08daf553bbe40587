//! The program of a template and its encoding.
//!
//! An encoded program is a row of operations: a code byte, then for [`Op::Literal`] a length (u32, little
//! endian) and the bytes. Blocks (`Each`, `Maybe`, `NullOr`, `NullIfKept`) run up to their `END`.

use thiserror::Error;

/// Blocks in blocks: rendering recurses once for each.
pub const MAX_BLOCK_DEPTH: usize = 64;

/// One step of a program. `end` is the index of the first operation behind the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Constant bytes, as a range of the program's literal bytes.
    Literal {
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// A string, escaped and quoted; takes its length in UTF-16 units.
    String,
    /// A number, or `null` where JSON has none.
    Number,
    /// `true` for anything but 0.
    Boolean,
    /// Ready JSON text; takes its length in UTF-16 units.
    Raw,
    /// A quoted ISO timestamp from milliseconds since 1970.
    Timestamp,
    /// A comma, unless the last byte opened an object or an array.
    Comma,
    /// Takes a row count and runs its block that often.
    Each {
        /// Behind the block.
        end: u32,
    },
    /// Takes a flag and runs its block unless it is [`ABSENT`]; keeps the flag for [`Op::NullIfKept`].
    Maybe {
        /// Behind the block.
        end: u32,
    },
    /// Writes `null` in place of its block when the flag of the `Maybe` around it is [`NULL`].
    NullIfKept {
        /// Behind the block.
        end: u32,
    },
    /// Takes a flag and writes `null` in place of its block unless it is [`PRESENT`].
    NullOr {
        /// Behind the block.
        end: u32,
    },
}

/// Flag of an optional value that is not there.
pub const ABSENT: f64 = 0.0;
/// Flag of an optional value that is there.
pub const PRESENT: f64 = 1.0;
/// Flag of an optional value that is `null`.
pub const NULL: f64 = 2.0;

/// The codes of the encoding; `src/json/template-program.ts` writes the same.
pub mod code {
    #![allow(missing_docs)]
    pub const LITERAL: u8 = 0;
    pub const STRING: u8 = 1;
    pub const NUMBER: u8 = 2;
    pub const BOOLEAN: u8 = 3;
    pub const RAW: u8 = 4;
    pub const TIMESTAMP: u8 = 5;
    pub const COMMA: u8 = 6;
    pub const EACH: u8 = 7;
    pub const MAYBE: u8 = 8;
    pub const NULL_IF_KEPT: u8 = 9;
    pub const NULL_OR: u8 = 10;
    pub const END: u8 = 11;
}

/// Why an encoded program was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// It ends inside an operation or a block.
    #[error("the template program is cut short")]
    CutShort,
    /// It has a code that is none, or an `END` without a block.
    #[error("the template program has an operation {0} where none such may be")]
    BadOperation(u8),
    /// Its blocks are nested too deeply.
    #[error("a template nests its rows and optional values at most {MAX_BLOCK_DEPTH} deep")]
    TooDeep,
    /// Its literals are over 4 GiB.
    #[error("a template holds less than 4 GiB of constant bytes")]
    TooLarge,
}

/// A decoded program. Its literal bytes are kept apart (in a cache's arena, say): see [`Program::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    ops: Box<[Op]>,
    literal_bytes: usize,
}

impl Program {
    /// Decodes a program; its literals, one after the other, are appended to `literals`.
    pub fn decode(encoded: &[u8], literals: &mut Vec<u8>) -> Result<Program, ProgramError> {
        let mut ops = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let base = literals.len();
        let mut rest = encoded;
        while let Some((&code, after)) = rest.split_first() {
            rest = after;
            let op = match code {
                code::LITERAL => {
                    let (length, after) = rest.split_first_chunk::<4>().ok_or(ProgramError::CutShort)?;
                    let length = u32::from_le_bytes(*length) as usize;
                    let bytes = after.get(..length).ok_or(ProgramError::CutShort)?;
                    rest = &after[length..];
                    let start = u32::try_from(literals.len() - base).map_err(|_| ProgramError::TooLarge)?;
                    literals.extend_from_slice(bytes);
                    let end = u32::try_from(literals.len() - base).map_err(|_| ProgramError::TooLarge)?;
                    Op::Literal { start, end }
                }
                code::STRING => Op::String,
                code::NUMBER => Op::Number,
                code::BOOLEAN => Op::Boolean,
                code::RAW => Op::Raw,
                code::TIMESTAMP => Op::Timestamp,
                code::COMMA => Op::Comma,
                code::EACH => Op::Each { end: 0 },
                code::MAYBE => Op::Maybe { end: 0 },
                code::NULL_IF_KEPT => Op::NullIfKept { end: 0 },
                code::NULL_OR => Op::NullOr { end: 0 },
                code::END => {
                    let index = open.pop().ok_or(ProgramError::BadOperation(code))?;
                    let here = ops.len() as u32;
                    match &mut ops[index] {
                        Op::Each { end }
                        | Op::Maybe { end }
                        | Op::NullIfKept { end }
                        | Op::NullOr { end } => *end = here,
                        _ => return Err(ProgramError::BadOperation(code)),
                    }
                    continue;
                }
                other => return Err(ProgramError::BadOperation(other)),
            };
            if matches!(op, Op::Each { .. } | Op::Maybe { .. } | Op::NullIfKept { .. } | Op::NullOr { .. }) {
                if open.len() == MAX_BLOCK_DEPTH {
                    return Err(ProgramError::TooDeep);
                }
                open.push(ops.len());
            }
            ops.push(op);
        }
        if open.is_empty() {
            Ok(Program { ops: ops.into_boxed_slice(), literal_bytes: literals.len() - base })
        } else {
            Err(ProgramError::CutShort)
        }
    }

    /// The operations.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// How many literal bytes it refers to.
    pub fn literal_bytes(&self) -> usize {
        self.literal_bytes
    }

    /// What the program itself takes, without its literals.
    pub fn held_bytes(&self) -> usize {
        size_of_val(&*self.ops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> Vec<u8> {
        let mut encoded = vec![code::LITERAL];
        encoded.extend((text.len() as u32).to_le_bytes());
        encoded.extend(text.as_bytes());
        encoded
    }

    #[test]
    fn blocks_know_their_ends() {
        let mut encoded = literal("[");
        encoded.extend([code::EACH, code::COMMA, code::STRING, code::END]);
        encoded.extend(literal("]"));
        let mut literals = b"kept".to_vec();
        let program = Program::decode(&encoded, &mut literals).unwrap();
        assert_eq!(literals, b"kept[]");
        assert_eq!(
            program.ops(),
            [
                Op::Literal { start: 0, end: 1 },
                Op::Each { end: 4 },
                Op::Comma,
                Op::String,
                Op::Literal { start: 1, end: 2 }
            ]
        );
        assert_eq!(program.literal_bytes(), 2);
    }

    #[test]
    fn wrong_programs_are_refused() {
        let decode = |encoded: &[u8]| Program::decode(encoded, &mut Vec::new());
        assert_eq!(decode(&[code::EACH]), Err(ProgramError::CutShort));
        assert_eq!(decode(&[code::END]), Err(ProgramError::BadOperation(code::END)));
        assert_eq!(decode(&[99]), Err(ProgramError::BadOperation(99)));
        assert_eq!(decode(&[code::LITERAL, 5, 0, 0, 0, b'x']), Err(ProgramError::CutShort));
        assert_eq!(decode(&[code::LITERAL, 5, 0]), Err(ProgramError::CutShort));
        let deep = [vec![code::EACH; 65], vec![code::END; 65]].concat();
        assert_eq!(decode(&deep), Err(ProgramError::TooDeep));
        assert!(decode(&[vec![code::EACH; 64], vec![code::END; 64]].concat()).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(encoded in prop::collection::vec(0_u8..14, 0..60)) {
            let mut literals = Vec::new();
            if let Ok(program) = Program::decode(&encoded, &mut literals) {
                for op in program.ops() {
                    if let Op::Literal { start, end } = op {
                        prop_assert!(start <= end && *end as usize <= literals.len());
                    }
                }
            }
        }
    }
}

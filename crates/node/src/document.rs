//! Documents: the index of a container, on the memory that JavaScript gives for it.

use primarena_core::json::document::{IndexError, index_container};

use crate::error::Failure;
use crate::raw::{Answer, Call, Exports, Outcome};

pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("documentIndex", document_index)
}

/// (bytes, start, numbers, at) → where the index of the container at `start` ends in `numbers`, or
/// −(its length + 16) when it does not fit behind `at`.
fn document_index(call: &Call) -> Outcome {
    let bytes = call.bytes(0)?;
    let numbers = call.elements_mut::<u32>(2, &[bytes])?;
    let (start, at) = (call.usize(1)?, call.usize(3)?);
    let room = numbers.get_mut(at..).unwrap_or(&mut []);
    match index_container(bytes, start, room) {
        Ok(length) => Ok(Answer::Number((at + length) as f64)),
        Err(IndexError::NoRoom(length)) => Ok(Answer::Number(-(length as f64 + 16.0))),
        Err(error) => Err(match error.as_json_error(bytes) {
            Some(error) => {
                let failure = Failure::new(error.code, error.to_string());
                failure.with_place(error.offset, error.line, error.column)
            }
            None => Failure::argument("expected room for the index"),
        }),
    }
}

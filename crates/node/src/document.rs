//! Documents: the index of a container, on the memory that JavaScript gives for it.

use std::cell::RefCell;

use primarena_core::json::document::{IndexError, Reach, Scratch, index_container};

use crate::error::Failure;
use crate::raw::{Answer, Call, Exports, Outcome};

pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("documentIndex", document_index)
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// (bytes, start, numbers, at, alone) → where the index of the container at `start` ends in `numbers`. It is
/// written behind `at`, where the position of the container's row is noted. If it does not fit: −(numbers
/// that have to fit + 16). With `alone` not 0, containers in the container are left out.
fn document_index(call: &Call) -> Outcome {
    let bytes = call.bytes(0)?;
    let numbers = call.words_mut(2, &[bytes])?;
    let (start, at) = (call.usize(1)?, call.usize(3)?);
    let reach = if call.u32(4)? == 0 { Reach::Deep } else { Reach::Alone };
    let indexed = SCRATCH.with_borrow_mut(|scratch| {
        index_container(bytes, start, reach, numbers, at.saturating_add(1), scratch)
    });
    match indexed {
        Ok(indexed) => {
            if let Some(place) = numbers.get_mut(at) {
                *place = indexed.root as u32;
            }
            Ok(Answer::Number(indexed.end as f64))
        }
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

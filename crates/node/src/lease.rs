//! The raw calls over `core::arena::Manager`: what an arena needs for each operation.
//!
//! `leaseOpen` and `leaseGrant` answer with one number in the usual case, a chunk that is there and clean: its index,
//! for `leaseOpen` with the lease's handle above its low 20 bits. −1 says that there is more to know: `leaseDetails`.

use napi::sys;

use primarena_core::arena::{Grant, Request};

use crate::error::Failure;
use crate::manager::{Details, Entry, now_ms, with};
use crate::raw::{Answer, Call, Exports, Outcome};

/// Success, and `leaseDetails` has something to say.
const LOOK: f64 = -1.0;
/// A handle stands above the chunk's index.
const CHUNK_NUMBERS: f64 = (1 << 20) as f64;

/// Adds the raw functions of this file.
pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("leaseOpen", open)?;
    exports.add("leaseGrant", grant)?;
    exports.add("leaseDetails", details)?;
    exports.add("leaseClose", close)?;
    exports.add("leaseFailed", forget)?;
    exports.add("leaseTake", forget)?;
    exports.add("leaseLost", lost)?;
    exports.add("ownerCharge", charge)?;
    exports.add("ownerUncharge", uncharge)
}

/// `leaseOpen(manager, owner, minBytes, hintBytes, mostBytes = Infinity)`
fn open(call: &Call) -> Outcome {
    let owner = call.u32(1)?;
    let request =
        Request { min_bytes: bytes(call, 2)?, hint_bytes: bytes(call, 3)?, most_bytes: most(call, 4)? };
    with(call.u32(0)?, |entry| {
        let (handle, grant) = entry.manager.open(owner, request, &now_ms)?;
        entry.details = Details { handle, grant };
        Ok(answer(entry, grant, f64::from(handle) * CHUNK_NUMBERS))
    })
}

/// `leaseGrant(manager, handle, minBytes, usedBytesInCurrentChunk, mostBytes = Infinity)`
fn grant(call: &Call) -> Outcome {
    let handle = call.u32(1)?;
    let request = Request { min_bytes: bytes(call, 2)?, hint_bytes: 0, most_bytes: most(call, 4)? };
    let used_bytes = bytes(call, 3)?;
    with(call.u32(0)?, |entry| {
        let grant = entry.manager.grant(handle, request, used_bytes, &now_ms)?;
        entry.details = Details { handle, grant };
        Ok(answer(entry, grant, 0.0))
    })
}

fn answer(entry: &Entry, grant: Grant, handle: f64) -> Answer {
    if grant.fresh || grant.wipe_bytes > 0 || entry.manager.pending() > 0 {
        Answer::Number(LOOK)
    } else {
        Answer::Number(handle + f64::from(grant.chunk))
    }
}

/// `leaseDetails(manager)`: `{ handle, chunk, capacityBytes, fresh, wipeBytes, pending }` of the last grant; `pending` is
/// how many things there are to drain.
fn details(call: &Call) -> Outcome {
    let (details, pending) = with(call.u32(0)?, |entry| Ok((entry.details, entry.manager.pending())))?;
    let Details { handle, grant } = details;
    let object = Record::new(call)?;
    object.number(c"handle", f64::from(handle))?;
    object.number(c"chunk", f64::from(grant.chunk))?;
    object.number(c"capacityBytes", f64::from(grant.capacity))?;
    object.boolean(c"fresh", grant.fresh)?;
    object.number(c"wipeBytes", f64::from(grant.wipe_bytes))?;
    object.number(c"pending", pending as f64)?;
    Ok(Answer::Value(object.value))
}

/// `leaseClose(manager, handle, usedBytesInCurrentChunk)`: how many things there are to drain.
fn close(call: &Call) -> Outcome {
    let (handle, used_bytes) = (call.u32(1)?, bytes(call, 2)?);
    with(call.u32(0)?, |entry| Ok(Answer::Number(entry.manager.close(handle, used_bytes, &now_ms)? as f64)))
}

/// `leaseFailed(manager, handle, chunk)`: the chunk could not be made. `leaseTake(manager, handle, chunk)`: its bytes
/// belong to somebody else now. Either way it leaves the accounting, and its index may come back as a fresh one.
fn forget(call: &Call) -> Outcome {
    let (handle, chunk) = (call.u32(1)?, call.u32(2)?);
    with(call.u32(0)?, |entry| entry.manager.forget_chunk(handle, chunk).map(|()| Answer::Number(0.0)))
}

/// `leaseLost(manager, handle)`: the lease ends, its chunks are left to the garbage collector. Their capacity.
fn lost(call: &Call) -> Outcome {
    let handle = call.u32(1)?;
    with(call.u32(0)?, |entry| Ok(Answer::Number(entry.manager.abandon(handle)? as f64)))
}

/// `ownerCharge(manager, owner, bytes)`: 0, or how many things there are to drain.
fn charge(call: &Call) -> Outcome {
    let (owner, amount) = (call.u32(1)?, bytes(call, 2)?);
    with(call.u32(0)?, |entry| {
        entry.manager.charge(owner, amount, &now_ms)?;
        Ok(Answer::Number(entry.manager.pending() as f64))
    })
}

/// `ownerUncharge(manager, owner, bytes)`
fn uncharge(call: &Call) -> Outcome {
    let (owner, amount) = (call.u32(1)?, bytes(call, 2)?);
    with(call.u32(0)?, |entry| entry.manager.uncharge(owner, amount).map(|()| Answer::Number(0.0)))
}

/// A number of bytes; `Infinity` is the largest.
#[inline]
fn bytes(call: &Call, index: usize) -> Result<u64, Failure> {
    let number = call.f64(index)?;
    if number >= 0.0 {
        Ok(number as u64)
    } else {
        Err(Failure::argument(format!("argument {}: expected a number of bytes, got {number}", index + 1)))
    }
}

/// The same, where it may be left out.
#[inline]
fn most(call: &Call, index: usize) -> Result<u64, Failure> {
    if call.has(index) { bytes(call, index) } else { Ok(u64::MAX) }
}

/// A new object of this call.
struct Record<'a> {
    call: &'a Call,
    value: sys::napi_value,
}

impl<'a> Record<'a> {
    fn new(call: &'a Call) -> Result<Self, Failure> {
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` belongs to this call.
        made(unsafe { sys::napi_create_object(call.env(), &mut value) })?;
        Ok(Record { call, value })
    }

    fn number(&self, name: &std::ffi::CStr, number: f64) -> Result<(), Failure> {
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` belongs to this call; `name` ends with a zero.
        made(unsafe {
            sys::napi_create_double(self.call.env(), number, &mut value);
            sys::napi_set_named_property(self.call.env(), self.value, name.as_ptr(), value)
        })
    }

    fn boolean(&self, name: &std::ffi::CStr, truth: bool) -> Result<(), Failure> {
        let mut value = std::ptr::null_mut();
        // SAFETY: `env` belongs to this call; `name` ends with a zero.
        made(unsafe {
            sys::napi_get_boolean(self.call.env(), truth, &mut value);
            sys::napi_set_named_property(self.call.env(), self.value, name.as_ptr(), value)
        })
    }
}

fn made(status: sys::napi_status) -> Result<(), Failure> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Failure::new(primarena_core::error::Code::OutOfMemory, "JavaScript could not make the answer"))
    }
}

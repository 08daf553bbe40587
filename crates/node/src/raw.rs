//! Raw Node-API callbacks: about 30 ns a call where a `#[napi]` function takes 50 to 350.
//!
//! A raw function is a plain Rust `fn(&Call) -> Outcome`. It may not call back into JavaScript, so
//! nothing that it borrowed can change under it. A failure is stored for `lastError` and answered as −2.

use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::sys;
use primarena_core::error::Code;

use crate::error::{self, Failure};

/// The most arguments that a raw function takes.
pub const MAX_ARGUMENTS: usize = 8;

/// What a raw function gives back.
pub enum Answer {
    Undefined,
    Number(f64),
    /// A JavaScript value made with the call's environment.
    Value(sys::napi_value),
}

impl From<f64> for Answer {
    fn from(number: f64) -> Self {
        Answer::Number(number)
    }
}

impl From<u32> for Answer {
    fn from(number: u32) -> Self {
        Answer::Number(f64::from(number))
    }
}

pub type Outcome = Result<Answer, Failure>;
pub type Function = fn(&Call) -> Outcome;

/// The answer that says: look at `lastError`.
pub const FAILED: f64 = -2.0;

/// One call: its environment and arguments, valid until the function returns.
pub struct Call {
    env: sys::napi_env,
    arguments: [sys::napi_value; MAX_ARGUMENTS],
    count: usize,
}

impl Call {
    pub fn env(&self) -> sys::napi_env {
        self.env
    }

    /// Whether there is an argument at `index`.
    #[inline]
    pub fn has(&self, index: usize) -> bool {
        index < self.count
    }

    /// The argument at `index`.
    pub fn value(&self, index: usize) -> Result<sys::napi_value, Failure> {
        if index < self.count.min(MAX_ARGUMENTS) {
            Ok(self.arguments[index])
        } else {
            Err(Failure::argument(format!(
                "expected an argument {}, got {} arguments",
                index + 1,
                self.count
            )))
        }
    }

    pub fn f64(&self, index: usize) -> Result<f64, Failure> {
        let value = self.value(index)?;
        let mut number = 0.0;
        // SAFETY: `env` and `value` belong to this call.
        let status = unsafe { sys::napi_get_value_double(self.env, value, &mut number) };
        self.check(status, index, "a number")?;
        Ok(number)
    }

    pub fn u32(&self, index: usize) -> Result<u32, Failure> {
        let number = self.f64(index)?;
        // There and back: `fract` is a library call where SSE4.1 cannot be taken for granted.
        if f64::from(number as u32) == number {
            Ok(number as u32)
        } else {
            Err(Failure::argument(format!("argument {}: expected a u32, got {number}", index + 1)))
        }
    }

    pub fn usize(&self, index: usize) -> Result<usize, Failure> {
        let number = self.f64(index)?;
        if (0.0..=9_007_199_254_740_991.0).contains(&number) && number as u64 as f64 == number {
            Ok(number as usize)
        } else {
            Err(Failure::argument(format!("argument {}: expected a whole number, got {number}", index + 1)))
        }
    }

    /// The string at `index` as UTF-16, at the start of `units`; gives its length in units. At least
    /// `padding` units (above 0) of anything follow it.
    pub fn utf16_text(&self, index: usize, padding: usize, units: &mut Vec<u16>) -> Result<usize, Failure> {
        let value = self.value(index)?;
        if units.len() <= padding {
            units.resize(1024 + padding, 0);
        }
        loop {
            let mut length = 0;
            // SAFETY: at most `units.len()` units are written, the last a zero that is not counted.
            let status = unsafe {
                sys::napi_get_value_string_utf16(
                    self.env,
                    value,
                    units.as_mut_ptr(),
                    units.len(),
                    &mut length,
                )
            };
            self.check(status, index, "a string")?;
            if length + padding < units.len() {
                return Ok(length);
            }
            // It may have been cut: ask for its length, make room, read again.
            // SAFETY: a null buffer means that only the length is wanted.
            let status =
                unsafe { sys::napi_get_value_string_utf16(self.env, value, ptr::null_mut(), 0, &mut length) };
            self.check(status, index, "a string")?;
            units.clear();
            units.resize(length + padding + 1, 0);
        }
    }

    pub(crate) fn check(
        &self,
        status: sys::napi_status,
        index: usize,
        expected: &str,
    ) -> Result<(), Failure> {
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(Failure::argument(format!("argument {}: expected {expected}", index + 1)))
        }
    }

    /// A new string from bytes that are all below 0x80 or Latin-1.
    pub fn latin1(&self, bytes: &[u8]) -> Outcome {
        let mut result = ptr::null_mut();
        // SAFETY: `bytes` is readable for its length; the string is copied before the call returns.
        let status = unsafe {
            sys::napi_create_string_latin1(self.env, bytes.as_ptr().cast(), bytes.len() as isize, &mut result)
        };
        self.made(status, result)
    }

    /// A new string from UTF-16 units, lone surrogates kept.
    pub fn utf16(&self, units: &[u16]) -> Outcome {
        let mut result = ptr::null_mut();
        // SAFETY: `units` is readable for its length; the string is copied before the call returns.
        let status = unsafe {
            sys::napi_create_string_utf16(self.env, units.as_ptr(), units.len() as isize, &mut result)
        };
        self.made(status, result)
    }

    fn made(&self, status: sys::napi_status, value: sys::napi_value) -> Outcome {
        if status == sys::Status::napi_ok {
            Ok(Answer::Value(value))
        } else {
            // V8 throws by itself when a string is longer than it allows; that exception is its answer.
            Err(Failure::new(Code::OutOfMemory, "JavaScript could not make the string"))
        }
    }
}

/// The object that raw functions hang on.
pub struct Exports {
    env: sys::napi_env,
    object: sys::napi_value,
}

impl Exports {
    pub fn new(env: sys::napi_env, object: sys::napi_value) -> Self {
        Exports { env, object }
    }

    /// Adds `function` under `name`.
    pub fn add(&self, name: &str, function: Function) -> napi::Result<()> {
        let name = CString::new(name).map_err(|error| napi::Error::from_reason(error.to_string()))?;
        let mut value = ptr::null_mut();
        // SAFETY: `env` and `object` are those of the running call; `trampoline` gets the
        // function pointer back as its data and nothing else.
        let status = unsafe {
            let status = sys::napi_create_function(
                self.env,
                name.as_ptr(),
                -1,
                Some(trampoline),
                function as *mut c_void,
                &mut value,
            );
            if status == sys::Status::napi_ok {
                sys::napi_set_named_property(self.env, self.object, name.as_ptr(), value)
            } else {
                status
            }
        };
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(napi::Error::from_reason(format!("cannot export {name:?}: status {status}")))
        }
    }
}

unsafe extern "C" fn trampoline(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut call = Call { env, arguments: [ptr::null_mut(); MAX_ARGUMENTS], count: MAX_ARGUMENTS };
    let mut data: *mut c_void = ptr::null_mut();
    // SAFETY: Node calls this with a live environment and callback info; the array holds MAX_ARGUMENTS.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut call.count,
            call.arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut data,
        )
    };
    if status != sys::Status::napi_ok || data.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: `data` is the `Function` that `Exports::add` stored.
    let function = unsafe { std::mem::transmute::<*mut c_void, Function>(data) };
    let outcome = catch_unwind(AssertUnwindSafe(|| function(&call)));
    let answer = match outcome {
        Ok(Ok(answer)) => answer,
        Ok(Err(failure)) => {
            error::set_last(failure);
            Answer::Number(FAILED)
        }
        Err(panic) => {
            error::set_last(Failure::new(Code::Internal, panic_text(&*panic)));
            Answer::Number(FAILED)
        }
    };
    match answer {
        Answer::Undefined => ptr::null_mut(),
        Answer::Value(value) => value,
        Answer::Number(number) => {
            let mut result = ptr::null_mut();
            // SAFETY: `env` is live; on failure `result` stays null, which JavaScript sees as undefined.
            unsafe { sys::napi_create_double(env, number, &mut result) };
            result
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown");
    format!("a fault of primarena itself: {text}")
}

//! Failures and how they cross: thrown with a code by classes, fetched by `lastError` after a raw call.

use std::cell::RefCell;

use napi_derive::napi;
use primarena_core::error::Code;

/// What went wrong, as JavaScript will see it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    pub place: Option<Place>,
    /// The path or hole that the failure belongs to.
    pub path: Option<String>,
    /// What a document should have had at the place.
    pub expected: Option<&'static str>,
}

/// Where in a document.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub offset: u32,
    pub line: u32,
    pub column: u32,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure { code, message: message.into(), place: None, path: None, expected: None }
    }

    /// The caller's fault: an argument of the wrong type, out of range, or overlapping another.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    pub fn with_place(mut self, offset: usize, line: usize, column: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.place = Some(Place { offset: clamp(offset), line: clamp(line), column: clamp(column) });
        self
    }
}

/// The `code` property of errors thrown by `#[napi]` classes and functions.
pub struct CodeName(pub Code);

impl AsRef<str> for CodeName {
    fn as_ref(&self) -> &str {
        self.0.as_str()
    }
}

/// The result type of `#[napi]` functions: the thrown error's `code` is one of ours.
pub type Result<T> = napi::Result<T, CodeName>;

impl From<Failure> for napi::Error<CodeName> {
    fn from(failure: Failure) -> Self {
        let reason = failure.message.clone();
        let code = failure.code;
        LAST.with(|last| *last.borrow_mut() = Some(failure));
        napi::Error::new(CodeName(code), reason)
    }
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// Keeps the failure for [`last_error`].
pub fn set_last(failure: Failure) {
    LAST.with(|last| *last.borrow_mut() = Some(failure));
}

/// The failure of the last native call that answered −2 (raw calls) or threw (classes).
#[napi(object)]
pub struct LastError {
    pub code: String,
    pub message: String,
    pub offset: Option<u32>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub path: Option<String>,
    pub expected: Option<String>,
}

/// Hands out the last failure of this thread, once.
#[napi(catch_unwind)]
pub fn last_error() -> Option<LastError> {
    LAST.with(|last| last.borrow_mut().take()).map(|failure| LastError {
        code: failure.code.as_str().to_owned(),
        message: failure.message,
        offset: failure.place.map(|place| place.offset),
        line: failure.place.map(|place| place.line),
        column: failure.place.map(|place| place.column),
        path: failure.path,
        expected: failure.expected.map(str::to_owned),
    })
}

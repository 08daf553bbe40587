//! Templates: compiled programs by number, rendering into a window, and the cache.

use std::cell::RefCell;
use std::rc::Rc;

use napi_derive::napi;
use primarena_core::error::Code;
use primarena_core::template::cache::CacheError;
use primarena_core::template::escape::{BLOCK, EscapeError, escape_in_place};
use primarena_core::template::{
    CacheLimits, Program, ProgramError, RenderError, TemplateCache, Values, render, render_growing,
};

use crate::buffer::as_bytes;
use crate::env::Registry;
use crate::error::{Failure, Result};
use crate::raw::{Answer, Call, Exports, Outcome};

/// Output is below 2 GiB, as every chunk is.
const MAX_OUTPUT_BYTES: usize = (1 << 31) - 1;
/// Scratch above this is given back after use.
const KEPT_SCRATCH_BYTES: usize = 1 << 20;
/// Added to a needed size, so that the answer is below every code of failure.
const NEEDS_MORE: f64 = 16.0;

/// Where the constants of a program are.
enum Home {
    Own { program: Program, literals: Box<[u8]> },
    Cached { cache: Rc<RefCell<TemplateCache>>, slot: u32 },
}

thread_local! {
    static PROGRAMS: RefCell<Registry<Home>> = const { RefCell::new(Registry::new()) };
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { units: Vec::new(), output: Vec::new(), length: 0 }) };
}

/// Memory that is kept between calls of this thread.
struct Scratch {
    /// The strings of a call.
    units: Vec<u16>,
    /// Output that did not fit its window, until it is fetched.
    output: Vec<u8>,
    length: usize,
}

impl Scratch {
    /// Answers that `length` bytes of output wait to be fetched.
    fn waits(&mut self, length: usize) -> Outcome {
        self.length = length;
        Ok(Answer::Number(-(length as f64 + NEEDS_MORE)))
    }

    fn trim(&mut self) {
        if self.units.len() * 2 > KEPT_SCRATCH_BYTES {
            self.units = Vec::new();
        }
    }
}

pub fn register(exports: &Exports) -> napi::Result<()> {
    exports.add("templateRender", template_render)?;
    exports.add("templateEscape", template_escape)?;
    exports.add("templateEscapeOne", template_escape_one)?;
    exports.add("templateFetch", template_fetch)
}

/// (program, bytes, offset, limit, strings, numbers) → bytes written, or −(bytes needed + 16): then
/// `templateFetch` has them.
fn template_render(call: &Call) -> Outcome {
    let number = call.u32(0)?;
    SCRATCH.with_borrow_mut(|scratch| {
        let length = call.utf16_text(4, BLOCK, &mut scratch.units)?;
        let numbers = call.elements::<f64>(5)?;
        let readers = [as_bytes(numbers)];
        let window = call.window(1, call.usize(2)?, call.usize(3)?, &readers)?;
        let values = Values { strings: &scratch.units[..length + BLOCK], numbers };
        let rendered =
            with_program(number, |program, literals| match render(program, literals, values, window) {
                Err(RenderError::Full) => {
                    render_growing(program, literals, values, &mut scratch.output, MAX_OUTPUT_BYTES).map(Err)
                }
                other => other.map(Ok),
            })?;
        scratch.trim();
        match rendered.map_err(render_failure)? {
            Ok(length) => Ok(Answer::Number(length as f64)),
            Err(length) => scratch.waits(length),
        }
    })
}

/// (bytes, limit, ranges, count, end) → the new end after escaping what the first `count` numbers of
/// `ranges` enclose, or −(the end that does not fit + 16).
fn template_escape(call: &Call) -> Outcome {
    let ranges = call.elements::<u32>(2)?;
    let ranges = ranges
        .get(..call.usize(3)?)
        .ok_or_else(|| Failure::argument("expected a count within the ranges"))?;
    let readers = [as_bytes(ranges)];
    escape(call.window(0, 0, call.usize(1)?, &readers)?, ranges, call.usize(4)?)
}

/// (bytes, limit, from, to, end): the same for what is between `from` and `to`. Handing over a typed array costs
/// as much as searching 500 bytes.
fn template_escape_one(call: &Call) -> Outcome {
    let window = call.window(0, 0, call.usize(1)?, &[])?;
    escape(window, &[call.u32(2)?, call.u32(3)?], call.usize(4)?)
}

fn escape(window: &mut [u8], ranges: &[u32], end: usize) -> Outcome {
    match escape_in_place(window, ranges, end) {
        Ok(end) => Ok(Answer::Number(end as f64)),
        Err(EscapeError::NoRoom(end)) => Ok(Answer::Number(-(end as f64 + NEEDS_MORE))),
        Err(EscapeError::Ranges) => Err(Failure::argument("expected ranges in order before the end")),
    }
}

/// (bytes, offset, limit) → bytes copied: the output that the call before could not place.
fn template_fetch(call: &Call) -> Outcome {
    SCRATCH.with_borrow_mut(|scratch| {
        let length = std::mem::take(&mut scratch.length);
        let window = call.window(0, call.usize(1)?, call.usize(2)?, &[])?;
        let target = window
            .get_mut(..length)
            .ok_or_else(|| Failure::argument(format!("expected a window of {length} bytes")))?;
        target.copy_from_slice(&scratch.output[..length]);
        if scratch.output.len() > KEPT_SCRATCH_BYTES {
            scratch.output = Vec::new();
        }
        Ok(Answer::Number(length as f64))
    })
}

fn with_program<T>(
    number: u32,
    use_it: impl FnOnce(&Program, &[u8]) -> T,
) -> std::result::Result<T, Failure> {
    PROGRAMS.with_borrow_mut(|programs| match programs.get(number)? {
        Home::Own { program, literals } => Ok(use_it(program, literals)),
        Home::Cached { cache, slot } => {
            let cache = cache.borrow();
            let (program, literals) = cache
                .program(*slot)
                .ok_or_else(|| Failure::new(Code::StaleHandle, "the template left its cache"))?;
            Ok(use_it(program, literals))
        }
    })
}

fn render_failure(error: RenderError) -> Failure {
    let code = match error {
        RenderError::TooLarge(_) => Code::JsonLimit,
        RenderError::Full | RenderError::Values => Code::Internal,
    };
    Failure::new(code, error.to_string())
}

fn program_failure(error: ProgramError) -> Failure {
    Failure::new(Code::Template, error.to_string())
}

/// A compiled template with constants of its own.
#[napi]
pub struct NativeTemplate {
    id: u32,
}

#[napi]
impl NativeTemplate {
    #[napi(constructor, catch_unwind)]
    pub fn new(encoded: &[u8]) -> Result<Self> {
        let mut literals = Vec::new();
        let program = Program::decode(encoded, &mut literals).map_err(program_failure)?;
        literals.extend([0; BLOCK]);
        let home = Home::Own { program, literals: literals.into_boxed_slice() };
        Ok(NativeTemplate { id: PROGRAMS.with_borrow_mut(|programs| programs.insert(home))? })
    }

    /// The number for raw calls.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Drop for NativeTemplate {
    fn drop(&mut self) {
        forget(self.id);
    }
}

/// Takes a program out; at the end of a thread the registry may be gone before its objects.
fn forget(id: u32) {
    let _ = PROGRAMS.try_with(|programs| programs.borrow_mut().remove(id));
}

/// What a cache holds and did.
#[napi(object)]
pub struct NativeTemplateCacheStats {
    pub templates: u32,
    pub used_bytes: f64,
    pub reserved_bytes: f64,
    pub evictions: f64,
}

/// What `insert` did: the template's slot and number, and the slots that were emptied for it.
#[napi(object)]
pub struct NativeTemplateInserted {
    pub slot: u32,
    pub id: u32,
    pub removed: Vec<u32>,
}

/// Templates by name, their constants in an arena of the cache's own.
#[napi]
pub struct NativeTemplateCache {
    cache: Rc<RefCell<TemplateCache>>,
    /// The number of each slot's program, for the registry.
    ids: Vec<Option<u32>>,
}

#[napi]
impl NativeTemplateCache {
    #[napi(constructor, catch_unwind)]
    pub fn new(max_templates: u32, max_bytes: f64) -> Self {
        let limits = CacheLimits { max_templates: max_templates as usize, max_bytes: max_bytes as usize };
        NativeTemplateCache { cache: Rc::new(RefCell::new(TemplateCache::new(limits))), ids: Vec::new() }
    }

    /// Takes in an encoded program. `stamps` has one number a slot, higher is later.
    #[napi(catch_unwind)]
    pub fn insert(&mut self, name: String, encoded: &[u8], stamps: &[f64]) -> Result<NativeTemplateInserted> {
        let inserted =
            self.cache.borrow_mut().insert(&name, encoded, stamps).map_err(|error| match error {
                CacheError::TooLarge { .. } => Failure::new(Code::BudgetExceeded, error.to_string()),
                CacheError::Program(error) => program_failure(error),
            })?;
        for &slot in &inserted.removed {
            self.forget_slot(slot);
        }
        let home = Home::Cached { cache: Rc::clone(&self.cache), slot: inserted.slot };
        let id = PROGRAMS.with_borrow_mut(|programs| programs.insert(home))?;
        let index = inserted.slot as usize;
        if self.ids.len() <= index {
            self.ids.resize(index + 1, None);
        }
        self.ids[index] = Some(id);
        Ok(NativeTemplateInserted { slot: inserted.slot, id, removed: inserted.removed })
    }

    /// Removes the template in `slot`; true if there was one.
    #[napi(catch_unwind)]
    pub fn remove(&mut self, slot: u32) -> bool {
        self.forget_slot(slot);
        self.cache.borrow_mut().remove(slot)
    }

    /// Removes everything and gives the memory back.
    #[napi(catch_unwind)]
    pub fn clear(&mut self) {
        for slot in 0..self.ids.len() as u32 {
            self.forget_slot(slot);
        }
        self.cache.borrow_mut().clear();
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> NativeTemplateCacheStats {
        let stats = self.cache.borrow().stats();
        NativeTemplateCacheStats {
            templates: stats.templates as u32,
            used_bytes: stats.used_bytes as f64,
            reserved_bytes: stats.reserved_bytes as f64,
            evictions: stats.evictions as f64,
        }
    }

    fn forget_slot(&mut self, slot: u32) {
        if let Some(id) = self.ids.get_mut(slot as usize).and_then(Option::take) {
            forget(id);
        }
    }
}

impl Drop for NativeTemplateCache {
    fn drop(&mut self) {
        for id in self.ids.iter().flatten() {
            forget(*id);
        }
    }
}

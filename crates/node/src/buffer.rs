//! The only file that turns what JavaScript hands over into slices.
//!
//! Every slice is borrowed from a [`Call`], so it ends with the call: no pointer into V8 memory outlives
//! it. JavaScript does not run during a raw call, and the TypeScript side has copied what lies on a
//! SharedArrayBuffer, so nobody else writes meanwhile.

use std::ffi::c_void;
use std::{ptr, slice};

use napi::sys;

use crate::error::Failure;
use crate::raw::Call;

/// A view as JavaScript sees it: kind, pointer, length in bytes.
struct View {
    kind: sys::napi_typedarray_type,
    data: *mut u8,
    bytes: usize,
}

impl Call {
    fn view(&self, index: usize) -> Result<View, Failure> {
        self.view_of(self.value(index)?, index)
    }

    fn view_of(&self, value: sys::napi_value, index: usize) -> Result<View, Failure> {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut::<c_void>());
        // SAFETY: `env` and `value` belong to this call; a null out-pointer means that it is not wanted.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env(),
                value,
                &mut kind,
                &mut length,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        self.check(status, index, "a typed array")?;
        let bytes = length * element_size(kind);
        let data = if data.is_null() || bytes == 0 { ptr::NonNull::dangling().as_ptr() } else { data.cast() };
        Ok(View { kind, data, bytes: if length == 0 { 0 } else { bytes } })
    }

    /// The bytes of the typed array at `index` (none when it is detached).
    pub fn bytes(&self, index: usize) -> Result<&[u8], Failure> {
        let view = self.view(index)?;
        // SAFETY: V8 keeps `bytes` bytes at `data` while the argument lives, that is, for this call.
        Ok(unsafe { slice::from_raw_parts(view.data, view.bytes) })
    }

    /// The bytes `start..end` of the typed array at `index`, to write to. `readers` are the slices that
    /// this call also reads: an overlap is refused, since both could not be borrowed at once.
    ///
    /// Take one writable slice a call, or several that were checked against each other by `readers`.
    #[allow(clippy::mut_from_ref)] // The bytes are V8's, not the call's; `readers` proves them disjoint.
    pub fn window(
        &self,
        index: usize,
        start: usize,
        end: usize,
        readers: &[&[u8]],
    ) -> Result<&mut [u8], Failure> {
        let view = self.view(index)?;
        if start > end || end > view.bytes {
            return Err(Failure::argument(format!(
                "argument {}: the range {start}..{end} is outside the {} bytes of the view",
                index + 1,
                view.bytes
            )));
        }
        let (from, to) = (view.data as usize + start, view.data as usize + end);
        for reader in readers {
            let (a, b) = (reader.as_ptr() as usize, reader.as_ptr() as usize + reader.len());
            if a < to && from < b && a < b && from < to {
                return Err(Failure::argument("input and output bytes overlap"));
            }
        }
        // SAFETY: in bounds (checked above), live for this call, and disjoint from every other slice in use.
        Ok(unsafe { slice::from_raw_parts_mut(view.data.add(start), end - start) })
    }

    /// The bytes of every typed array in the array at `index`, to write to; none where one is detached.
    /// They are checked against each other: the same bytes twice are refused. Take no other writable slice
    /// in this call but by [`Call::window`], with these as `readers`.
    #[allow(clippy::mut_from_ref)] // As for `window`; they are checked against each other.
    pub fn windows(&self, index: usize) -> Result<Vec<&mut [u8]>, Failure> {
        let array = self.value(index)?;
        let mut count = 0;
        // SAFETY: `env` and `array` belong to this call.
        let status = unsafe { sys::napi_get_array_length(self.env(), array, &mut count) };
        self.check(status, index, "an array of typed arrays")?;
        // All elements first: reading one could run a getter, which could detach a view read before.
        let mut values = Vec::with_capacity(count as usize);
        for element in 0..count {
            let mut value = ptr::null_mut();
            // SAFETY: as above.
            let status = unsafe { sys::napi_get_element(self.env(), array, element, &mut value) };
            self.check(status, index, "an array of typed arrays")?;
            values.push(value);
        }
        let views = values.into_iter().map(|value| self.view_of(value, index));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        let mut ranges: Vec<_> = views.iter().filter(|view| view.bytes > 0).collect();
        ranges.sort_unstable_by_key(|view| view.data as usize);
        if ranges.windows(2).any(|pair| pair[0].data as usize + pair[0].bytes > pair[1].data as usize) {
            return Err(Failure::argument(format!("argument {}: views overlap", index + 1)));
        }
        // SAFETY: V8 keeps the bytes of each view while the array holds it, that is, for this call; JavaScript
        // does not run before it ends; the views are disjoint (checked above).
        Ok(views
            .into_iter()
            .map(|view| unsafe { slice::from_raw_parts_mut(view.data, view.bytes) })
            .collect())
    }

    /// Where the bytes of the typed array at `index` begin, modulo `align`.
    pub fn misalignment(&self, index: usize, align: usize) -> Result<usize, Failure> {
        Ok(self.view(index)?.data as usize % align.max(1))
    }

    /// All elements of the typed array at `index` as `T`, to write to; the kind must be `T`'s.
    #[allow(clippy::mut_from_ref)] // As for `window`.
    pub fn elements_mut<T: Element>(&self, index: usize, readers: &[&[u8]]) -> Result<&mut [T], Failure> {
        let view = self.view(index)?;
        if view.kind != T::KIND {
            return Err(Failure::argument(format!("argument {}: expected {}", index + 1, T::NAME)));
        }
        let bytes = self.window(index, 0, view.bytes, readers)?;
        // SAFETY: V8 aligns typed arrays to their element size; every bit pattern is a `T`.
        let (head, elements, _) = unsafe { bytes.align_to_mut::<T>() };
        if head.is_empty() { Ok(elements) } else { Err(Failure::argument("a typed array is misaligned")) }
    }

    /// All numbers of the Int32Array at `index` as `u32`, to write to: JavaScript reads the highest bit as a sign.
    #[allow(clippy::mut_from_ref)] // As for `window`.
    pub fn words_mut(&self, index: usize, readers: &[&[u8]]) -> Result<&mut [u32], Failure> {
        let words = self.elements_mut::<i32>(index, readers)?;
        // SAFETY: the same memory; `i32` and `u32` have one size and alignment, and every bit pattern is either.
        Ok(unsafe { slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u32>(), words.len()) })
    }

    /// All elements of the typed array at `index` as `T`, to read.
    pub fn elements<T: Element>(&self, index: usize) -> Result<&[T], Failure> {
        let view = self.view(index)?;
        if view.kind != T::KIND {
            return Err(Failure::argument(format!("argument {}: expected {}", index + 1, T::NAME)));
        }
        // SAFETY: as for `bytes`; V8 aligns typed arrays to their element size; every bit pattern is a `T`.
        let (head, elements, _) = unsafe { slice::from_raw_parts(view.data, view.bytes).align_to::<T>() };
        if head.is_empty() { Ok(elements) } else { Err(Failure::argument("a typed array is misaligned")) }
    }
}

/// Element types of typed arrays: every bit pattern is a value.
pub trait Element: Copy {
    const KIND: sys::napi_typedarray_type;
    const NAME: &'static str;
}

macro_rules! element {
    ($($type:ty, $kind:ident, $name:literal;)*) => {
        $(impl Element for $type {
            const KIND: sys::napi_typedarray_type = sys::TypedarrayType::$kind;
            const NAME: &'static str = $name;
        })*
    };
}

element! {
    u8, uint8_array, "a Uint8Array";
    i32, int32_array, "an Int32Array";
    u32, uint32_array, "a Uint32Array";
    f64, float64_array, "a Float64Array";
    i64, bigint64_array, "a BigInt64Array";
}

/// The bytes under `elements`: to check a window against them.
pub fn as_bytes<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: the elements have no padding (see `Element`), live as long as the result, and are only read.
    unsafe { slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

fn element_size(kind: sys::napi_typedarray_type) -> usize {
    match kind {
        sys::TypedarrayType::int16_array | sys::TypedarrayType::uint16_array => 2,
        sys::TypedarrayType::int32_array
        | sys::TypedarrayType::uint32_array
        | sys::TypedarrayType::float32_array => 4,
        sys::TypedarrayType::float64_array
        | sys::TypedarrayType::bigint64_array
        | sys::TypedarrayType::biguint64_array => 8,
        // 8-bit kinds, and kinds newer than this file: a byte an element never reads past the end.
        _ => 1,
    }
}

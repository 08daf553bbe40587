//! Sizes of chunks: powers of two from 4 KiB to 8 MiB, and oversized ones rounded to a page.

/// The smallest chunk.
pub const MIN_CHUNK_BYTES: u32 = 4 << 10;
/// The largest chunk of a size class; what is larger is oversized, in a chunk of its own.
pub const MAX_CLASS_BYTES: u32 = 8 << 20;
/// The largest chunk at all: offsets are `u32` and an ArrayBuffer stays below 2 GiB.
pub const MAX_CHUNK_BYTES: u32 = (2 << 30) - PAGE_BYTES;

const PAGE_BYTES: u32 = 4 << 10;
const MIN_SHIFT: u32 = MIN_CHUNK_BYTES.trailing_zeros();

/// Number of size classes, the oversized one included.
pub(super) const CLASSES: usize = 13;
/// The class of all oversized chunks.
pub(super) const OVERSIZED: usize = CLASSES - 1;
/// The class bits of all sized classes.
const SIZED_BITS: u16 = (1 << OVERSIZED) - 1;

/// The class of a request. `bytes` is at most [`MAX_CHUNK_BYTES`].
#[inline]
pub(super) fn class_of(bytes: u32) -> usize {
    if bytes > MAX_CLASS_BYTES {
        return OVERSIZED;
    }
    let bytes = bytes.max(MIN_CHUNK_BYTES);
    (u32::BITS - (bytes - 1).leading_zeros() - MIN_SHIFT) as usize
}

/// The capacity of the chunk that a request gets. `bytes` is at most [`MAX_CHUNK_BYTES`].
#[inline]
pub(super) fn capacity_for(bytes: u32) -> u32 {
    match class_of(bytes) {
        OVERSIZED => page_rounded(bytes),
        class => MIN_CHUNK_BYTES << class,
    }
}

/// The capacity of a chunk that is no larger than it must be. `bytes` is at most [`MAX_CHUNK_BYTES`].
#[inline]
pub(super) fn page_rounded(bytes: u32) -> u32 {
    bytes.max(1).next_multiple_of(PAGE_BYTES)
}

/// The largest capacity that a request can get within `bytes`; 0 when that is less than the smallest chunk.
#[inline]
pub(super) fn floor_class(bytes: u32) -> u32 {
    if bytes > MAX_CLASS_BYTES {
        bytes - bytes % PAGE_BYTES
    } else if bytes < MIN_CHUNK_BYTES {
        0
    } else {
        1 << bytes.ilog2()
    }
}

/// The class bits of all sizes up to `bytes`.
#[inline]
pub(super) fn within(bytes: u32) -> u16 {
    match floor_class(bytes) {
        0 => 0,
        floor => (2 << class_of(floor).min(OVERSIZED - 1)) - 1,
    }
}

/// The class bits that may serve a request of `class`: up to four times the size that was asked for, since an idle chunk
/// that is too large costs less than a new one.
#[inline]
pub(super) fn near(class: usize) -> u16 {
    (0b111 << class) & SIZED_BITS
}

/// The class bits of everything that is at least as large.
pub(super) fn at_least(class: usize) -> u16 {
    (u16::MAX << class) & SIZED_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_around_every_border() {
        assert_eq!((class_of(0), capacity_for(0)), (0, 4096));
        for class in 0..OVERSIZED {
            let bytes = MIN_CHUNK_BYTES << class;
            for (request, want) in [(bytes - 1, bytes), (bytes, bytes)] {
                assert_eq!(capacity_for(request), want);
                assert_eq!(class_of(request), class);
            }
            assert_eq!(class_of(bytes + 1), class + 1);
        }
        assert_eq!(MIN_CHUNK_BYTES << (OVERSIZED - 1), MAX_CLASS_BYTES);
        assert_eq!(capacity_for(MAX_CLASS_BYTES + 1), MAX_CLASS_BYTES + 4096);
        assert_eq!(capacity_for(MAX_CHUNK_BYTES - 1), MAX_CHUNK_BYTES);
        assert_eq!(capacity_for(MAX_CHUNK_BYTES), MAX_CHUNK_BYTES);
        assert_eq!(near(OVERSIZED - 1), 1 << (OVERSIZED - 1));
        assert_eq!(near(OVERSIZED), 0);
        assert_eq!((floor_class(4095), floor_class(4096), floor_class(8191)), (0, 4096, 4096));
        assert_eq!(floor_class(MAX_CLASS_BYTES + 4097), MAX_CLASS_BYTES + 4096);
        assert_eq!((within(4095), within(4096), within(8192), within(MAX_CLASS_BYTES - 1)), (0, 1, 3, 0x7ff));
        assert_eq!((within(MAX_CLASS_BYTES), within(MAX_CHUNK_BYTES)), (SIZED_BITS, SIZED_BITS));
    }
}

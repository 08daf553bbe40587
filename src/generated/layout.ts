// Printed from crates/core/src/layout.rs: change that, then run
// UPDATE_GENERATED=1 cargo test -p primarena-core --test layout

/* Tags of the entries that `jsonFields` writes. */
export const TAG_MISSING = 0
export const TAG_NULL = 1
export const TAG_TRUE = 2
export const TAG_FALSE = 3
export const TAG_NUMBER = 4
export const TAG_TEXT = 5
export const TAG_RAW = 6
export const TAG_UTF8 = 7
export const TAG_ASCII = 8
export const TAG_BIG = 9
export const TAG_ARRAY = 10

/* Numbers of an entry of `jsonFields`, and of a column of `jsonColumns`. */
export const WIDTH_ENTRY = 3
export const WIDTH_COLUMN = 5

/* Flags of the calls that read documents. */
export const FLAG_TRUST = 1
export const FLAG_MINIFY = 2
export const FLAG_LINE = 4
export const FLAG_AGAIN = 8

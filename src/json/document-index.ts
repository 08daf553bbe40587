/**
 * The index of a document, as `crates/core/src/json/document.rs` writes it: for each container a row of
 * - the number of entries and two flags, look-ups so far, the end of the container; then
 * - for each entry of an object the key of its name, where that starts (see `document-names.ts`), and a value;
 * - for each entry of an array a value;
 * where a value is
 * - its start (negative: a string with escapes or other than ASCII), and
 * - its end, or, if it is a container with a row, the complement of where that is.
 */

/** Numbers of a row before its entries. */
export const HEADER_NUMBERS = 3
/** Where a row has the end of its container. */
export const ROW_END = 2
/** Numbers of an entry of an object. */
export const MEMBER_NUMBERS = 4
/** Where the value is in the entry of a member. */
export const MEMBER_VALUE = 2
/** Numbers of an entry of an array. */
export const ELEMENT_NUMBERS = 2
/** The bits of a row's first number that count its entries. */
export const COUNT = 0x3fffffff
/** Set in it when an object that is not very wide has no name twice. It is negative if some names are odd. */
export const DISTINCT = 0x40000000
/** All bits but the sign. */
export const UNSIGNED = 0x7fffffff

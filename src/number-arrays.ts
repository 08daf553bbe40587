/** Element types of columns and vectors; the order is that of the codes in `crates/node/src/record_pool.rs`. */
export const NUMBERS = ['u8', 'u16', 'u32', 'u64', 'i8', 'i16', 'i32', 'i64', 'f32', 'f64'] as const
export type NumberKind = (typeof NUMBERS)[number]

/** The typed array of each element type. */
export const ARRAYS = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const

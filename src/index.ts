export { PrimarenaError, type BudgetLevel, type ErrorCode, type ErrorDetails } from './errors.js'
export type { AlignOptions, Allocator, BytesLike, ByteStream } from './allocator.js'
export { t, type JsonValue, type Kind, type Type, type TypeOptions, type ValueOf } from './types.js'

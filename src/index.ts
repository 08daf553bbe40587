export { PrimarenaError, type BudgetLevel, type ErrorCode, type ErrorDetails } from './errors.js'
export type { AlignOptions, Allocator, BytesLike, ByteStream } from './allocator.js'
export { t, type JsonValue, type Kind, type Type, type TypeOptions, type ValueOf } from './types.js'
export { Agent, type AgentOptions, type AgentStats, type ArenaOptions, type SessionOptions } from './agent.js'
export { currentContext } from './ambient.js'
export { Arena, type OnReset, type ResetOptions } from './arena.js'
export { ByteBuilder } from './builder.js'
export type { ByteSize } from './byte-size.js'
export type { NativeEvent } from './chunk-store.js'
export { memory } from './default-memory.js'
export { ManualContext, PrimitiveContext, type RunOptions } from './context.js'
export type { DisposeOptions } from './dispose.js'
export { HeapAllocator } from './heap-allocator.js'
export { JsonOptimizer } from './json-optimizer.js'
export type { LeakDetection, LeakReport } from './leaks.js'
export {
  Memory,
  type DisposeReport,
  type HoldReport,
  type MemoryEvents,
  type MemoryOptions,
  type MemoryStats,
} from './memory.js'
export { processStats, setProcessBudget, type ProcessBudget, type ProcessStats } from './process-budget.js'
export type { MemorySnapshot, OwnerFigures, SiteFigures, SnapshotDiff } from './snapshot.js'
export { Primitive, type Execute, type PrimitiveDefinition, type PrimitiveOptions } from './primitive.js'
export { Session } from './session.js'
export { json } from './json/index.js'
export type { BytesInput } from './bytes.js'
export type { BooleanColumn, NumberColumn, TextColumn } from './json/column.js'
export type { ColumnsProgram, ColumnSpecs, Table } from './json/columns.js'
export type { FieldOf, FieldSpec, FieldSpecs, FieldsOf, FieldsProgram } from './json/fields.js'
export type { JsonLiteral } from './json/literal.js'
export type { ProgramOptions, ReadOptions } from './json/paths.js'
export type { Shape, TransformProgram, WriteOptions } from './json/transform.js'
export type { JsonFault, LimitOptions } from './json/validate.js'
export type { Template } from './json/template.js'
export type { TemplateShape, TemplateValues } from './json/template-types.js'

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
export { PrimitiveContext } from './context.js'
export type { RunArguments, RunOptions } from './run-options.js'
export { ManualContext } from './manual-context.js'
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
export { TemplateCache, type TemplateCacheOptions, type TemplateCacheStats } from './template-cache.js'
export { json } from './json/index.js'
export type { BytesInput } from './bytes.js'
export type { BooleanColumn, NumberColumn, TextColumn } from './json/column.js'
export type { ColumnsProgram, ColumnSpecs, Table } from './json/columns.js'
export type { DocumentValue, JsonDocument, JsonKind, ParseOptions, PathStep } from './json/document.js'
export type { FieldOf, FieldSpec, FieldSpecs, FieldsOf, FieldsProgram } from './json/fields.js'
export type { JsonLiteral } from './json/literal.js'
export type { JsonLines, LinesOptions, RecordPosition, RecordReader, RecordWriter } from './json/lines.js'
export type { ToLinesOptions } from './json/to-lines.js'
export type { ProgramOptions, ReadOptions } from './json/paths.js'
export type { Shape, TransformProgram, WriteOptions } from './json/transform.js'
export type { JsonFault, LimitOptions } from './json/validate.js'
export type { Template } from './json/template.js'
export type { FilledTemplate } from './json/template-from.js'
export type { TemplateShape, TemplateValues } from './json/template-types.js'
export type { JsonArray, JsonObject } from './pool/json-containers.js'
export type { RawJson } from './pool/json-handle.js'
export type { JsonPoolStats } from './pool/json-pool.js'
export type { ObjectLease } from './pool/object-lease.js'
export { link as poolLink } from './pool/object-marks.js'
export type { ObjectPool, ObjectPoolOptions, ObjectPoolStats } from './pool/object-pool.js'
export type { LeakedRecord, RecordLeakDetection } from './pool/record-leaks.js'
export type { RecordCursor } from './pool/record-cursor.js'
export type { Conditions, Predicate } from './pool/record-predicate.js'
export {
  RecordPool,
  type Aggregate,
  type RecordPoolOptions,
  type RecordPoolReport,
  type RecordPoolStats,
} from './pool/record-pool.js'
export type { PoolRecord, RecordSchema, RecordValues } from './pool/record-schema.js'

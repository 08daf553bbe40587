import { ColumnsProgram, type ColumnSpecs } from './columns.js'
import { parseDocument } from './document.js'
import { FieldsProgram, type FieldSpecs } from './fields.js'
import type { ByteStream } from '../allocator.js'
import { JsonLines, type LinesOptions } from './lines.js'
import { JsonLiteral } from './literal.js'
import type { ProgramOptions } from './paths.js'
import { template } from './template.js'
import { toLines, type ToLinesOptions } from './to-lines.js'
import { TransformProgram, type Shape } from './transform.js'
import { check, validate } from './validate.js'

/**
 * JSON on bytes: programs that are compiled once and then run over documents as they come off the wire.
 *
 * Paths are JSONPath (RFC 9535: names, indexes, slices, wildcards) or JSON Pointers (RFC 6901).
 */
export const json = Object.freeze({
  /**
   * A program that reads some values: `json.fields({ id: '$.head_commit.id', size: t.u32('$.size') })`.
   *
   * @throws PrimarenaError ERR_JSON_PATH with the path; TypeError for what is no path and no type.
   */
  fields<const Specs extends FieldSpecs>(specs: Specs, options?: ProgramOptions): FieldsProgram<Specs> {
    return new FieldsProgram(specs, options)
  },

  /**
   * A program that reshapes documents: `json.transform({ repo: '$.repository.full_name', v: 1 })`.
   *
   * @throws PrimarenaError ERR_JSON_PATH with the path; TypeError for what is no shape.
   */
  transform(shape: Shape, options?: ProgramOptions): TransformProgram {
    return new TransformProgram(shape, options)
  },

  /**
   * A program that reads rows into columns: `json.columns('$.commits[*]', { at: t.timestamp('timestamp') })`.
   *
   * @throws PrimarenaError ERR_JSON_PATH with the path; TypeError for what is no path and no type.
   */
  columns<const Specs extends ColumnSpecs>(
    rows: string,
    specs: Specs,
    options?: ProgramOptions,
  ): ColumnsProgram<Specs> {
    return new ColumnsProgram(rows, specs, options)
  },

  /**
   * Constant JSON in the shape of a transform, where a string would be a path.
   *
   * @throws TypeError for what is no JSON value (`undefined`, functions, symbols, BigInts).
   */
  literal<const Value>(value: Value): JsonLiteral<Value> {
    return new JsonLiteral(value)
  },

  parse: parseDocument,
  /**
   * A stream of NDJSON, one document a line: `for await (const row of json.lines(socket).read(Push))`.
   *
   * @throws TypeError and RangeError for wrong options; what the source is, is found when it is read.
   */
  lines(source: ByteStream | Uint8Array | string, options?: LinesOptions): JsonLines {
    return new JsonLines(source, options)
  },

  /**
   * NDJSON in batches of bytes from values, pooled containers or ready JSON:
   * `await pipeline(json.toLines(rows), socket)`. Batches are ordinary Buffers.
   *
   * @throws While it is read: TypeError for a value that JSON leaves out; what the source throws.
   */
  toLines(
    values: AsyncIterable<unknown> | Iterable<unknown>,
    options?: ToLinesOptions,
  ): AsyncIterableIterator<Buffer> {
    return toLines(values, options)
  },

  template,
  validate,
  check,
})

/** Pooled containers as bytes, as text and as plain values. */
import { Buffer } from 'node:buffer'
import type { WindowedAllocator } from '../allocator.js'
import { PrimarenaError } from '../errors.js'
import { NUMBER_ROOM, writeBoolean, writeNull, writeNumber } from '../json/write-number.js'
import { isWellFormed, LONG_STRING, writeInside, writeString, writeText } from '../json/write-string.js'
import { RawJson, StorageHandle } from './json-handle.js'
import { JsonOutput } from './json-output.js'
import { MemberStorage, type ElementStorage } from './json-storage.js'

/** More levels than this are an error and not a matter of the stack. */
const MAX_DEPTH = 1000

/** Bytes asked for at first; a window is usually much larger. */
const HINT_BYTES = 512

/** Room that is asked for without a look at what a text really needs. */
const MOST_GUESSED_BYTES = 4096

/** What a writer answers when code of the user would have to run, and `output.direct` forbids it. */
const NEEDS_CODE = -2

/** What it answers for a value that is left out. */
const NOTHING = -3

/** What it answers for a value that takes more than a short one. */
const NOT_SHORT = -1

/** One output for whoever is not inside another: `toJSON` of a member may write containers too. */
let spare: JsonOutput | undefined = new JsonOutput()

function takeOutput(): JsonOutput {
  const output = spare ?? new JsonOutput()
  spare = undefined
  return output
}

/** @internal */
export function toBytes(container: StorageHandle, allocator: WindowedAllocator): Buffer {
  const output = takeOutput()
  try {
    let at = output.openDirect(allocator, HINT_BYTES)
    at = writeContainer(output, at, container)
    if (at < 0) at = rewrite(output, container)
    return output.finish(at, allocator)
  } finally {
    output.close()
    spare = output
  }
}

/** @internal */
export function toText(container: StorageHandle): string {
  const output = takeOutput()
  try {
    return output.text(rewrite(output, container))
  } finally {
    output.close()
    spare = output
  }
}

function rewrite(output: JsonOutput, container: StorageHandle): number {
  output.close()
  return writeContainer(output, output.openScratch(), container)
}

function writeContainer(output: JsonOutput, at: number, container: StorageHandle): number {
  const storage = enter(output, container)
  at =
    storage instanceof MemberStorage
      ? writeMembers(output, at, container, storage)
      : writeElements(output, at, container, storage)
  if (at === NEEDS_CODE) return NEEDS_CODE
  output.leave()
  return at
}

function enter(output: JsonOutput, container: StorageHandle): MemberStorage | ElementStorage {
  const storage = container.peek
  if (storage === undefined) throw staleAt(output)
  if (storage.busy) {
    throw new PrimarenaError('ERR_JSON_TYPE', `${pathOf(output)}: the container is inside itself`, {
      path: pathOf(output),
    })
  }
  if (output.depth >= MAX_DEPTH) {
    throw new PrimarenaError('ERR_JSON_LIMIT', `the containers are more than ${MAX_DEPTH} levels deep`)
  }
  output.enter(storage)
  return storage
}

function writeMembers(output: JsonOutput, at: number, object: StorageHandle, storage: MemberStorage): number {
  let { bytes, view, limit } = output
  let isFirst = true
  for (let position = 0; position < storage.size; position++) {
    const value = storage.values[position]
    if (value === undefined) continue
    const { words, length } = storage.names[position]!
    // The last word of the name may go over its end.
    if (at + length + NUMBER_ROOM > limit) {
      at = output.grow(at, length + NUMBER_ROOM)
      ;({ bytes, view, limit } = output)
    }
    const nameStart = at
    for (let index = 0; index < words.length; index++) view.setInt32(at + index * 4, words[index]!, true)
    if (isFirst) bytes[nameStart] = 0x7b
    at += length
    let end = writeShort(bytes, view, at, limit, value)
    if (end < 0) {
      const nameOffset = nameStart - output.start
      const { key } = storage.names[position]!
      output.path[output.depth - 1] = key
      end = writeSlow(output, at, key, value)
      if (end === NEEDS_CODE) return NEEDS_CODE
      if (object.peek !== storage) throw staleAt(output)
      ;({ bytes, view, limit } = output)
      if (end === NOTHING) {
        at = output.start + nameOffset
        continue
      }
    }
    at = end
    isFirst = false
  }
  return writeEnd(output, at, isFirst ? 0x7b : 0, 0x7d)
}

function writeElements(
  output: JsonOutput,
  at: number,
  array: StorageHandle,
  storage: ElementStorage,
): number {
  let { bytes, view, limit } = output
  for (let position = 0; position < storage.size; position++) {
    const value = storage.values[position]
    if (at + 1 + NUMBER_ROOM > limit) {
      at = output.grow(at, 1 + NUMBER_ROOM)
      ;({ bytes, view, limit } = output)
    }
    bytes[at++] = position === 0 ? 0x5b : 0x2c
    let end = value === undefined ? writeNull(view, at) : writeShort(bytes, view, at, limit, value)
    if (end < 0) {
      const offset = at - output.start
      output.path[output.depth - 1] = position
      end = writeSlow(output, at, String(position), value)
      if (end === NEEDS_CODE) return NEEDS_CODE
      if (array.peek !== storage) throw staleAt(output)
      ;({ bytes, view, limit } = output)
      if (end === NOTHING) end = writeNull(view, output.start + offset)
    }
    at = end
  }
  return writeEnd(output, at, storage.size === 0 ? 0x5b : 0, 0x5d)
}

/** A value for which `NUMBER_ROOM` is enough, or a short string that has room; else `NOT_SHORT`. */
function writeShort(bytes: Uint8Array, view: DataView, at: number, limit: number, value: unknown): number {
  if (typeof value === 'string') {
    const { length } = value
    return length < LONG_STRING && at + length * 6 + 2 <= limit
      ? writeString(bytes, view, at, value)
      : NOT_SHORT
  }
  if (typeof value === 'number') return writeNumber(bytes, view, at, value)
  if (typeof value === 'boolean') return writeBoolean(bytes, view, at, value)
  return value === null ? writeNull(view, at) : NOT_SHORT
}

/** The closing bracket, after the opening one when nothing has written that. */
function writeEnd(output: JsonOutput, at: number, opening: number, closing: number): number {
  if (at + 2 > output.limit) at = output.grow(at, 2)
  const { bytes } = output
  if (opening !== 0) bytes[at++] = opening
  bytes[at++] = closing
  return at
}

/** Everything but a short value that fits. Gives `NOTHING` for what `JSON.stringify` leaves out. */
function writeSlow(output: JsonOutput, at: number, key: string, value: unknown): number {
  if (typeof value === 'string') return writeAnyString(output, at, value)
  if (typeof value === 'symbol') return NOTHING
  if (value instanceof StorageHandle) return writeContainer(output, at, value)
  if (value instanceof RawJson) return writeRaw(output, at, value.bytes)
  if (output.direct) return NEEDS_CODE
  const json = stringifyMember(key, value)
  return json === undefined ? NOTHING : writeJson(output, at, json)
}

function writeAnyString(output: JsonOutput, at: number, text: string): number {
  const { length } = text
  const isLong = length >= LONG_STRING
  // Code of the user, which may run when this is not direct, may write long strings of its own meanwhile.
  if (isLong && !(output.direct && isWellFormed(text))) return writeJson(output, at, JSON.stringify(text))
  at = ensure(output, at, 2 + length * (isLong ? 3 : 6), text)
  output.bytes[at] = 0x22
  const end = writeInside(output.bytes, output.view, at + 1, text)
  output.bytes[end] = 0x22
  return end + 1
}

/** Writes what is JSON already. */
function writeJson(output: JsonOutput, at: number, json: string): number {
  at = ensure(output, at, json.length * 3, json)
  return writeText(output.bytes, at, json)
}

/** Makes room for `bytes`, or, where that would be much more than the UTF-8 of `text` needs, for that. */
function ensure(output: JsonOutput, at: number, bytes: number, text: string): number {
  if (at + bytes <= output.limit) return at
  const needed = bytes <= MOST_GUESSED_BYTES ? bytes : 2 + Buffer.byteLength(text)
  return at + needed <= output.limit ? at : output.grow(at, needed)
}

function writeRaw(output: JsonOutput, at: number, raw: Uint8Array): number {
  const { length } = raw
  if (length === 0) {
    const path = pathOf(output)
    throw new PrimarenaError('ERR_STALE_HANDLE', `${path}: the raw JSON is empty; was its arena reset?`, {
      path,
    })
  }
  if (at + length > output.limit) at = output.grow(at, length)
  output.bytes.set(raw, at)
  return at + length
}

/**
 * The JSON of a value that may have a `toJSON`, which is called with the name that it has here: so it is wrapped
 * in an object that has it under that name. Undefined when it is left out.
 */
function stringifyMember(key: string, value: unknown): string | undefined {
  const json = JSON.stringify({ [key]: value })
  return json === '{}' ? undefined : json.slice(JSON.stringify(key).length + 2, -1)
}

/** @internal */
export function toPlain(container: StorageHandle): unknown {
  const output = new JsonOutput()
  try {
    return plain(output, container)
  } finally {
    output.close()
  }
}

function plain(output: JsonOutput, container: StorageHandle): unknown {
  const storage = enter(output, container)
  let result: unknown
  if (storage instanceof MemberStorage) {
    const { names, values, size } = storage
    const object: Record<string, unknown> = {}
    for (let position = 0; position < size; position++) {
      const { key } = names[position]!
      output.path[output.depth - 1] = key
      const value = plainValue(output, values[position])
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
      } else {
        object[key] = value
      }
    }
    result = object
  } else {
    const { values, size } = storage
    const array: unknown[] = []
    for (let position = 0; position < size; position++) {
      output.path[output.depth - 1] = position
      array.push(plainValue(output, values[position]))
    }
    result = array
  }
  output.leave()
  return result
}

function plainValue(output: JsonOutput, value: unknown): unknown {
  if (value instanceof StorageHandle) return plain(output, value)
  if (!(value instanceof RawJson)) return value
  const { buffer, byteOffset, length } = value.bytes
  return JSON.parse(Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString())
}

function staleAt(output: JsonOutput): PrimarenaError {
  const path = pathOf(output)
  return new PrimarenaError('ERR_STALE_HANDLE', `${path}: the container was returned to its pool`, { path })
}

/** The path of what is being written: `$.rows[3].name`. */
function pathOf(output: JsonOutput): string {
  let text = '$'
  for (const step of output.path.slice(0, output.depth)) {
    if (typeof step === 'number') text += `[${step}]`
    else text += /^[A-Za-z_]\w*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
  }
  return text
}

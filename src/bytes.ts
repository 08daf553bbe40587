/** Input bytes, in a form that native code may read. */
import { nameOf } from './checks.js'
import { PrimarenaError } from './errors.js'

/** What is read as a document: bytes in any form. */
export type BytesInput = ArrayBufferView | ArrayBufferLike

/**
 * The bytes of `input`, not copied where that is safe.
 *
 * Bytes on a SharedArrayBuffer could change, and a resizable buffer could shrink, while they are read: they
 * are copied first.
 *
 * @throws TypeError for anything but a view, an ArrayBuffer or a SharedArrayBuffer.
 */
export function inputBytes(input: BytesInput): Uint8Array<ArrayBuffer> {
  if (input instanceof Uint8Array) {
    const { buffer } = input
    if (buffer instanceof ArrayBuffer && isFixed(buffer)) {
      if (input.length === 0) checkAttached(input)
      return input as Uint8Array<ArrayBuffer>
    }
  }
  const bytes = asBytes(input)
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && isFixed(buffer)) return bytes as Uint8Array<ArrayBuffer>
  return Uint8Array.from(bytes)
}

/** The bytes of a view or a buffer, never copied: for what reads them at once and itself. */
export function asBytes(source: unknown): Uint8Array {
  if (source instanceof Uint8Array) return source
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  if (source instanceof ArrayBuffer || source instanceof SharedArrayBuffer) return new Uint8Array(source)
  throw new TypeError(
    `expected bytes (a Buffer, typed array, DataView or ArrayBuffer), got ${nameOf(source)}`,
  )
}

/**
 * Throws when the bytes of `view` are gone: its arena was reset or disposed, or somebody transferred them. Such a
 * view has length 0, and would read as an empty document otherwise.
 *
 * @throws PrimarenaError ERR_STALE_HANDLE.
 */
export function checkAttached(view: ArrayBufferView): void {
  const { buffer, byteLength } = view
  if (byteLength > 0 || buffer.byteLength > 0) return
  try {
    // Making a view of a detached buffer throws, also where buffers have no `detached` property.
    void new Uint8Array(buffer)
  } catch (cause) {
    throw new PrimarenaError(
      'ERR_STALE_HANDLE',
      'these bytes are gone: their arena was reset or disposed (hold it for as long as they are used)',
      { cause },
    )
  }
}

// Node 20 types know nothing of resizable buffers; where the property is missing there are none.
function isFixed(buffer: ArrayBuffer): boolean {
  return (buffer as { resizable?: boolean }).resizable !== true
}

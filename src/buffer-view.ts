import { Buffer } from 'node:buffer'

type BufferClass = new (buffer: ArrayBuffer, offset: number, length: number) => Buffer

/** Where Node has no such class to give: a constructor that answers with an object gives that object. */
const byFactory = function (buffer: ArrayBuffer, offset: number, length: number): Buffer {
  return Buffer.from(buffer, offset, length)
} as unknown as BufferClass

const species = (Buffer as unknown as { [Symbol.species]?: BufferClass })[Symbol.species]

/**
 * The class that Buffers really are of. `new BufferView(buffer, offset, length)` gives what
 * `Buffer.from(buffer, offset, length)` gives, without its questions about what it was given: 16 ns instead of
 * 33 on Node 20, 19 instead of 31 on Node 26. So `buffer` must be an `ArrayBuffer` and the numbers whole.
 */
export const BufferView: BufferClass =
  species !== undefined &&
  species !== (Buffer as unknown) &&
  (species.prototype as unknown) === Buffer.prototype
    ? species
    : byFactory

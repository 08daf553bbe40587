/**
 * Detaching: how every view of a chunk dies at once, while the bytes stay where they are.
 *
 * `ArrayBuffer.prototype.transfer` costs 150–310 ns whatever the size; Node 20 lacks it, and there
 * `structuredClone` with a transfer list does the same for about 1,700 ns.
 */

interface Transferable extends ArrayBuffer {
  transfer(byteLength?: number): ArrayBuffer
}

const hasTransfer = typeof (ArrayBuffer.prototype as Partial<Transferable>).transfer === 'function'

/**
 * Moves the bytes to a new `ArrayBuffer`; all views of the old one have length 0 from now on.
 *
 * @throws TypeError when it is detached already.
 */
export const detach: (buffer: ArrayBuffer) => ArrayBuffer = hasTransfer
  ? (buffer) => (buffer as Transferable).transfer()
  : (buffer) => {
      // Node 20 clones a detached buffer as an empty one.
      if (buffer.byteLength === 0) throw new TypeError('the buffer is detached')
      return structuredClone(buffer, { transfer: [buffer] })
    }

/** True when `release` gives the bytes back at once; otherwise they go with the next garbage collection. */
export const releasesAtOnce = hasTransfer

/** Detaches and lets go of the bytes. */
export const release: (buffer: ArrayBuffer) => void = hasTransfer
  ? (buffer) => void (buffer as Transferable).transfer(0)
  : (buffer) => void structuredClone(buffer, { transfer: [buffer] })

/**
 * Whether this runtime really detaches. Where it does not, chunks are never used again: each operation
 * gets fresh ones.
 */
export const canDetach: boolean = (() => {
  try {
    const buffer = new ArrayBuffer(8)
    const view = new Uint8Array(buffer)
    view[0] = 7
    const moved = detach(buffer)
    return view.length === 0 && buffer.byteLength === 0 && new Uint8Array(moved)[0] === 7
  } catch {
    return false
  }
})()

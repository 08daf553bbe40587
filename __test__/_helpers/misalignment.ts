import { raw } from '../../dist/native.js'

/** How far the first byte of a view lies behind the last multiple of `align`. */
export function misalignment(view: ArrayBufferView, align: number): number {
  return raw.recordMisalignment(
    new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength),
    align,
  )
}

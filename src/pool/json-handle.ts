import type { ElementStorage, MemberStorage } from './json-storage.js'

/** Ready JSON as a member: its bytes are written as they are. */
export class RawJson {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`raw JSON: expected a Uint8Array, got ${typeof bytes}`)
    this.bytes = bytes
  }
}

/**
 * A handle as the pool and the writers see it: something with a storage, until it was returned. All private, so
 * that neither `console.log` nor a `JSON.stringify` that comes upon it shows the inside.
 *
 * @internal
 */
export abstract class StorageHandle<
  S extends MemberStorage | ElementStorage = MemberStorage | ElementStorage,
> {
  #storage: S | undefined
  #position: number
  #ticket: object | undefined = undefined

  constructor(storage: S, position: number) {
    this.#storage = storage
    this.#position = position
  }

  /** Its storage, while it was not returned. @internal */
  get peek(): S | undefined {
    return this.#storage
  }

  /** Where its scope keeps it. @internal */
  get position(): number {
    return this.#position
  }

  /** @internal */
  set position(position: number) {
    this.#position = position
  }

  /** The ticket of a leak tracker. @internal */
  get ticket(): object | undefined {
    return this.#ticket
  }

  /** @internal */
  set ticket(ticket: object | undefined) {
    this.#ticket = ticket
  }

  /** Takes its storage away; the handle is stale from now on. @internal */
  end(): S {
    const storage = this.#storage!
    this.#storage = undefined
    return storage
  }
}

import type { Arena } from './arena.js'
import type { AnyContext } from './context.js'
import type { BytesInput } from './bytes.js'
import { parseDocument, type JsonDocument, type ParseOptions } from './json/document.js'
import type { Template } from './json/template.js'
import type { TemplateShape, TemplateValues } from './json/template-types.js'
import type { Memory } from './memory.js'
import type { JsonArray, JsonObject } from './pool/json-containers.js'
import type { JsonScope } from './pool/json-pool.js'
import { Standalone } from './standalone.js'

/**
 * JSON in an operation: documents in its arena, pooled containers that are cleaned before reuse, and the
 * templates of the `Memory`, which no reset touches.
 */
export class JsonOptimizer implements Disposable {
  readonly #memory: Memory
  readonly #context: AnyContext | undefined
  #own: Arena | undefined
  #scope: JsonScope | undefined

  /** @internal Use `ctx.json`. */
  constructor(memory: Memory, context: AnyContext | undefined) {
    this.#memory = memory
    this.#context = context
  }

  /** The optimizer's own arena: not the operation's, so it can be reset in mid-operation. */
  get arena(): Arena {
    const place = this.#context?.place ?? this.#memory
    return (this.#own ??= new Standalone(place, this.#memory.onReset, 0, JsonOptimizer).arena)
  }

  /**
   * An empty JSON object from the pool: `set`, nest, then `toBytes(allocator)`. Valid until it is returned, at the
   * latest until the operation has ended.
   */
  getObject(): JsonObject {
    return this.#containers().getObject()
  }

  /** An empty JSON array from the pool. Valid until it is returned, at the latest until the operation has ended. */
  getArray(): JsonArray {
    return this.#containers().getArray()
  }

  /**
   * Takes an object back, with what is nested in it; it is cleaned before somebody else gets it.
   *
   * @throws PrimarenaError ERR_DOUBLE_RELEASE, ERR_FOREIGN_OBJECT; TypeError for anything else.
   */
  returnObject(object: JsonObject): void {
    this.#containers().returnObject(object)
  }

  /** Takes an array back, with what is nested in it. Errors as for `returnObject`. */
  returnArray(array: JsonArray): void {
    this.#containers().returnArray(array)
  }

  /**
   * Opens a document in the operation's memory (its arena, or ordinary memory in a context without one): see
   * `json.parse`. Valid until the operation ends.
   */
  parse(bytes: BytesInput, options?: ParseOptions): JsonDocument {
    return parseDocument(bytes, this.#context?.allocator ?? this.arena, options)
  }

  /**
   * Keeps a template under `name` in the cache of the `Memory`: a compiled one, or what `json.template`
   * takes. Gives the template. Errors as for `memory.templates.set`.
   */
  cacheTemplate<V>(name: string, template: Template<V>): Template<V>
  cacheTemplate<const S extends TemplateShape>(name: string, shape: S): Template<TemplateValues<S>>
  cacheTemplate(name: string, template: TemplateShape): Template {
    return this.#memory.templates.set(name, template) as Template
  }

  /** The template kept under `name`, if it is still there. */
  getTemplate(name: string): Template | undefined {
    return this.#memory.templates.get(name)
  }

  /** Takes back what was built in the optimizer's own arena. Templates and the operation's arena stay. */
  resetArena(): void {
    this.#own?.reset()
  }

  /** Gives back what the optimizer holds. A second call does nothing. */
  dispose(): void {
    this.#scope?.returnAll()
    this.#scope = undefined
    this.#own?.dispose()
    this.#own = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #containers(): JsonScope {
    return (this.#scope ??= this.#memory.pools.json(this.#memory).scope(this.#context))
  }
}

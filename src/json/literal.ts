/** Constant JSON in a shape, where a string would be a path. Made by `json.literal`. */
export class JsonLiteral<Value = unknown> {
  /** The text of the value, as `JSON.stringify` writes it. */
  readonly json: string
  /** Never there at run time: carries `Value` for the compiler. */
  declare readonly __value?: Value

  /** @internal Use `json.literal`. */
  constructor(value: Value) {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`json.literal: ${typeof value} is no JSON value`)
    this.json = text
    Object.freeze(this)
  }
}

/**
 * The record class of a layout as generated code: every place is a literal.
 *
 * Classes made by closures share their code, so that with several schemas in a process each access goes
 * through a megamorphic load (a cycle of acquire, four writes and release: 20 ns → 120 ns and more).
 */
import { foreign, releasedAgain, stale, type Engine, type PoolState } from './record-engine.js'
import { ARRAYS, type NumberKind } from './record-schema.js'
import { FREE, FRESH, LAST_GENERATION, LIMIT, RETIRED, type Column, type SlabLayout } from './record-slab.js'
import {
  badNumber,
  bytesOf,
  elementsOf,
  jsonValues,
  readText,
  timeOf,
  writeText,
  wrongType,
} from './record-values.js'

/** What generated code calls; passed in as `h`. */
const helpers = {
  badNumber,
  bytesOf,
  elementsOf,
  foreign,
  jsonValues,
  readText,
  releasedAgain,
  stale,
  timeOf,
  writeText,
  wrongType,
}

/** The generated source, for a look at it in tests and debugging. */
export function engineSource(layout: SlabLayout): string {
  const generation = `s.u32[i+${layout.generations}]`
  const entry = (at: string): string => `s.u32[${at}+${layout.freeStack}]`
  const check = `const s=this.#slab,i=this.#index;if(${generation}!==this.#generation)h.stale(s,i,this.#generation);`
  const accessors = layout.columns.map((column) => {
    const { get, convert, set } = accessor(column)
    const name = JSON.stringify(column.field.name)
    return `get [${name}](){${check}${get}}\nset [${name}](v){${convert}${check}${set}}`
  })
  // What acquire and acquireInto share: leaves the slab in s, the index in i, the generation in g.
  const take = `let s=pool.current,w=s.u32,i;const t=w[${FREE}];
if(t>0){w[${FREE}]=t-1;i=${entry('t-1')}}
else{i=w[${FRESH}];if(i<w[${LIMIT}])w[${FRESH}]=i+1;else{pool.advance();return RETRY}}
const g=${generation}+1;${generation}=g;`
  const values = layout.columns.map((column) => JSON.stringify(column.field.name))
  return `return class Record{
#slab;#index;#generation;
constructor(s,i,g){this.#slab=s;this.#index=i;this.#generation=g}
toJSON(){return h.jsonValues(Record.values(this),F)}
${accessors.join('\n')}
[Symbol.dispose](){if(this.#generation!==0)Record.release(this.#slab.pool,this)}
[inspect](){return Record.values(this)}
static values(r){return{${values.map((name) => `[${name}]:r[${name}]`).join(',')}}}
static acquire(pool){${take.replace('RETRY', 'Record.acquire(pool)')}return new Record(s,i,g)}
static acquireInto(pool,r){${take.replace('RETRY', 'Record.acquireInto(pool,r)')}r.#slab=s;r.#index=i;r.#generation=g;return s.number*${layout.capacity}+i}
static release(pool,r){
if(!(#slab in r))h.foreign(pool,r);
const s=r.#slab,i=r.#index,g=r.#generation;
if(${generation}!==g)h.releasedAgain(s,i,g,${generation});
if(s.pool!==pool)h.foreign(pool,r);
${generation}=g+1;r.#generation=0;
${layout.columns.map(erase).join('')}
if(g<${LAST_GENERATION - 1}){const t=s.u32[${FREE}];${entry('t')}=i;s.u32[${FREE}]=t+1;if(!s.listed)pool.relist(s)}
else s.u32[${RETIRED}]++}
static aimed(s,i){return new Record(s,i,${generation}|0)}
static aim(r,s,i){r.#slab=s;r.#index=i;r.#generation=${generation}|0}
static owns(r){return #slab in r}
static slabOf(r){return r.#slab}
static indexOf(r){return r.#index}
static generationOf(r){return r.#generation}
}`
}

/** The engine of a layout, compiled. */
export function generatedEngine(layout: SlabLayout): Engine {
  const fields = layout.columns.map((column) => column.field)
  const make = new Function('h', 'F', 'inspect', engineSource(layout))
  return Object.assign(make(helpers, fields, Symbol.for('nodejs.util.inspect.custom')) as object, {
    layout,
  }) as unknown as Engine
}

type AnyClass = abstract new (...args: never[]) => object

/** A pool class and a cursor class that know their engine. */
export interface Classes {
  pool: AnyClass
  cursor: new (store: PoolState, engine: Engine) => object
}

const classes = new WeakMap<Engine, Classes>()

/**
 * The classes of an engine: the hot methods of `Pool` and `Cursor` (see there what they do) with the engine's own code
 * in place of a call through `this.engine`, which goes megamorphic with the fifth schema of a process.
 */
export function classesOf(engine: Engine, Pool: AnyClass, Cursor: AnyClass): Classes {
  let made = classes.get(engine)
  if (made === undefined) {
    const { capacity, shift, generations } = engine.layout
    const source = `return{
pool:class RecordPool extends Pool{
acquire(){return R.acquire(this.store)}
release(r){if(typeof r!=="object"||r===null)h.foreign(this.store,r);R.release(this.store,r)}
},
cursor:class RecordCursor extends Cursor{
acquire(){return R.acquireInto(this.store,this.record)}
release(){R.release(this.store,this.record)}
moveTo(slot){
const s=this.store.slabs[slot>>>${shift}],i=slot&${capacity - 1};
if(s===undefined||(s.u32[i+${generations}]&1)===0||slot>>>0!==slot)return super.moveTo(slot);
R.aim(this.record,s,i);return this}
next(){
const r=this.record,s=R.slabOf(r);
if(s.number>=0){const w=s.u32,n=w[${FRESH}];
for(let i=R.indexOf(r)+1;i<n;i++)if((w[i+${generations}]&1)===1){R.aim(r,s,i);return true}}
return super.next()}
}}`
    made = new Function('Pool', 'Cursor', 'R', 'h', source)(Pool, Cursor, engine, helpers) as Classes
    classes.set(engine, made)
  }
  return made
}

/** The place of element 0 in the typed array of this kind. */
function base(column: Column, number: NumberKind): number {
  return column.offset / ARRAYS[number].BYTES_PER_ELEMENT
}

/** The length word of a record. */
function lengthWord({ lengths, lengthBytes }: Column): string {
  return `s.u${8 * lengthBytes}[i+${lengths / lengthBytes}]`
}

interface Accessor {
  /** Returns the value, once the handle is checked. */
  get: string
  /** Checks and converts `v`, before the handle is checked: this may run code of the caller. */
  convert: string
  /** Stores `v`. */
  set: string
}

function accessor(column: Column): Accessor {
  const { field, stride } = column
  const { shape, number, length } = field
  const own = `F[${field.index}]`
  const place = `s.${number}[i+${base(column, number)}]`
  switch (shape) {
    case 'number':
      return {
        get: `return ${place}`,
        convert: `if(${misfit[number]})throw h.badNumber(v,${own});`,
        set: `${place}=v`,
      }
    case 'boolean':
      return {
        get: `return ${place}===1`,
        convert: `if(typeof v!=="boolean")throw h.wrongType(${own},"a boolean",v);`,
        set: `${place}=v?1:0`,
      }
    case 'timestamp':
      return { get: `return ${place}`, convert: `v=h.timeOf(v,${own});`, set: `${place}=v` }
    case 'string': {
      const start = `i*${stride}+${column.offset}`
      const word = lengthWord(column)
      return {
        get: `return h.readText(s.text,${start},${word})`,
        convert: `if(typeof v!=="string")throw h.wrongType(${own},"a string",v);`,
        set: `${word}=h.writeText(s.text,${start},${word},v,${own})`,
      }
    }
    case 'bytes': {
      const word = lengthWord(column)
      return {
        get: `const b=i*${stride}+${column.offset};return s.u8.slice(b,b+${word})`,
        convert: `v=h.bytesOf(v,${own});`,
        set: `const b=i*${stride}+${column.offset},o=${word},n=v.length;s.u8.set(v,b);if(o>n)s.u8.fill(0,b+n,b+o);${word}=n`,
      }
    }
    case 'vector': {
      const start = `i*${stride / ARRAYS[number].BYTES_PER_ELEMENT}+${base(column, number)}`
      return {
        get: `const b=${start};return s.${number}.slice(b,b+${length})`,
        convert: `v=h.elementsOf(v,${own});`,
        set: `s.${number}.set(v,${start})`,
      }
    }
  }
}

/** Fills the field with zeros. */
function erase(column: Column): string {
  const { field, stride } = column
  const { shape, number, length } = field
  if (shape === 'string' || shape === 'bytes') {
    const word = lengthWord(column)
    const start = `i*${stride}+${column.offset}`
    return `{const n=${word};if(n!==0){const b=${start};s.u8.fill(0,b,b+n);${word}=0}}`
  }
  if (shape === 'vector') {
    const start = `i*${stride / ARRAYS[number].BYTES_PER_ELEMENT}+${base(column, number)}`
    return `{const b=${start};s.${number}.fill(${number === 'u64' || number === 'i64' ? '0n' : '0'},b,b+${length})}`
  }
  return `s.${number}[i+${base(column, number)}]=${number === 'u64' || number === 'i64' ? '0n' : '0'};`
}

/** Whether `v` does not fit. */
const misfit: Record<NumberKind, string> = {
  u8: 'typeof v!=="number"||v!==(v&255)',
  u16: 'typeof v!=="number"||v!==(v&65535)',
  u32: 'typeof v!=="number"||v!==v>>>0',
  u64: 'typeof v!=="bigint"||v!==BigInt.asUintN(64,v)',
  i8: 'typeof v!=="number"||v!==v<<24>>24',
  i16: 'typeof v!=="number"||v!==v<<16>>16',
  i32: 'typeof v!=="number"||v!==(v|0)',
  i64: 'typeof v!=="bigint"||v!==BigInt.asIntN(64,v)',
  f32: 'typeof v!=="number"',
  f64: 'typeof v!=="number"',
}

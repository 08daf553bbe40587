/**
 * The record class of a layout as generated code: every place is a literal.
 *
 * Classes made by closures share their code, so that with several schemas in a process each access goes
 * through a megamorphic load (a cycle of acquire, four writes and release: 20 ns → 120 ns and more).
 */
import { foreign, returned, stale, unreleasable, type Engine, type PoolState } from './record-engine.js'
import { ARRAYS, type NumberKind } from './record-schema.js'
import { FREE, FRESH, LAST_GENERATION, NO_SLAB, type Column, type SlabLayout } from './record-slab.js'
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
  NO_SLAB,
  readText,
  returned,
  stale,
  timeOf,
  unreleasable,
  writeText,
  wrongType,
}

/**
 * The generated source, for a look at it in tests and debugging. Two classes with the same accessors:
 *
 * - A `Record` is what `acquire` gives. Each access compares its generation with that of the slot.
 * - An `Aimed` is the record of a cursor. It notes the slab's `epoch`, which every release in the slab changes: while that
 *   is the same, the generation is too. The slab's epoch is a field of a JavaScript object, so that the compiler
 *   makes one check of several, where it reads a typed array each time.
 *
 * What counts beside the work itself is what V8 inlines: 920 bytes of bytecode in each caller, often called functions
 * first, and accessors last, as no count is kept of their calls. So bytes are saved wherever the path is hot, and release
 * is made too large to be inlined at all: its call costs 2 ns, where the accessors that it would displace cost 4 ns each.
 * So are the rare paths: in a loop they count as calls that are made often.
 */
export function engineSource(layout: SlabLayout): string {
  const { columns, freeStack, generations } = layout
  const generation = `w[i+${generations}]`
  const names = columns.map((column) => JSON.stringify(column.field.name))
  const accessors = (check: string, sure: boolean): string =>
    columns.map((column) => accessor(column, check, sure)).join('\n')
  // Takes a free slot: its slab is in s then, its index in i, its generation in g.
  const take = (refilled: string): string => `const s=pool.current,w=s.u32,t=w[${FREE}]-1;
if(!(t>=0))return ${refilled};
w[${FREE}]=t;const i=w[t+${freeStack}],g=++${generation};`
  const release = `const s=r.#slab,i=r.#index,g=r.#generation,w=s.u32;
if(${generation}!==g||s.pool!==pool){unreleasable(pool,s,i,g,${generation},r);${BALLAST}}
${generation}=g+1;r.#generation=0;s.epoch++;
${columns.map(erase).join('')}
const t=w[${FREE}];
if(g<${LAST_GENERATION - 1}&&s.listed){w[t+${freeStack}]=i;w[${FREE}]=t+1}else returned(pool,s,i,g,${freeStack})`
  const members = `toJSON(){return jsonValues(values(this),F)}
[Symbol.dispose](){if(this.#generation!==0)Record.release(this.#slab.pool,this)}
[inspect](){return values(this)}`
  return `const{${Object.keys(helpers).join(',')}}=h;
const values=r=>({${names.map((name) => `[${name}]:r[${name}]`).join(',')}});
function gone(r){stale(Record.slabOf(r),Record.indexOf(r),Record.generationOf(r))}
function again(r){Aimed.again(r)}
function stock(pool){if(pool===undefined){${BALLAST}}
pool.spares=[${Array.from({ length: STOCK }, () => 'new Record').join()}];pool.spareRecords=${STOCK}}
function refilled(pool,r){if(pool===undefined){${BALLAST}}
pool.advance();return r===undefined?Record.acquire(pool):Aimed.acquireInto(pool,r)}
${columns.map(refusal).join('')}
class Aimed{
#slab=NO_SLAB;#index=0;#generation=0;#epoch=-1;
${members}
${accessors('if(s.epoch!==this.#epoch)again(this);', false)}
static again(r){const s=r.#slab;if(s.u32[r.#index+${generations}]!==r.#generation)gone(r);r.#epoch=s.epoch}
static unaim(r){r.#slab=NO_SLAB;r.#index=0;r.#generation=0;r.#epoch=-1}
static aim(r,s,i,g){r.#slab=s;r.#index=i;r.#generation=g;r.#epoch=s.epoch}
static acquireInto(pool,r){${take('refilled(pool,r)')}r.#slab=s;r.#index=i;r.#generation=g;r.#epoch=s.epoch;return s.first+i}
static release(pool,r){${release}}
static owns(r){return #slab in r}
static slabOf(r){return r.#slab}
static indexOf(r){return r.#index}
static generationOf(r){return r.#generation}
}
class Record{
#slab=NO_SLAB;#index=0;#generation=0;
${members}
${accessors(`if(s.u32[i+${generations}]!==this.#generation)gone(this);`, true)}
static acquire(pool){if(pool.spareRecords===0)stock(pool);${take('refilled(pool)')}
const n=pool.spareRecords-1,a=pool.spares,r=a[n];pool.spareRecords=n;a[n]=undefined;
r.#slab=s;r.#index=i;r.#generation=g;return r}
static release(pool,r){
if(typeof r!=="object"||r===null||!(#slab in r)){if(typeof r!=="object"||r===null||!Aimed.owns(r))foreign(pool,r);return Aimed.release(pool,r)}
${release}}
static owns(r){return #slab in r||Aimed.owns(r)}
static slabOf(r){return #slab in r?r.#slab:Aimed.slabOf(r)}
static indexOf(r){return #slab in r?r.#index:Aimed.indexOf(r)}
static generationOf(r){return #slab in r?r.#generation:Aimed.generationOf(r)}
}
const{acquire,release,owns,slabOf,indexOf,generationOf}=Record,{acquireInto,aim,unaim}=Aimed;
return{acquire,acquireInto,aim,unaim,release,owns,slabOf,indexOf,generationOf,values,
aimed:()=>new Aimed(),releaseAimed:Aimed.release}`
}

/**
 * Record objects that are made at once. Young objects lie in memory that no cache holds any more (the nursery is larger), so
 * that each of them waits for its line. A processor does other work meanwhile, but only until its buffer of stores is
 * full, which the stores of one cycle do; those of sixteen allocations in a row do not (54 → 34 ns a cycle in a nursery of
 * 16 MiB, 32 → 35 ns in one of 1 MiB).
 */
const STOCK = 16

/** Never reached: makes a function larger than the 460 bytes that V8 may inline. */
const BALLAST = 'stale(0,0,0);'.repeat(40)

/** The engine of a layout, compiled. */
export function generatedEngine(layout: SlabLayout): Engine {
  const fields = layout.columns.map((column) => column.field)
  const make = new Function('h', 'F', 'inspect', engineSource(layout))
  const parts = make(helpers, fields, Symbol.for('nodejs.util.inspect.custom')) as Omit<Engine, 'layout'>
  return { ...parts, layout }
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
    const { shift, generations } = engine.layout
    const source = `const{acquire,acquireInto,release,releaseAimed,aim,slabOf,indexOf}=R,{moveTo,next}=Cursor.prototype;
function elsewhere(c,n){return moveTo.call(c,n)}
return{
pool:class RecordPool extends Pool{
acquire(){return acquire(this.store)}
release(r){release(this.store,r)}
},
cursor:class RecordCursor extends Cursor{
acquire(){return acquireInto(this.store,this.record)}
release(){releaseAimed(this.store,this.record)}
moveTo(n){
const s=this.store.slabs[n>>>${shift}];
if(s!==undefined){const i=n-s.first,g=s.u32[i+${generations}];if(g&1){aim(this.record,s,i,g);return this}}
return elsewhere(this,n)}
next(){
const r=this.record,s=slabOf(r);
if(s.number>=0){const w=s.u32,n=w[${FRESH}];
for(let i=indexOf(r)+1;i<n;i++){const g=w[i+${generations}];if((g&1)===1){aim(r,s,i,g);return true}}}
return next.call(this)}
}}`
    made = new Function('Pool', 'Cursor', 'R', source)(Pool, Cursor, engine) as Classes
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

/**
 * The accessors of a field. `check` throws unless the record is open, at slab `s` and index `i`; where it is not `sure`, it
 * does not see that somebody transferred the slab's buffer away.
 */
function accessor(column: Column, check: string, sure: boolean): string {
  const { field, stride } = column
  const { shape, number, length, index } = field
  const own = `F[${index}]`
  const name = JSON.stringify(field.name)
  // Conversion comes first: it may run code of the caller, which may release the record or move the cursor.
  const open = `const s=this.#slab,i=this.#index;${check}`
  const place = `s.${number}[i+${base(column, number)}]`
  const property = (get: string, convert: string, set: string): string =>
    `get [${name}](){${open}${get}}\nset [${name}](v){${convert}${open}${set}}`
  // A typed array without memory gives undefined; the compiler knows that others do not.
  const value = sure ? `return ${place}` : `const v=${place};if(v===undefined)gone(this);return v`
  const there = sure ? '' : 'if(s.isDetached)gone(this);'
  switch (shape) {
    case 'number':
      return property(value, `if(${misfit[number]})refuse${index}(v);`, `${place}=v`)
    case 'boolean':
      return property(
        sure ? `return ${place}===1` : `const v=${place};if(v===undefined)gone(this);return v===1`,
        `if(typeof v!=="boolean")refuse${index}(v);`,
        `${place}=v?1:0`,
      )
    case 'timestamp':
      return property(value, `v=timeOf(v,${own});`, `${place}=v`)
    case 'string': {
      const start = `i*${stride}+${column.offset}`
      const word = lengthWord(column)
      return property(
        `${there}return readText(s.text,${start},${word})`,
        `if(typeof v!=="string")throw wrongType(${own},"a string",v);`,
        `${there}${word}=writeText(s.text,${start},${word},v,${own})`,
      )
    }
    case 'bytes': {
      const word = lengthWord(column)
      const start = `${there}const b=i*${stride}+${column.offset}`
      return property(
        `${start};return s.u8.slice(b,b+${word})`,
        `v=bytesOf(v,${own});`,
        `${start},o=${word},n=v.length;s.u8.set(v,b);if(o>n)s.u8.fill(0,b+n,b+o);${word}=n`,
      )
    }
    case 'vector': {
      const start = `i*${stride / ARRAYS[number].BYTES_PER_ELEMENT}+${base(column, number)}`
      return property(
        `${there}const b=${start};return s.${number}.slice(b,b+${length})`,
        `v=elementsOf(v,${own});`,
        `${there}s.${number}.set(v,${start})`,
      )
    }
  }
}

/** The function that throws for a value that does not fit the field, where that is not part of a conversion. */
function refusal({ field: { shape, index } }: Column): string {
  if (shape === 'number') return `function refuse${index}(v){throw badNumber(v,F[${index}])}\n`
  if (shape === 'boolean') return `function refuse${index}(v){throw wrongType(F[${index}],"a boolean",v)}\n`
  return ''
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
  const view = number === 'u32' ? 'w' : `s.${number}`
  return `${view}[i+${base(column, number)}]=${number === 'u64' || number === 'i64' ? '0n' : '0'};`
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

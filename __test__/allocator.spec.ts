import test from 'ava'
import { HeapAllocator, Memory, type Allocator, type PrimarenaError } from 'primarena'

// One suite for both allocators: a primitive must work with either.

const memory = new Memory({ leakDetection: 'full' })

const allocators: Record<string, () => Allocator & Disposable> = {
  Arena: () => memory.arena(),
  HeapAllocator: () => new HeapAllocator(),
}

for (const [name, open] of Object.entries(allocators)) {
  test(`${name}: bytes are zeroed, apart and writable`, (t) => {
    const allocator = open()
    const views: Buffer[] = []
    for (let bytes = 0; bytes < 300; bytes += 1) {
      const view = allocator.alloc(bytes)
      t.is(view.length, bytes)
      t.true(Buffer.isBuffer(view))
      t.true(view.every((byte) => byte === 0))
      view.fill(bytes & 0xff)
      views.push(view)
    }
    for (const [bytes, view] of views.entries()) t.true(view.every((byte) => byte === (bytes & 0xff)))
    allocator[Symbol.dispose]()
  })

  test(`${name}: sizes around each chunk boundary`, (t) => {
    const allocator = open()
    for (const boundary of [4096, 8192, 16384, 65536, 1 << 20, 1 << 23]) {
      for (const delta of [-65, -64, -1, 0, 1, 63, 64]) {
        const view = allocator.allocUnsafe(boundary + delta)
        t.is(view.length, boundary + delta)
        view[0] = 1
        view[view.length - 1] = 2
        t.is(view[view.length - 1], 2)
      }
    }
    allocator[Symbol.dispose]()
  })

  test(`${name}: typed arrays are zeroed and aligned as asked`, (t) => {
    const allocator = open()
    for (const align of [1, 2, 8, 64, 4096]) {
      allocator.allocUnsafe(3).fill(0xff)
      for (const view of [
        allocator.uint8(7, { align }),
        allocator.int32(7, { align }),
        allocator.float32(7, { align }),
        allocator.float64(7, { align }),
      ]) {
        t.is(view.byteOffset % align, 0)
        t.is(view.length, 7)
        t.true(view.every((element) => element === 0))
        view.fill(9)
      }
    }
    t.is(allocator.float64(0).length, 0)
    allocator[Symbol.dispose]()
  })

  test(`${name}: copies in`, (t) => {
    const allocator = open()
    const source = new Uint8Array([1, 2, 3])
    const copy = allocator.from(source)
    source.fill(9)
    t.deepEqual([...copy], [1, 2, 3])
    t.deepEqual([...allocator.from(new Float64Array([1]))], [...new Uint8Array(new Float64Array([1]).buffer)])
    t.deepEqual([...allocator.from(new DataView(new Uint8Array([7, 8, 9]).buffer, 1))], [8, 9])
    t.deepEqual([...allocator.from(new Uint8Array([5]).buffer)], [5])
    for (const text of [
      '',
      'plain',
      'grüße',
      '🎉 '.repeat(10),
      '\ud800',
      'x'.repeat(100_000),
      'é'.repeat(50_000),
    ]) {
      t.is(allocator.from(text).toString(), Buffer.from(text).toString())
    }
    t.deepEqual(allocator.concat([Buffer.from('a'), new Uint8Array(0), Buffer.from('bc')]).toString(), 'abc')
    t.throws(() => allocator.from(7 as never), { instanceOf: TypeError })
    t.throws(() => allocator.concat(['x' as never]), { instanceOf: TypeError })
    allocator[Symbol.dispose]()
  })

  test(`${name}: collects every kind of stream`, async (t) => {
    const allocator = open()
    const pieces = ['one ', Buffer.from('two '), new Uint8Array([51])]
    async function* generate() {
      yield* pieces
    }
    t.is((await allocator.collect(pieces)).toString(), 'one two 3')
    t.is((await allocator.collect(generate())).toString(), 'one two 3')
    t.is((await allocator.collect(new Blob(['web']).stream() as never)).toString(), 'web')
    const big = Array.from({ length: 50 }, (_, index) => Buffer.alloc(10_000, index))
    t.true((await allocator.collect(big)).equals(Buffer.concat(big)))
    const error = await t.throwsAsync(allocator.collect(big, { maxBytes: 20_000 }), {
      code: 'ERR_BUDGET_EXCEEDED',
    })
    const [level, ...above] = (error as PrimarenaError).chain!
    t.like(level, { name: 'collect', limitBytes: 20_000, refused: true })
    t.deepEqual(above, [])
    await t.throwsAsync(
      allocator.collect(
        (async function* () {
          yield Buffer.from('x')
          throw new Error('cut off')
        })(),
      ),
      { message: 'cut off' },
    )
    await t.throwsAsync(allocator.collect(5 as never), { instanceOf: TypeError })
    allocator[Symbol.dispose]()
  })

  test(`${name}: a builder grows, also with others between`, (t) => {
    const allocator = open()
    const builder = allocator.builder({ sizeHintBytes: 16 })
    let expected = ''
    const others: Buffer[] = []
    for (let index = 0; index < 2000; index += 1) {
      const text = `${index}é,`
      expected += text
      builder.write(index % 2 ? text : Buffer.from(text))
      if (index % 50 === 0) others.push(allocator.allocUnsafe(40).fill(index % 251))
    }
    builder.writeByte(33)
    t.is(builder.length, Buffer.byteLength(expected) + 1)
    t.is(builder.finish().toString(), `${expected}!`)
    for (const [index, other] of others.entries()) t.true(other.every((byte) => byte === (index * 50) % 251))
    t.throws(() => builder.write('x'))
    allocator[Symbol.dispose]()
  })

  test(`${name}: refuses what is not a size`, (t) => {
    const allocator = open()
    for (const bad of [-1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53]) {
      t.throws(() => allocator.alloc(bad), { instanceOf: RangeError })
      t.throws(() => allocator.allocUnsafe(bad), { instanceOf: RangeError })
      t.throws(() => allocator.float64(bad), { instanceOf: RangeError })
    }
    for (const bad of ['1', null, undefined, {}, 1n]) {
      t.throws(() => allocator.alloc(bad as never), { instanceOf: TypeError })
      t.throws(() => allocator.allocUnsafe(bad as never), { instanceOf: TypeError })
    }
    for (const align of [0, 3, 8192, -8, NaN]) {
      t.throws(() => allocator.float64(1, { align }), { instanceOf: RangeError })
    }
    t.is(allocator.alloc(4).length, 4)
    allocator[Symbol.dispose]()
  })
}

// Many requests in flight at once over loopback, each answered with a pattern of its own that the client checks
// byte by byte: a byte of another request does not fit in.
import { connect, createServer } from 'node:net'
import { seeded } from './seeded.mjs'

const HEADER_BYTES = 8

/** The pattern of a seed. */
export function fillPattern(bytes, seed) {
  let state = Math.imul(seed + 1, 2654435761) >>> 0
  for (let i = 0; i < bytes.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
}

/** `requests` requests over `connections` connections, all in flight at once. Which were wrong, and the bytes. */
export async function requestStorm(memory, { requests, connections, seed }) {
  const random = seeded(seed)
  const sizes = Array.from({ length: requests }, () => 1 + Math.floor(random() ** 3 * 60_000))
  let inFlight = 0
  let allAsked
  const everybody = new Promise((resolve) => (allAsked = resolve))
  const answer = memory.primitive('answer', async (ctx, { socket, number }) => {
    const bytes = sizes[number]
    const frame = ctx.arena.allocUnsafe(HEADER_BYTES + bytes)
    frame.writeUInt32LE(number, 0)
    frame.writeUInt32LE(bytes, 4)
    fillPattern(frame.subarray(HEADER_BYTES), number)
    // Nobody is answered before everybody has asked: all arenas are open at once.
    inFlight += 1
    if (inFlight === requests) allAsked()
    await everybody
    // Not awaited: the operation is over for its caller while the socket still reads the arena.
    ctx.send(socket, frame).catch(() => {})
  })
  const server = createServer((socket) => {
    socket.on('error', () => {})
    let rest = Buffer.alloc(0)
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data])
      while (rest.length >= 4) {
        const number = rest.readUInt32LE(0)
        rest = rest.subarray(4)
        memory
          .agent(`tenant-${number % 100}`)
          .session('s')
          .run(answer, { socket, number })
      }
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  let bytes = 0
  const wrong = []
  const client = async (first) => {
    const socket = connect(port, '127.0.0.1')
    const numbers = []
    for (let number = first; number < requests; number += connections) numbers.push(number)
    const asks = Buffer.alloc(4 * numbers.length)
    for (const [i, number] of numbers.entries()) asks.writeUInt32LE(number, 4 * i)
    socket.write(asks)
    const open = new Set(numbers)
    let chunks = []
    let length = 0
    for await (const chunk of socket) {
      chunks.push(chunk)
      length += chunk.length
      if (first % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1)) // a slow one
      if (length < HEADER_BYTES) continue
      let data = Buffer.concat(chunks)
      while (data.length >= HEADER_BYTES && data.length >= HEADER_BYTES + data.readUInt32LE(4)) {
        const [number, size] = [data.readUInt32LE(0), data.readUInt32LE(4)]
        const expected = Buffer.alloc(size)
        fillPattern(expected, number)
        const got = data.subarray(HEADER_BYTES, HEADER_BYTES + size)
        if (!open.delete(number) || size !== sizes[number] || !expected.equals(got)) wrong.push(number)
        bytes += size
        data = data.subarray(HEADER_BYTES + size)
      }
      chunks = [data]
      length = data.length
      if (open.size === 0) break
    }
    wrong.push(...open)
    socket.destroy()
  }
  await Promise.all(Array.from({ length: Math.min(connections, requests) }, (_, first) => client(first)))
  await new Promise((resolve) => server.close(resolve))
  return { wrong, bytes, inFlight }
}

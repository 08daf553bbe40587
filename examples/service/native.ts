/**
 * The service with primarena: bodies stay bytes.
 *
 * Every request runs in a context of its own, whose arena is gone when the answer is out. What lives longer (an
 * agent's records) is in arenas of the agent, a page each, and goes a page at a time.
 */
import { json, Memory, t, type Agent, type Arena, type PrimitiveContext, type Session } from 'primarena'
import {
  PAGES,
  RECORDS_PER_PAGE,
  ROWS,
  type Operation,
  type PrimitiveName,
  type Remains,
  type Request,
  type Service,
} from './service.ts'

// Compiled once. Each runs over a body in one pass, validates all of it, and makes no object but its result.

/** The record that is kept: written from slices of the body. */
const Slim = json.transform({
  action: '$.action',
  repository: { id: '$.repository.id', name: '$.repository.full_name' },
  sender: { id: '$.sender.id', login: '$.sender.login' },
  pull_request: { title: '$.pull_request.title', url: '$.pull_request.html_url' },
  issue: { title: '$.issue.title', url: '$.issue.html_url' },
  commit: { id: '$.head_commit.id', message: '$.head_commit.message' },
  release: { name: '$.release.name' },
})

/** What a record is found by: read of the record, which is small, ours, and therefore trusted. */
const Keys = json.fields(
  {
    repository: '$.repository.name',
    sender: '$.sender.login',
    pullRequest: '$.pull_request.title',
    issue: '$.issue.title',
    message: '$.commit.message',
    release: '$.release.name',
  },
  { trust: true },
)

/** The document that is sent on. */
const Outgoing = json.transform({
  action: '$.action',
  number: '$.number',
  repository: {
    name: '$.repository.full_name',
    url: '$.repository.html_url',
    private: '$.repository.private',
  },
  actor: { login: '$.sender.login', avatar: '$.sender.avatar_url', url: '$.sender.html_url' },
  organization: '$.organization.login',
  installation: '$.installation.id',
  compare: '$.compare',
})

// What is asked for. A value of another type is an error that names its path.
const ById = json.fields({ id: t.u32('$.id', { required: true }) })
const Walk = json.fields({
  id: t.u32('$.id', { required: true }),
  depth: t.u32('$.depth', { required: true }),
})
const Query = json.fields({
  repository: t.string('$.repository'),
  sender: t.string('$.sender'),
  event: t.string('$.event'),
  text: t.string('$.text'),
})

// What is answered: rendered to bytes, with no object and no string of the whole in between.
const Receipt = json.template({
  id: t.u32('id'),
  event: t.string('event'),
  repository: t.string('repository'),
  sender: t.string('sender'),
  bytes: t.u32('bytes'),
})
const Reached = json.template({
  from: t.string('from'),
  to: t.string('to'),
  reached: t.each('reached', { name: t.string('name'), depth: t.u32('depth') }),
})

const NOTHING = Buffer.from('null')
const COMMA = 0x2c

export class NativeService implements Service {
  readonly #memory = new Memory({ budget: '1 GiB' })
  readonly #agents: NativeAgent[]

  constructor(agents: number) {
    this.#agents = Array.from({ length: agents }, (_, i) => new NativeAgent(this.#memory, `agent-${i}`))
  }

  serve({ agent, primitive, request }: Operation): Promise<Buffer> {
    return this.#agents[agent]!.serve(primitive, request)
  }

  async close(): Promise<Remains> {
    for (const agent of this.#agents) await agent.dispose()
    const { usedBytes } = this.#memory.stats()
    const { openArenas, leaks } = this.#memory.dispose()
    return { openArenas, arenaBytes: usedBytes, leaks: leaks.length }
  }
}

class NativeAgent {
  readonly #agent: Agent
  readonly #session: Session
  readonly #primitives
  readonly #names = new Names()
  readonly #edges: Set<number>[] = []
  readonly #pages: Page[] = []
  #firstId = 1

  constructor(memory: Memory, id: string) {
    this.#agent = memory.agent(id, { budget: '64 MiB' })
    this.#session = this.#agent.session('webhooks')
    this.#primitives = {
      store: memory.primitive('store', (ctx, request: Request) => this.#store(ctx, request)),
      retrieve: memory.primitive('retrieve', (ctx, request: Request) => this.#retrieve(ctx, request)),
      search: memory.primitive('search', (ctx, request: Request) => this.#search(ctx, request)),
      link: memory.primitive('link', (ctx, request: Request) => this.#link(ctx, request)),
      transform: memory.primitive('transform', (ctx, { body }: Request) => Outgoing.write(body, ctx.arena)),
    }
  }

  serve(primitive: PrimitiveName, request: Request): Promise<Buffer> {
    return this.#session.run(this.#primitives[primitive], request)
  }

  async dispose(): Promise<void> {
    for (const page of this.#pages) page.arena.dispose()
    await this.#agent.dispose()
  }

  #store(ctx: PrimitiveContext, { body, event }: Request): Buffer {
    const page = this.#pageWithRoom()
    // Straight into the page, which outlives this operation. A body that is not JSON leaves nothing there.
    const record = Slim.write(body, page.arena)
    const keys = Keys.read(record)
    const repository = text(keys.repository)
    const sender = text(keys.sender)
    const title = text(keys.pullRequest) || text(keys.issue) || text(keys.message) || text(keys.release)
    const row = page.add(
      record,
      title,
      this.#names.idOf(repository),
      this.#names.idOf(sender),
      this.#names.idOf(event),
    )
    const id = this.#firstId + (this.#pages.length - 1) * RECORDS_PER_PAGE + row
    return Receipt.render({ id, event, repository, sender, bytes: body.length }, ctx.arena)
  }

  #retrieve(ctx: PrimitiveContext, { body }: Request): Buffer {
    const record = this.#record(ById.read(body).id)
    // A copy: the page may be gone before the answer is on its way.
    return record ? ctx.keep(record.page.records[record.row]!) : NOTHING
  }

  #search(ctx: PrimitiveContext, { body }: Request): Buffer {
    const query = Query.read(body)
    const repository = this.#names.find(query.repository)
    const sender = this.#names.find(query.sender)
    const event = this.#names.find(query.event)
    const answer = ctx.arena.builder({ sizeHintBytes: 8 * 1024 }).write('{"rows":[')
    let total = 0
    for (const { records, repositories, senders, events, titles } of this.#pages) {
      for (let row = 0; row < records.length; row++) {
        if (repository !== undefined && repositories[row] !== repository) continue
        if (sender !== undefined && senders[row] !== sender) continue
        if (event !== undefined && events[row] !== event) continue
        if (query.text != null && !titles[row]!.includes(query.text)) continue
        total += 1
        if (total > ROWS) continue
        if (total > 1) answer.writeByte(COMMA)
        answer.write(records[row]!)
      }
    }
    return answer.write(`],"total":${total}}`).finish()
  }

  #link(ctx: PrimitiveContext, { body }: Request): Buffer {
    const { id, depth } = Walk.read(body)
    const record = this.#record(id)
    if (!record) return NOTHING
    const sender = record.page.senders[record.row]!
    const repository = record.page.repositories[record.row]!
    this.#connect(sender, repository)
    this.#connect(repository, sender)

    // Scratch of this operation: how far each name is (0: not reached), and the names in the order of reaching.
    const steps = ctx.arena.uint8(this.#names.count)
    const queue = ctx.arena.int32(this.#names.count)
    const reached: { name: string; depth: number }[] = []
    let queued = 0
    queue[queued++] = sender
    for (let next = 0; next < queued; next++) {
      const name = queue[next]!
      const step = steps[name]! + 1
      if (step > depth) break
      for (const neighbour of this.#edges[name]!) {
        if (steps[neighbour] !== 0 || neighbour === sender) continue
        steps[neighbour] = step
        queue[queued++] = neighbour
        reached.push({ name: this.#names.nameOf(neighbour), depth: step })
      }
    }
    const [from, to] = [this.#names.nameOf(sender), this.#names.nameOf(repository)]
    return Reached.render({ from, to, reached }, ctx.arena)
  }

  #connect(from: number, to: number): void {
    const neighbours = this.#edges[from]
    if (neighbours) neighbours.add(to)
    else this.#edges[from] = new Set([to])
  }

  #record(id: number): { page: Page; row: number } | undefined {
    const index = id - this.#firstId
    const page = this.#pages[Math.floor(index / RECORDS_PER_PAGE)]
    const row = index % RECORDS_PER_PAGE
    return page && row < page.records.length ? { page, row } : undefined
  }

  #pageWithRoom(): Page {
    const last = this.#pages.at(-1)
    if (last && last.records.length < RECORDS_PER_PAGE) return last
    if (this.#pages.length === PAGES) {
      this.#pages.shift()!.arena.dispose()
      this.#firstId += RECORDS_PER_PAGE
    }
    const arena = this.#agent.arena()
    try {
      const page = new Page(arena)
      this.#pages.push(page)
      return page
    } catch (error) {
      // Over the budget: nobody has the arena yet.
      arena.dispose()
      throw error
    }
  }
}

/** Records that come and go together. All of their bytes are in one arena. */
class Page {
  readonly arena: Arena
  /** Views of the arena: valid until it is disposed, when the page is dropped. */
  readonly records: Buffer[] = []
  readonly titles: string[] = []
  readonly repositories: Int32Array
  readonly senders: Int32Array
  readonly events: Int32Array

  constructor(arena: Arena) {
    this.arena = arena
    this.repositories = arena.int32(RECORDS_PER_PAGE)
    this.senders = arena.int32(RECORDS_PER_PAGE)
    this.events = arena.int32(RECORDS_PER_PAGE)
  }

  /** Answers the row. */
  add(record: Buffer, title: string, repository: number, sender: number, event: number): number {
    const row = this.records.push(record) - 1
    this.titles.push(title)
    this.repositories[row] = repository
    this.senders[row] = sender
    this.events[row] = event
    return row
  }
}

/** Names by number, so that records hold and compare numbers. */
class Names {
  readonly #ids = new Map<string, number>()
  readonly #names: string[] = []

  get count(): number {
    return this.#names.length
  }

  idOf(name: string): number {
    let id = this.#ids.get(name)
    if (id === undefined) {
      id = this.#names.push(name) - 1
      this.#ids.set(name, id)
    }
    return id
  }

  /** The number of a name that is asked for: −1, which no record has, for one that is not known. */
  find(name: string | null | undefined): number | undefined {
    return name == null ? undefined : (this.#ids.get(name) ?? -1)
  }

  nameOf(id: number): string {
    return this.#names[id]!
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

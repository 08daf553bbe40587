/** The service as a good Node developer writes it today: JSON.parse, objects, JSON.stringify, Buffers. */
import {
  PAGES,
  RECORDS_PER_PAGE,
  ROWS,
  type LinkRequest,
  type Operation,
  type Remains,
  type Request,
  type RetrieveRequest,
  type SearchRequest,
  type Service,
} from './service.ts'

/** What is read of a webhook. Every part may be missing: there are seventy kinds of them. */
interface Webhook {
  action?: unknown
  number?: unknown
  compare?: unknown
  repository?: { id?: unknown; full_name?: unknown; html_url?: unknown; private?: unknown } | null
  sender?: { id?: unknown; login?: unknown; avatar_url?: unknown; html_url?: unknown } | null
  organization?: { login?: unknown } | null
  installation?: { id?: unknown } | null
  pull_request?: { title?: unknown; html_url?: unknown } | null
  issue?: { title?: unknown; html_url?: unknown } | null
  release?: { name?: unknown } | null
  head_commit?: { id?: unknown; message?: unknown } | null
}

interface StoredRecord {
  readonly event: string
  readonly repository: string
  readonly sender: string
  readonly title: string
  /** The record as it is answered. */
  readonly json: Buffer
}

const NOTHING = Buffer.from('null')

export class PlainService implements Service {
  readonly #agents: PlainAgent[]

  constructor(agents: number) {
    this.#agents = Array.from({ length: agents }, () => new PlainAgent())
  }

  async serve({ agent: number, primitive, request }: Operation): Promise<Buffer> {
    const agent = this.#agents[number]!
    switch (primitive) {
      case 'store':
        return agent.store(request)
      case 'retrieve':
        return agent.retrieve(parse<RetrieveRequest>(request.body))
      case 'search':
        return agent.search(parse<SearchRequest>(request.body))
      case 'link':
        return agent.link(parse<LinkRequest>(request.body))
      case 'transform':
        return transform(request)
    }
  }

  async close(): Promise<Remains> {
    this.#agents.length = 0
    return { openArenas: 0, arenaBytes: 0, leaks: 0 }
  }
}

class PlainAgent {
  #firstId = 1
  #records: StoredRecord[] = []
  readonly #edges = new Map<string, Set<string>>()

  store({ body, event }: Request): Buffer {
    const hook = parse<Webhook | null>(body) ?? {}
    const slim = {
      action: hook.action,
      repository: { id: hook.repository?.id, name: hook.repository?.full_name },
      sender: { id: hook.sender?.id, login: hook.sender?.login },
      pull_request: { title: hook.pull_request?.title, url: hook.pull_request?.html_url },
      issue: { title: hook.issue?.title, url: hook.issue?.html_url },
      commit: { id: hook.head_commit?.id, message: hook.head_commit?.message },
      release: { name: hook.release?.name },
    }
    if (this.#records.length === PAGES * RECORDS_PER_PAGE) {
      this.#records.splice(0, RECORDS_PER_PAGE)
      this.#firstId += RECORDS_PER_PAGE
    }
    const record = {
      event,
      repository: text(slim.repository.name),
      sender: text(slim.sender.login),
      title:
        text(slim.pull_request.title) ||
        text(slim.issue.title) ||
        text(slim.commit.message) ||
        text(slim.release.name),
      json: Buffer.from(JSON.stringify(slim)),
    }
    const id = this.#firstId + this.#records.push(record) - 1
    const { repository, sender } = record
    return bytesOf({ id, event, repository, sender, bytes: body.length })
  }

  retrieve({ id }: RetrieveRequest): Buffer {
    return this.#records[id - this.#firstId]?.json ?? NOTHING
  }

  search({ repository, sender, event, text }: SearchRequest): Buffer {
    const found = this.#records.filter(
      (record) =>
        (repository === undefined || record.repository === repository) &&
        (sender === undefined || record.sender === sender) &&
        (event === undefined || record.event === event) &&
        (text === undefined || record.title.includes(text)),
    )
    // The rows are JSON already: joined, not parsed and written again.
    const rows = found.slice(0, ROWS).map((record) => record.json.toString())
    return Buffer.from(`{"total":${found.length},"rows":[${rows.join(',')}]}`)
  }

  link({ id, depth }: LinkRequest): Buffer {
    const record = this.#records[id - this.#firstId]
    if (!record) return NOTHING
    const { sender, repository } = record
    this.#connect(sender, repository)
    this.#connect(repository, sender)
    const reached: { name: string; depth: number }[] = []
    const seen = new Set([sender])
    let border = [sender]
    for (let step = 1; step <= depth && border.length > 0; step++) {
      const next: string[] = []
      for (const name of border) {
        for (const neighbour of this.#edges.get(name)!) {
          if (seen.has(neighbour)) continue
          seen.add(neighbour)
          next.push(neighbour)
          reached.push({ name: neighbour, depth: step })
        }
      }
      border = next
    }
    return bytesOf({ from: sender, to: repository, reached })
  }

  #connect(from: string, to: string): void {
    const neighbours = this.#edges.get(from)
    if (neighbours) neighbours.add(to)
    else this.#edges.set(from, new Set([to]))
  }
}

function transform({ body }: Request): Buffer {
  const hook = parse<Webhook | null>(body) ?? {}
  return bytesOf({
    action: hook.action,
    number: hook.number,
    repository: {
      name: hook.repository?.full_name,
      url: hook.repository?.html_url,
      private: hook.repository?.private,
    },
    actor: { login: hook.sender?.login, avatar: hook.sender?.avatar_url, url: hook.sender?.html_url },
    organization: hook.organization?.login,
    installation: hook.installation?.id,
    compare: hook.compare,
  })
}

function parse<T>(body: Buffer): T {
  return JSON.parse(body.toString()) as T
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** What the parent asks of a worker process, and what it answers. One question at a time. */

export interface Setup {
  readonly caseName: string
  readonly inputName: string
  /** The contender to run; every one of them for `check`. */
  readonly contender?: string
  /** Detach an ArrayBuffer before anything else. */
  readonly detach: boolean
}

export type Question =
  | { readonly ask: 'check'; readonly setup: Setup }
  /** Prepare, warm up for `warmupMs`, and find how many calls fill `batchMs`. */
  | { readonly ask: 'prepare'; readonly setup: Setup; readonly warmupMs: number; readonly batchMs: number }
  | { readonly ask: 'batch'; readonly calls: number }
  | { readonly ask: 'counts'; readonly setup: Setup; readonly calls: number }
  | { readonly ask: 'memory'; readonly setup: Setup }

export interface Batch {
  readonly ns: number
  readonly gcCount: number
  readonly gcMs: number
}

export interface MemoryFigures {
  readonly heapBytes: number
  readonly arrayBufferBytes: number
  readonly rssBytes: number
}

export type Answer =
  | { readonly failed: string }
  | { readonly checked: readonly string[]; readonly unavailable: Readonly<Record<string, string>> }
  | { readonly prepared: number; readonly opsPerCall: number; readonly bytes: number }
  | { readonly batch: Batch }
  | { readonly counts: Batch & MemoryFigures; readonly calls: number }
  | { readonly memory: MemoryFigures; readonly opsPerCall: number }

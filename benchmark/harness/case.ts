/** What a benchmark case is: one job, and everybody who can do it. */

/** One job with its contenders. `benchmark/cases/NAME.ts` exports one of them as its default. */
export interface BenchCase<Input = unknown> {
  /** The job in a few words: `5 fields out of a webhook`. */
  readonly title: string
  /** Why it is measured, and what would be good enough. */
  readonly goal: string
  /**
   * What is measured: the time of a call (the default), the garbage collections of a fixed number of calls, or
   * the memory that is held at a moment.
   */
  readonly kind?: 'time' | 'counts' | 'memory'
  /** The inputs by name; each is measured on its own. Made once in each process, outside the clock. */
  readonly inputs: Readonly<Record<string, () => Input>>
  readonly contenders: Readonly<Record<string, Contender<Input>>>
  /** The contender that ratios are quoted against, unless a target names another. */
  readonly baseline: string
  /**
   * Throws unless all answers are right. All deep-equal to the baseline's when left out.
   * Runs before a clock starts, in a process that times nothing.
   */
  readonly check?: (answers: Readonly<Record<string, unknown>>, input: Input, inputName: string) => void
  /** Operations that one call does, to quote the time of one. 1 when left out. */
  readonly opsPerCall?: (input: Input) => number
  /** Bytes that one operation reads, to quote GB/s. */
  readonly bytes?: (input: Input) => number
  /** For `counts`: calls in each process. 200,000 when left out. */
  readonly calls?: number
  /** For `time`: measure also after a first detach in the process. True when left out. */
  readonly afterDetach?: boolean
  readonly targets?: readonly Target[]
}

export interface Contender<Input = unknown> {
  readonly label: string
  /** Whether `run` gives a promise that each call waits for. */
  readonly async?: boolean
  /** Why this contender cannot run here (a Node too old, say); nothing if it can. */
  readonly unavailable?: () => string | undefined
  /** Everything that is done once: compiling, opening an arena. The clock sees what it returns. */
  readonly prepare: (input: Input) => Operation | Promise<Operation>
}

/**
 * What a contender does once per call; the answer is whatever `run` gives (awaited), unless `answer` says
 * otherwise. For `memory`, `run` holds what is to be measured and calls `sample` when it is all there.
 */
export type Operation =
  | (() => unknown)
  | {
      readonly run: (sample: () => void) => unknown
      /** The answer of one call, for the check, where that of `run` cannot be compared. */
      readonly answer?: () => unknown
      /** Gives back what `prepare` opened. */
      readonly close?: () => void
    }

/** A figure that has to be reached, and the one that is aimed for. */
export type Target = {
  readonly contender: string
  /** One input, by name; all of them when left out. */
  readonly input?: string
  /** Node majors below this one are not held to it. */
  readonly sinceNode?: number
} & (
  | {
      /** At least so many times as fast. */ readonly timesAsFastAs: string
      readonly least: number
      readonly aim: number
    }
  | { /** At most so many ns slower. */ readonly nsOver: string; readonly most: number; readonly aim: number }
  | {
      /** Garbage collections as a share. */ readonly gcShareOf: string
      readonly most: number
      readonly aim: number
    }
  | {
      /** Bytes, per operation. */ readonly bytesOf: MemoryMetric
      readonly most: number
      readonly aim: number
    }
)

/** Bytes of V8's heap (after a GC), of ArrayBuffers, and of resident memory, each as growth. */
export type MemoryMetric = 'heapBytes' | 'arrayBufferBytes' | 'rssBytes'

/** Gives a case its types. What its input is, only the case has to know. */
export function defineCase<Input>(definition: BenchCase<Input>): BenchCase {
  return definition as unknown as BenchCase
}

/** The parts of an operation, whichever way it was written. */
export function partsOf(operation: Operation): Exclude<Operation, () => unknown> {
  return typeof operation === 'function' ? { run: operation } : operation
}

/** The case in `benchmark/cases/NAME.ts`. */
export async function loadCase(name: string): Promise<BenchCase> {
  const module = (await import(`../cases/${name}.ts`)) as { default: BenchCase }
  return module.default
}

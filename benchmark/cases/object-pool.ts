/** An object of four fields: taken, written, cleaned and given back, 64 out at a time. */
import genericPool from 'generic-pool'
import { poolLink } from 'primarena'
import reusify from 'reusify'
import { ObjectPool } from '../../dist/pool/object-pool.js'
import { defineCase, type Contender } from '../harness/case.ts'

const WINDOW = 64

class Job {
  id = 0
  size = 0
  priority = 0
  attempts = 0
  /** reusify's link. */
  next: Job | null = null;
  /** The same for ours. */
  [poolLink]: unknown = null
}

function clean(job: Job): void {
  job.id = 0
  job.size = 0
  job.priority = 0
  job.attempts = 0
}

function pooled(label: string, detectMisuse: boolean): Contender<undefined> {
  return {
    label,
    prepare: () => {
      const pool = new ObjectPool({ create: () => new Job(), reset: clean, detectMisuse })
      return rounds(
        () => pool.acquire(),
        (job) => pool.release(job),
      )
    },
  }
}

export default defineCase<undefined>({
  title: 'object pool: acquire, write 4 fields, clean, release',
  goal: 'As fast as reusify without detection of double and foreign releases, half as fast at least with it.',
  inputs: { 'window of 64': () => undefined },
  baseline: 'reusify',
  opsPerCall: () => WINDOW,
  contenders: {
    off: pooled('ObjectPool, detectMisuse: false', false),
    on: pooled('ObjectPool', true),
    reusify: {
      label: 'reusify, which detects nothing',
      prepare: () => {
        const pool = reusify(Job)
        return rounds(
          () => pool.get(),
          (job) => {
            clean(job)
            pool.release(job)
          },
        )
      },
    },
    literal: {
      label: 'a new object each time',
      prepare: () =>
        rounds(
          () => new Job(),
          () => undefined,
        ),
    },
    generic: {
      label: 'generic-pool',
      async: true,
      prepare: () => {
        const factory = { create: () => Promise.resolve(new Job()), destroy: () => Promise.resolve() }
        const pool = genericPool.createPool(factory, { max: WINDOW })
        return async () => {
          const jobs: Job[] = []
          for (let i = 0; i < WINDOW; i++) jobs.push(write(await pool.acquire(), i))
          let sum = 0
          for (const job of jobs) {
            sum += job.size
            clean(job)
            await pool.release(job)
          }
          return sum
        }
      },
    },
  },
  targets: [
    { contender: 'off', timesAsFastAs: 'reusify', least: 1, aim: 1.2 },
    { contender: 'on', timesAsFastAs: 'reusify', least: 0.5, aim: 0.8 },
    { contender: 'on', timesAsFastAs: 'generic', least: 20, aim: 50 },
  ],
})

function write(job: Job, i: number): Job {
  job.id = i
  job.size = i * 3
  job.priority = i & 7
  job.attempts = 1
  return job
}

function rounds(acquire: () => Job, release: (job: Job) => void): () => number {
  const jobs: Job[] = Array.from({ length: WINDOW }, () => new Job())
  return () => {
    for (let i = 0; i < WINDOW; i++) jobs[i] = write(acquire(), i)
    let sum = 0
    for (let i = 0; i < WINDOW; i++) {
      const job = jobs[i]!
      sum += job.size
      release(job)
    }
    return sum
  }
}

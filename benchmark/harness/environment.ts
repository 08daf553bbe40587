/** Where figures were taken: without it they mean nothing. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'

export interface Environment {
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly commit: string
  readonly date: string
  /** Of the last minute: above the number of cores the machine was busy with something else. */
  readonly loadAverage: number
}

export function environmentOf(node: string): Environment {
  const versions = JSON.parse(
    execFileSync(node, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8' }),
  ) as {
    node: string
    v8: string
  }
  return {
    node: versions.node,
    v8: versions.v8,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    commit: commit(),
    date: new Date().toISOString(),
    loadAverage: Math.round(loadavg()[0]! * 10) / 10,
  }
}

function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return git('rev-parse', '--short=10', 'HEAD') + (git('status', '--porcelain') ? '+changes' : '')
  } catch {
    return 'unknown'
  }
}

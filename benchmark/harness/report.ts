/** Figures as a table for people. */
import type { BenchCase, Target } from './case.ts'
import type { Environment } from './environment.ts'
import type { Figures, Result } from './measure.ts'

export function environmentText(environment: Environment): string {
  const { node, v8, cpu, cores, platform, commit, loadAverage } = environment
  return `Node ${node} (V8 ${v8}) · ${cpu}, ${cores} cores, ${platform} · commit ${commit} · load ${loadAverage}`
}

export function caseText(definition: BenchCase, results: readonly Result[], nodeMajor: number): string {
  const lines = [`\n${definition.title}`, `  ${definition.goal}`]
  for (const result of results) {
    const phase = results.some((other) => other.phase === 'after') ? ` · ${result.phase} a first detach` : ''
    lines.push(`\n  ${result.input}${phase}`)
    lines.push(...table(rowsOf(definition, result)).map((line) => `    ${line}`))
    for (const [name, reason] of Object.entries(result.unavailable))
      lines.push(`    ${name}: not here (${reason})`)
  }
  lines.push(...verdicts(definition, results, nodeMajor).map((verdict) => `  ${verdict.text}`))
  return lines.join('\n')
}

function rowsOf(definition: BenchCase, { contenders }: Result): string[][] {
  const kind = definition.kind ?? 'time'
  const label = (name: string): string => definition.contenders[name]!.label
  if (kind === 'time') {
    const throughput = Object.values(contenders).some((figures) => figures.gigabytesPerSecond)
    return [
      [
        '',
        'median',
        'p25–p75',
        ...(throughput ? ['GB/s'] : []),
        `× ${definition.baseline}`,
        'GCs/M ops',
        'in GC',
      ],
      ...Object.entries(contenders).map(
        ([name, { ns, timesAsFastAs, gigabytesPerSecond, gcCount, gcShare }]) => [
          label(name),
          timeText(ns!.median),
          `${timeText(ns!.p25)} – ${timeText(ns!.p75)}`,
          ...(throughput ? [gigabytesPerSecond!.toFixed(2)] : []),
          name === definition.baseline ? '1' : timesAsFastAs![definition.baseline]!.median.toFixed(2),
          number(gcCount!),
          `${(gcShare! * 100).toFixed(1)} %`,
        ],
      ),
    ]
  }
  const memory = ({ memory }: Figures): string[] => [
    bytesText(memory!.heapBytes),
    bytesText(memory!.arrayBufferBytes),
    bytesText(memory!.rssBytes),
  ]
  if (kind === 'memory') {
    return [
      ['per operation', 'heap', 'ArrayBuffers', 'RSS'],
      ...Object.entries(contenders).map(([name, figures]) => [label(name), ...memory(figures)]),
    ]
  }
  return [
    [
      `${Object.values(contenders)[0]!.calls!.toLocaleString('en')} calls`,
      'GCs',
      'in GC',
      'total',
      'heap',
      'ArrayBuffers',
      'RSS',
    ],
    ...Object.entries(contenders).map(([name, figures]) => [
      label(name),
      number(figures.gcCount!),
      `${(figures.gcShare! * figures.totalMs!).toFixed(0)} ms`,
      `${figures.totalMs!.toFixed(0)} ms`,
      ...memory(figures),
    ]),
  ]
}

export interface Verdict {
  readonly text: string
  readonly reached: 'aim' | 'least' | 'missed'
}

/** What came of the targets, in the phase that is worse for us. */
export function verdicts(definition: BenchCase, results: readonly Result[], nodeMajor: number): Verdict[] {
  const list: Verdict[] = []
  for (const target of definition.targets ?? []) {
    if (target.sinceNode && nodeMajor < target.sinceNode) continue
    const inputs = new Set(
      results.map((result) => result.input).filter((input) => !target.input || input === target.input),
    )
    for (const input of inputs) {
      const worst = results
        .filter((result) => result.input === input && result.contenders[target.contender])
        .map((result) => valueOf(target, result))
        .filter((value) => value !== undefined)
        .toSorted((a, b) => ('least' in target ? a - b : b - a))[0]
      if (worst === undefined) continue
      const meets = (limit: number): boolean => ('least' in target ? worst >= limit : worst <= limit)
      const required = 'least' in target ? target.least : target.most
      const reached = meets(target.aim) ? 'aim' : meets(required) ? 'least' : 'missed'
      const mark = { aim: '✓✓ aim reached', least: '✓ reached', missed: '✗ missed' }[reached]
      const text = `${mark}: ${input}, ${target.contender} ${describe(target, worst)}`
      list.push({
        text: `${text} (at ${'least' in target ? 'least' : 'most'} ${format(target, required)}, aim ${format(target, target.aim)})`,
        reached,
      })
    }
  }
  return list
}

function valueOf(target: Target, { contenders }: Result): number | undefined {
  const mine = contenders[target.contender]!
  if ('timesAsFastAs' in target) return mine.timesAsFastAs?.[target.timesAsFastAs]?.median
  if ('nsOver' in target) {
    const other = contenders[target.nsOver]
    return other && mine.ns!.median - other.ns!.median
  }
  if ('gcShareOf' in target) {
    const other = contenders[target.gcShareOf]
    // Too few calls to say anything, as with --quick.
    return other?.gcCount ? mine.gcCount! / other.gcCount : undefined
  }
  return mine.memory?.[target.bytesOf]
}

function describe(target: Target, value: number): string {
  if ('timesAsFastAs' in target) return `${format(target, value)} ${target.timesAsFastAs}`
  if ('nsOver' in target) return `${format(target, value)} over ${target.nsOver}`
  if ('gcShareOf' in target) return `${format(target, value)} of the collections of ${target.gcShareOf}`
  return `${target.bytesOf} ${format(target, value)}`
}

function format(target: Target, value: number): string {
  if ('timesAsFastAs' in target) return `×${value.toFixed(2)}`
  if ('nsOver' in target) return timeText(value)
  if ('gcShareOf' in target) return `${(value * 100).toFixed(1)} %`
  return bytesText(value)
}

function timeText(ns: number): string {
  const size = Math.abs(ns)
  if (size < 1e3) return `${ns.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)} ns`
  if (size < 1e6) return `${(ns / 1e3).toFixed(2)} µs`
  return `${(ns / 1e6).toFixed(2)} ms`
}

function bytesText(bytes: number): string {
  const size = Math.abs(bytes)
  if (size < 1024) return `${bytes.toFixed(0)} B`
  if (size < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function number(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en')
}

/** Columns aligned: the first to the left, figures to the right. */
function table(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
}

/** The comparison as a table. */
import type { HalfFigures } from './gauges.ts'
import type { Comparison } from './main.ts'
import { PRIMITIVES } from './service.ts'

export function summary(comparison: Comparison): string {
  const { native, plain } = comparison
  const rows: string[][] = [
    ['', 'primarena', 'plain Node', ''],
    [
      'operations/s',
      count(native.opsPerSecond),
      count(plain.opsPerSecond),
      times(native.opsPerSecond, plain.opsPerSecond),
    ],
    ...PRIMITIVES.map((name) => {
      const [ours, theirs] = [native.primitives[name], plain.primitives[name]]
      return [
        `${name.toUpperCase()}, p50 / p99`,
        `${ours.p50Us} / ${ours.p99Us} µs`,
        `${theirs.p50Us} / ${theirs.p99Us} µs`,
        times(theirs.p50Us, ours.p50Us),
      ]
    }),
    ['garbage collections', collections(native), collections(plain), ''],
    ['highest rise of the heap', mebibytes(native.heapPeakBytes), mebibytes(plain.heapPeakBytes), ''],
    ['resident memory', mebibytes(native.rssBytes), mebibytes(plain.rssBytes), ''],
    ['left in arenas', `${comparison.arenaBytes} bytes in ${comparison.openArenas}`, '', ''],
    ['leaks', String(comparison.leaks), '', ''],
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  '),
  )
  const { comparedAnswers, agents, equal } = comparison
  const verdict = equal ? 'all equal' : 'NOT all equal'
  return [
    `${count(native.operations)} requests to ${agents} agents, on Node ${process.versions.node}`,
    '',
    ...lines.map((line) => line.trimEnd()),
    '',
    `${count(comparedAnswers)} answers compared: ${verdict}`,
  ].join('\n')
}

function collections({ gcCount, gcMs }: HalfFigures): string {
  return `${count(gcCount)}, ${gcMs} ms`
}

function count(value: number): string {
  return value.toLocaleString('en')
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function times(more: number, less: number): string {
  return less > 0 ? `×${(more / less).toFixed(1)}` : ''
}

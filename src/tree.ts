import { formatBytes } from './byte-size.js'
import type { Memory } from './memory.js'
import { NONE } from './owner-node.js'
import { processStats } from './process-budget.js'

interface Figures {
  heldBytes: number
  peakBytes: number
  softLimitBytes: number
  hardLimitBytes: number
}

/** The budget tree of one `Memory`, as text. @internal */
export function printTree(memory: Memory): string {
  const lines: string[] = []
  const all = processStats()
  lines.push(
    line('process', {
      heldBytes: all.heldBytes,
      peakBytes: all.peakBytes,
      softLimitBytes: all.softLimitBytes,
      hardLimitBytes: all.limitBytes,
    }),
  )
  if (memory.disposed) {
    lines.push(`└─ ${memory.name}: disposed`)
    return lines.join('\n')
  }
  const { native } = memory.store
  const own = native.stats()
  lines.push(
    `└─ ${line(memory.name, own)}; ${formatBytes(own.reservationBytes)} reserved, ` +
      `${formatBytes(own.idleBytes)} idle (${formatBytes(own.quarantinedBytes)} of it in quarantine)`,
  )
  const owners: { text: string; below: string[] }[] = [
    { text: line('none', native.ownerStats(NONE)), below: [] },
  ]
  for (const agent of memory.agents()) {
    const below = [...agent.sessions()].map(({ id, openRuns, budget }) =>
      line(
        id!,
        {
          heldBytes: budget!.heldBytes,
          peakBytes: budget!.peakBytes,
          softLimitBytes: budget!.softBytes,
          hardLimitBytes: budget!.limitBytes,
        },
        openRuns,
      ),
    )
    const { heldBytes, peakBytes, limitBytes, softBytes, openRuns } = agent.stats()
    const figures = { heldBytes, peakBytes, softLimitBytes: softBytes, hardLimitBytes: limitBytes }
    owners.push({ text: line(agent.id, figures, openRuns) + (agent.owner.isOpen ? '' : ', idle'), below })
  }
  for (const [index, { text, below }] of owners.entries()) {
    const last = index === owners.length - 1
    lines.push(`   ${last ? '└─' : '├─'} ${text}`)
    for (const [at, session] of below.entries()) {
      lines.push(`   ${last ? '  ' : '│ '} ${at === below.length - 1 ? '└─' : '├─'} ${session}`)
    }
  }
  return lines.join('\n')
}

function line(name: string, figures: Figures, openRuns = 0): string {
  const soft = Number.isFinite(figures.softLimitBytes) ? ` (soft ${formatBytes(figures.softLimitBytes)})` : ''
  const limit = Number.isFinite(figures.hardLimitBytes)
    ? ` of ${formatBytes(figures.hardLimitBytes)}`
    : ' without limit'
  const runs = openRuns > 0 ? `, ${openRuns} open` : ''
  return `${name}: ${formatBytes(figures.heldBytes)}${limit}${soft}, peak ${formatBytes(figures.peakBytes)}${runs}`
}

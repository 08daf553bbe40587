/**
 * What leak detection costs the main job: the same requests on one service for each level, in turns.
 *
 * `node --import=@oxc-node/core/register --expose-gc benchmark/leak-levels.ts [rounds]`. Compared is CPU time of the
 * process, round by round, so that other work on the machine and drifting clocks hit all levels alike.
 */
import { NativeService } from '../examples/service/native.ts'
import { exampleWebhooks } from '../examples/service/payloads.ts'
import { Workload } from '../examples/service/workload.ts'

const LEVELS = ['off', 'sampled', 'full'] as const
const AGENTS = 8
const REQUESTS = 400
const rounds = Number(process.argv[2] ?? 120)

const payloads = exampleWebhooks()
const contenders = LEVELS.map((level) => {
  process.env['PRIMARENA_LEAK_DETECTION'] = level
  return {
    level,
    service: new NativeService(AGENTS),
    workload: new Workload(payloads, AGENTS, 1),
    ratios: [] as number[],
  }
})

async function turn({ service, workload }: (typeof contenders)[number]): Promise<number> {
  const operations = workload.take(REQUESTS)
  const before = process.cpuUsage()
  for (const operation of operations) await service.serve(operation)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

for (let i = 0; i < 10; i += 1) for (const contender of contenders) await turn(contender)
for (let round = 0; round < rounds; round += 1) {
  // In changing order, so that none always comes after the same one's garbage.
  const order = contenders.map((_, i) => contenders[(i + round) % contenders.length]!)
  const costs = new Map<string, number>()
  for (const contender of order) costs.set(contender.level, await turn(contender))
  for (const { level, ratios } of contenders) ratios.push(costs.get('off')! / costs.get(level)!)
}
for (const { level, ratios, service } of contenders) {
  const sorted = ratios.toSorted((a, b) => a - b)
  const quantile = (q: number): string =>
    `${(100 * sorted[Math.floor(q * (sorted.length - 1))]!).toFixed(1)} %`
  console.log(
    `${level}: throughput against off, median ${quantile(0.5)} (quartiles ${quantile(0.25)} and ${quantile(0.75)})`,
  )
  await service.close()
}

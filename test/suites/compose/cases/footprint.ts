import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Case } from '../case.ts'
import { Project } from '../engine/compose.ts'
import type { Engine } from '../engine/engine.ts'
import { removePairs, startPair, type Pair } from '../engine/pair.ts'
import { copyShop } from '../engine/shop-files.ts'
import { until } from '../engine/waiting.ts'

const rounds = 5
/** Of the image's health check; on a machine that does nothing else a start takes a second. */
const startPeriodMs = 30_000
/** A sidecar gives memory back that it needed to start. */
const settleMs = 5000

/** What a sidecar of the image costs, and what becomes of one that is stopped while its application goes on. */
export const footprint: Case = {
  name: 'footprint',
  async run({ engine, report, folder }) {
    await using project = new Project(engine, 'cost', copyShop(folder))
    const pairs: Pair[] = []
    await using _pairs = { [Symbol.asyncDispose]: () => removePairs(engine, pairs) }
    await project.up('weft-control')
    const times: number[] = []
    const worked: number[] = []
    for (let round = 0; round < rounds; round++) {
      const pair = await startPair(engine, project, 'idle')
      pairs.push(pair)
      const address = await engine.addressOf(pair.sidecar)
      await until('the sidecar is ready', () => isReady(address), { everyMs: 10 })
      times.push(performance.now() - pair.begun)
      worked.push(await processorTimeOf(engine, pair.sidecar))
    }
    const [fastest = 0, , median = 0] = sorted(times)
    // The other figures depend on what else the machine does.
    report.figure(
      'footprint: processor time of a start, fastest of 5',
      sorted(worked)[0] ?? 0,
      'ms',
    )
    report.figure(
      'footprint: start to ready, fastest and median of 5',
      `${Math.round(fastest)} ms, ${Math.round(median)} ms`,
    )
    report.check(
      'a sidecar is ready long before its health check gives up',
      median < startPeriodMs,
      times,
    )
    await delay(settleMs)
    const sidecars = await memoryOf(
      engine,
      pairs.map(({ sidecar }) => sidecar),
    )
    report.figure(
      'footprint: sidecar at rest, mean RSS and PSS',
      `${sidecars.rss} MB, ${sidecars.pss} MB`,
    )
    const control = await memoryOf(engine, [(await project.container('weft-control')).Id])
    report.figure('footprint: control plane, RSS and PSS', `${control.rss} MB, ${control.pss} MB`)
    const size = await engine.docker('image', 'inspect', '--format={{.Size}}', 'weft:suite')
    report.figure('footprint: image', Number(size) / 1e6, 'MB')

    const [alone] = pairs
    if (alone === undefined) return
    const begun = performance.now()
    await engine.docker('stop', alone.sidecar)
    report.figure('footprint: stop of a sidecar alone', performance.now() - begun, 'ms')
    const [stopped] = await engine.inspect(alone.sidecar)
    report.check(
      'a sidecar that is stopped beside its application ends in the 10 s of `docker stop`',
      stopped?.State.ExitCode === 0,
      stopped?.State,
    )
  },
}

async function isReady(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address}:15020/ready`, {
      signal: AbortSignal.timeout(500),
    })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    // It does not listen yet.
    return false
  }
}

function sorted(values: readonly number[]): number[] {
  return values.toSorted((one, other) => one - other)
}

/** So far, ms. */
async function processorTimeOf(engine: Engine, id: string): Promise<number> {
  const [container] = await engine.inspect(id)
  const stat = readFileSync(`/proc/${container?.State.Pid}/stat`, 'utf8')
  // proc(5): user and system time are fields 14 and 15, in ticks of 10 ms; the second, a name, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Means, in MB. */
async function memoryOf(
  engine: Engine,
  ids: readonly string[],
): Promise<{ rss: number; pss: number }> {
  const containers = await engine.inspect(...ids)
  const mean = (field: string): number => {
    const kilobytes = containers.map(({ State }) => {
      const rollup = readFileSync(`/proc/${State.Pid}/smaps_rollup`, 'utf8')
      return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1])
    })
    const sum = kilobytes.reduce((total, each) => total + each, 0)
    return Math.round(sum / kilobytes.length / 1024)
  }
  return { rss: mean('Rss'), pss: mean('Pss') }
}

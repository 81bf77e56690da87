import { Load } from '../../../support/load.ts'
import type { Case } from '../case.ts'
import { Project } from '../engine/compose.ts'
import { ask } from '../engine/gateway.ts'
import { sidecarsOf } from '../engine/mesh-status.ts'
import { removePairs, startPair, type Pair } from '../engine/pair.ts'
import { copyShop, gatewayPort } from '../engine/shop-files.ts'
import { until } from '../engine/waiting.ts'

const service = 'answers'
const headers = { host: service }
/** Long before a lease ends, 30 s. */
const atOnceMs = 10_000

/** Sidecars and applications come, are killed, and go, and no request fails. */
export const scale: Case = {
  name: 'scale',
  async run({ engine, report, folder }) {
    await using project = new Project(engine, 'scale', copyShop(folder))
    const pairs: Pair[] = []
    await using _pairs = { [Symbol.asyncDispose]: () => removePairs(engine, pairs) }
    const begin = async (): Promise<Pair> => {
      const pair = await startPair(engine, project, service)
      pairs.push(pair)
      return pair
    }
    await project.up('gateway')
    await begin()
    await until(
      'the first one answers',
      async () => (await ask(gatewayPort, '/', headers)).status === 200,
    )
    const load = new Load({ port: gatewayPort, headers }, 4)
    const answered = ({ sidecar }: Pair, from: number): boolean =>
      load.outcomes.slice(from).some(({ body }) => body === sidecar.slice(0, 12))
    /** Everybody runs on what there is, and that is `count` of the service. */
    const settled = async (count: number): Promise<boolean> => {
      const sidecars = await sidecarsOf(engine, project)
      const serving = sidecars.filter(({ name, ready }) => ready && isOf(pairs, name))
      const behind = sidecars.filter(({ connected, synced }) => connected && synced !== true)
      return serving.length === count && behind.length === 0
    }
    try {
      await load.more(100)
      const second = await begin()
      await until('the second one answers', () => answered(second, 0), { everyMs: 5 })
      report.figure(
        'scale: container start to first answer',
        performance.now() - second.begun,
        'ms',
      )
      const third = await begin()
      await until('the third one answers', () => answered(third, 0), { everyMs: 5 })
      report.figure('scale: the next one', performance.now() - third.begun, 'ms')
      await until('three serve', () => settled(3))

      const killedAt = performance.now()
      await engine.docker('kill', second.sidecar, second.application)
      await until('the killed one is gone', () => settled(2), { everyMs: 20 })
      const goneMs = performance.now() - killedAt
      report.figure('scale: kill to the last push', goneMs, 'ms')
      report.check('one that is killed is out at once', goneMs < atOnceMs, goneMs)
      const afterKill = load.outcomes.length + 4
      await load.more(200)
      report.check('and is not asked any more', !answered(second, afterKill))

      const stoppedAt = performance.now()
      await engine.docker('stop', '--time=5', third.application)
      await engine.docker('stop', '--time=20', third.sidecar)
      report.figure('scale: stop of a pair', performance.now() - stoppedAt, 'ms')
      await until('the stopped one is gone', () => settled(1))
      await load.more(200)
      const codes = (await engine.inspect(third.sidecar)).map(({ State }) => State.ExitCode)
      report.check('a sidecar that is stopped ends with 0', codes.join() === '0', codes)
    } finally {
      await load.stop()
    }
    const { outcomes, failures } = load
    report.figure('scale: requests, of which failed', `${outcomes.length}, ${failures.length}`)
    report.check('no request fails', failures.length === 0, failures.slice(0, 5))
  },
}

function isOf(pairs: readonly Pair[], name: string): boolean {
  return pairs.some(({ sidecar }) => sidecar.startsWith(name))
}

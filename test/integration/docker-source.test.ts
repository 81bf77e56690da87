import { join } from 'node:path'
import t from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { startControlPlane } from '../../src/control/app.ts'
import { node, startDocker, withoutDocker } from '../support/functions/real-docker.ts'
import { Load } from '../support/load.ts'
import { eventually } from '../support/mesh.ts'
import { testFolder } from '../support/test-folder.ts'

/** Answers with its name. On SIGTERM it ends at once, with whatever is under way. */
const application = `process.on('SIGTERM', () => process.exit())
  require('node:http')
  .createServer((request, response) => response.end(process.env.NAME))
  .listen(8080, '127.0.0.1')`
const command = [node, '/weft/src/main.ts', 'proxy']
/** Four processes start at once, each of which has all of Weft to load. */
async function patiently(condition: () => boolean): Promise<void> {
  const once = (): Promise<boolean> => eventually(condition, Boolean)
  await once().catch(once).catch(once)
}

const everyAddress = { host: '0.0.0.0', port: 0 }

t.test(
  'containers come, are killed, and go under load, and no request fails',
  { skip: withoutDocker() },
  async t => {
    const docker = await startDocker(t)
    const gateway = await docker.createNetwork('mesh')
    const stateDirectory = join(testFolder(t), 'control')
    const control = await startControlPlane(
      {
        stateDirectory,
        trustDomain: 'weft.local',
        push: everyAddress,
        admin: { host: '127.0.0.1', port: 0 },
        leaseMs: 30_000,
        docker: { socket: docker.socket },
      },
      { logger: silentLogger },
    )
    t.teardown(() => control.close())
    const status = () => control.status()
    const sidecar = (name: string, labels: Record<string, string>, more: Record<string, string>) =>
      docker.create({
        name,
        command,
        labels: { 'weft.port': '80:8080', ...labels },
        network: 'mesh',
        environment: {
          WEFT_JOIN: 'container',
          WEFT_CONTROL_PLANE: `${gateway}:${control.pushPort}`,
          WEFT_TRUST_BUNDLE: '/trust-bundle.pem',
          WEFT_SERVICE_ACCOUNT: labels['weft.service'] ?? '',
          ...more,
        },
        binds: [`${join(stateDirectory, 'trust-bundle.pem')}:/trust-bundle.pem:ro`],
      })

    /** A sidecar, and its application in its network. */
    interface Instance {
      readonly name: string
      readonly sidecar: string
      readonly application: string
      readonly begun: number
    }
    const begin = async (name: string): Promise<Instance> => {
      const id = await sidecar(
        name,
        { 'weft.service': 'orders' },
        { WEFT_APPLICATION_PORTS: '8080' },
      )
      const begun = monotonicNow()
      await docker.act(`${id}/start`)
      const app = await docker.create({
        name: `${name}-app`,
        command: [node, '-e', application],
        environment: { NAME: name },
        network: `container:${id}`,
      })
      await docker.act(`${app}/start`)
      return { name, sidecar: id, application: app, begun }
    }

    const caller = await sidecar(
      'caller',
      { 'weft.service': 'caller', 'weft.port': 'none' },
      { WEFT_OUTBOUND: '0.0.0.0:15001' },
    )
    await docker.act(`${caller}/start`)
    const isReady = (id: string) => (): boolean =>
      status().sidecars.some(({ name, ready }) => name === id.slice(0, 12) && ready)
    const isSynced = (): boolean =>
      status().sidecars.every(({ connected, synced }) => connected && synced === true)
    const first = await begin('orders-1')
    await patiently(isReady(first.sidecar))
    await patiently(() => status().sidecars.length === 2 && isSynced())
    t.match(
      status()
        .sidecars.map(({ identity }) => identity)
        .toSorted(),
      ['spiffe://weft.local/ns/default/sa/caller', 'spiffe://weft.local/ns/default/sa/orders'],
    )

    const load = new Load(
      { host: await docker.addressOf(caller), port: 15_001, headers: { host: 'orders' } },
      2,
    )
    t.teardown(() => load.stop())
    await load.more(20)
    const answered = (name: string, from: number): boolean =>
      load.outcomes.slice(from).some(({ body }) => body === name)
    const firstAnswer = async (instance: Instance): Promise<number> => {
      const from = load.outcomes.length
      await patiently(() => answered(instance.name, from))
      return Math.round(monotonicNow() - instance.begun)
    }
    const figures: string[] = []

    const second = await begin('orders-2')
    const third = await begin('orders-3')
    figures.push(
      `start to first answer ${await firstAnswer(second)}, ${await firstAnswer(third)} ms`,
    )

    const killedAt = monotonicNow()
    await Promise.all([second.sidecar, second.application].map(id => docker.act(`${id}/kill`)))
    await patiently(() => !isReady(second.sidecar)() && isSynced())
    const killMs = Math.round(monotonicNow() - killedAt)
    t.ok(killMs < 15_000, 'long before its lease ends')
    figures.push(`kill to last push ${killMs} ms`)
    const afterKill = load.outcomes.length
    await load.more(100)
    t.notOk(answered('orders-2', afterKill + 4))

    // As compose does: first who depends on the other.
    const stoppedAt = monotonicNow()
    await docker.act(`${third.application}/stop?t=5`)
    await docker.act(`${third.sidecar}/stop?t=20`)
    await patiently(() => !isReady(third.sidecar)() && isSynced())
    figures.push(`stopped within ${Math.round(monotonicNow() - stoppedAt)} ms`)
    await load.more(100)

    await docker.act(`${second.sidecar}/start`)
    await docker.act(`${second.application}/start`)
    const again = { ...second, begun: monotonicNow() }
    figures.push(`started again to first answer ${await firstAnswer(again)} ms`)

    await docker.act(`${second.sidecar}/pause`)
    await patiently(() => !isReady(second.sidecar)())
    await docker.act(`${second.sidecar}/unpause`)
    const woken = { ...second, begun: monotonicNow() }
    figures.push(`unpaused to first answer ${await firstAnswer(woken)} ms`)

    await load.more(100)
    await load.stop()
    t.strictSame(load.failures, [])
    t.strictSame(status().configuration.leftOut ?? [], [])
    t.comment(`${load.outcomes.length} requests, ${load.failures.length} failed`)
    for (const figure of figures) t.comment(figure)
  },
)

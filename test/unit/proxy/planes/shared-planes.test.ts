import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import tls from 'node:tls'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import type { Identity } from '../../../../src/identity/identity.ts'
import { IdentityHolder } from '../../../../src/identity/identity-holder.ts'
import { clientTlsOptions } from '../../../../src/identity/tls-options.ts'
import type { ProxyBootstrap } from '../../../../src/model/bootstrap.ts'
import { SharedPlanes } from '../../../../src/proxy/planes/shared-planes.ts'
import { issueIdentity, openAuthority } from '../../../support/authority.ts'
import { ordersSnapshot } from '../../../support/data-plane.ts'
import { call, eventually } from '../../../support/mesh.ts'

const anyPort = { host: '127.0.0.1', port: 0 }
const thread = new URL('../../../../src/proxy/planes/plane-thread.ts', import.meta.url)

async function start(t: Test, count: number, changes: Partial<ProxyBootstrap> = {}) {
  const authority = await openAuthority(t)
  const identity = new IdentityHolder(await issueIdentity(authority, 'web'))
  const workers: Worker[] = []
  const bootstrap: ProxyBootstrap = {
    workload: { name: 'web', namespace: 'default', serviceAccount: 'web', labels: {} },
    stateDirectory: t.testdirName,
    controlPlane: { ...anyPort, trustDomain: identity.current.id.trustDomain },
    trustBundleFile: '',
    admin: anyPort,
    outbound: anyPort,
    inbound: anyPort,
    application: { host: '127.0.0.1', ports: [] },
    upstreams: [{ ...anyPort, service: 'orders' }],
    advertise: '127.0.0.1',
    drainTimeoutMs: 1000,
    ...changes,
  }
  const planes = await SharedPlanes.start(bootstrap, count, {
    identity,
    logger: silentLogger,
    writeAccessLog: () => {},
    random: () => 0,
    spawn: workerData => {
      const worker = new Worker(thread, { workerData })
      workers.push(worker)
      return worker
    },
  })
  t.teardown(() => planes.close())
  return { planes, workers, identity, authority }
}

t.test('a thread that has ended is started anew, with the snapshot of now', async t => {
  const { planes, workers } = await start(t, 2)
  await planes.apply(ordersSnapshot({}))
  t.equal((await planes.clusters()).length, 2)
  await workers[0]?.terminate()
  await eventually(
    () => workers.length,
    count => count === 3,
  )
  await eventually(
    async () => (await planes.clusters()).length,
    count => count === 2,
  )
  for (const { outbound } of await planes.clusters())
    t.match(outbound, [{ name: 'orders.default:80' }])
  // A connection that the kernel had given to the thread that ended is reset.
  const answers = await eventually(
    () =>
      Promise.all(Array.from({ length: 20 }, () => call(planes.ports.upstreams[0] ?? 0))).catch(
        () => [],
      ),
    ({ length }) => length === 20,
  )
  t.ok(answers.every(({ headers }) => headers['x-weft-reason'] === 'no_healthy_endpoint'))
})

t.test('questions to a thread that ends are not waited for', async t => {
  const { planes, workers } = await start(t, 2)
  const asked = planes.metrics()
  await workers[1]?.terminate()
  t.ok((await asked).length > 0)
})

t.test('a new identity reaches every thread', async t => {
  const { planes, identity, authority } = await start(t, 2)
  const renewed = await issueIdentity(authority, 'web')
  const { fingerprint256 } = new X509Certificate(renewed.chain)
  identity.replace(renewed)
  const shown = await eventually(
    () => Promise.all(Array.from({ length: 10 }, () => shownBy(planes.ports.inbound, renewed))),
    fingerprints => fingerprints.every(fingerprint => fingerprint === fingerprint256),
  )
  t.equal(shown.length, 10)
})

/** Fingerprint of the certificate that a connection is shown. */
async function shownBy(port: number, identity: Identity): Promise<string> {
  const options = clientTlsOptions(identity, { alpn: ['h2'] })
  const socket = tls.connect({ ...options, host: '127.0.0.1', port })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

t.test('after the close nothing answers', async t => {
  const { planes, workers } = await start(t, 2)
  planes.close()
  await Promise.all(workers.map(worker => worker.terminate()))
  t.equal(await planes.outboundConnections(), 0)
  await t.rejects(call(planes.ports.outbound), { code: 'ECONNREFUSED' })
})

t.test(
  'a breaker that a person sets is set in every thread, and in those that come later',
  async t => {
    const { planes, workers } = await start(t, 2)
    const cluster = 'orders.default:80'
    await planes.apply(ordersSnapshot({}))
    t.equal(await planes.setBreaker(cluster, 'open'), true)
    t.equal(await planes.setBreaker('nobody.default:80', 'open'), false)
    const open = { [cluster]: { state: 'open', setting: 'open' } }
    t.match(await planes.breakers(), [open, open])
    await workers[0]?.terminate()
    await eventually(
      () => planes.breakers(),
      breakers =>
        breakers.length === 2 && breakers.every(each => each[cluster]?.setting === 'open'),
    )
    t.equal(await planes.setBreaker(cluster, 'auto'), true)
    const closed = { [cluster]: { state: 'closed', setting: 'auto' } }
    t.match(await planes.breakers(), [closed, closed])
  },
)

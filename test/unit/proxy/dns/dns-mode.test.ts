import t, { type Test } from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { DnsMode } from '../../../../src/proxy/dns/dns-mode.ts'
import { startNameServer } from '../../../../src/proxy/dns/name-server.ts'
import { Listener } from '../../../../src/proxy/listener/listener.ts'
import { ordersSnapshot } from '../../../support/data-plane.ts'

/** Listeners are on a port that the system chooses, whatever they are asked for. */
async function start(
  t: Test,
  host: string,
  ports: readonly number[],
  controlPlane = 'weft-control.weft-system.svc',
) {
  const any = { host: '127.0.0.1', port: 0 }
  const nameServer = await startNameServer({ ...any, upstreams: [] }, silentLogger)
  const mode = new DnsMode({
    nameServer,
    bootstrap: {
      application: { host, ports },
      controlPlane: { host: controlPlane, port: 15012, trustDomain: 'weft.local' },
      drainTimeoutMs: 1000,
    },
    createListener: (_, purpose) =>
      new Listener({ purpose, address: any, accept: () => {}, now: () => 0 }),
    logger: silentLogger,
  })
  t.teardown(() => mode.close())
  return { mode, nameServer }
}

t.test('it is ready when the names of a first snapshot are answered', async t => {
  const { mode, nameServer } = await start(t, '127.0.0.1', [8080])
  t.equal(mode.ready, false)
  mode.apply(ordersSnapshot({}))
  t.equal(mode.ready, false, 'its ports are being bound')
  while (!mode.ready) await new Promise(resolve => setImmediate(resolve))
  t.match(nameServer.responder.zone.get('orders'), { service: 'orders.default', address: /^127/ })
  t.same(mode.status.services[0]?.ports, [{ port: 80, code: 'bound' }])
})

t.test('ports of the application are left to it where it may be on all addresses', async t => {
  for (const [host, code] of [
    ['127.0.0.1', 'reserved'],
    ['localhost', 'reserved'],
    ['::1', 'reserved'],
    ['192.0.2.1', 'bound'],
  ] as const) {
    const { mode } = await start(t, host, [8080, 80])
    mode.apply(ordersSnapshot({}))
    while (!mode.ready) await new Promise(resolve => setImmediate(resolve))
    t.equal(mode.status.services[0]?.ports[0]?.code, code, host)
  }
})

t.test("the control plane's own name is left to the resolvers beyond the mesh", async t => {
  for (const host of ['orders', 'ORDERS.default']) {
    const { mode, nameServer } = await start(t, '127.0.0.1', [8080], host)
    mode.apply(ordersSnapshot({}))
    while (!mode.ready) await new Promise(resolve => setImmediate(resolve))
    t.equal(nameServer.responder.zone.size, 0, host)
    t.same(mode.status.services, [], host)
  }
})

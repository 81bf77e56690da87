import { once } from 'node:events'
import net, { type Server } from 'node:net'
import t, { type Test } from 'tap'
import type { Logger } from '../../../../src/base/log.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { ServiceAddresses } from '../../../../src/proxy/dns/service-addresses.ts'
import {
  ServiceListeners,
  type ServiceListenersOptions,
} from '../../../../src/proxy/dns/service-listeners.ts'
import { Listener } from '../../../../src/proxy/listener/listener.ts'
import { freePorts } from '../../../support/process.ts'
import { meetingNames, serviceOf } from './services.ts'

const onLinux = process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8'

interface Warning {
  readonly ports: readonly string[]
  readonly count: number
  readonly reason: string
  readonly advice: string
}

function start(t: Test, options: Partial<ServiceListenersOptions> = {}) {
  const warnings: Warning[] = []
  const logger: Logger = { ...silentLogger, warn: fields => warnings.push(fields as Warning) }
  let settled = 0
  const listeners = new ServiceListeners({
    create: greeting,
    reservedPorts: new Set(),
    drainTimeoutMs: 10_000,
    logger,
    onSettled: () => settled++,
    ...options,
  })
  t.teardown(() => listeners.close())
  return {
    listeners,
    warnings,
    settled: () => settled,
    apply: async (...services: readonly [string, number][]): Promise<void> => {
      listeners.apply(services.map(([name, port]) => serviceOf(name, port)))
      await listeners.settled()
    },
    addressOf: (name: string) => listeners.addressOf(`${name}.default`),
  }
}

/** Says to each connection which service it leads to, and ends when its client does. */
function greeting(address: { host: string; port: number }, service: string): Listener {
  const listener: Listener = new Listener({
    purpose: service,
    address,
    now: () => 0,
    accept: socket => {
      socket.write(service)
      socket.resume().on('end', () => socket.end())
      const drain = (): void => {}
      listener.track({ active: 0, drain, destroy: () => socket.destroy(), sweep: () => {} }, socket)
    },
  })
  return listener
}

async function hold(t: Test, host: string, port: number): Promise<Server> {
  const server = net.createServer().listen({ host, port })
  t.teardown(() => server.close())
  await once(server, 'listening')
  return server
}

/** What listens there says; its connection stays open. */
async function connect(t: Test, host: string | undefined, port: number) {
  const socket = net.connect({ host: host ?? '', port })
  t.teardown(() => socket.destroy())
  const [greeted] = (await once(socket, 'data')) as [Buffer]
  return { socket, greeted: greeted.toString() }
}

async function refuses(t: Test, host: string | undefined, port: number): Promise<void> {
  await t.rejects(connect(t, host, port), { code: 'ECONNREFUSED' })
}

t.test('each service has one address with all its ports', { skip: onLinux }, async t => {
  const [port = 0, other = 0] = await freePorts(2)
  const { apply, addressOf, warnings, settled } = start(t)
  t.equal(addressOf('orders'), undefined)
  await apply(['orders', port], ['orders', other], ['payments', port])
  t.not(addressOf('orders'), addressOf('payments'))
  t.equal((await connect(t, addressOf('orders'), port)).greeted, `orders.default:${port}`)
  t.equal((await connect(t, addressOf('orders'), other)).greeted, `orders.default:${other}`)
  t.equal((await connect(t, addressOf('payments'), port)).greeted, `payments.default:${port}`)
  t.same([warnings, settled()], [[], 1])
})

t.test('a snapshot adds and removes, and who stays is left alone', { skip: onLinux }, async t => {
  const [port = 0, other = 0] = await freePorts(2)
  const { apply, addressOf } = start(t)
  await apply(['orders', port], ['payments', port])
  const address = addressOf('orders')
  const gone = addressOf('payments')
  const { socket } = await connect(t, address, port)
  await apply(['orders', port], ['orders', other], ['stock', port])
  t.equal(addressOf('orders'), address)
  t.equal(addressOf('payments'), undefined)
  await refuses(t, gone, port)
  t.equal((await connect(t, addressOf('stock'), port)).greeted, `stock.default:${port}`)
  await apply(['orders', other])
  t.equal(addressOf('orders'), address)
  await refuses(t, address, port)
  t.equal(socket.closed, false, 'what was connected may finish')
})

t.test('connections to what has gone are cut after the bound', { skip: onLinux }, async t => {
  const [port = 0] = await freePorts(1)
  const { apply, addressOf, listeners } = start(t, { drainTimeoutMs: 30 })
  await apply(['orders', port])
  const { socket } = await connect(t, addressOf('orders'), port)
  await apply()
  t.equal(listeners.listeners.length, 1, 'it is counted until then')
  await once(socket, 'close')
  while (listeners.listeners.length > 0) await new Promise(resolve => setImmediate(resolve))
})

t.test(
  'drain waits for all connections, of services that have gone too',
  { skip: onLinux },
  async t => {
    const [port = 0] = await freePorts(1)
    const { apply, addressOf, listeners } = start(t)
    await apply(['orders', port], ['payments', port])
    const clients = [
      await connect(t, addressOf('orders'), port),
      await connect(t, addressOf('payments'), port),
    ]
    await apply(['orders', port])
    let drained = false
    const drain = listeners.drain().then(() => (drained = true))
    for (const { socket } of clients) {
      await new Promise(resolve => setImmediate(resolve))
      t.equal(drained, false)
      socket.end()
    }
    await drain
    t.equal(listeners.listeners.length, 0)
  },
)

t.test(
  'a service moves where all its ports are free: another sidecar may have the first',
  { skip: onLinux },
  async t => {
    const [port = 0, other = 0] = await freePorts(2)
    const first = start(t)
    const second = start(t)
    await first.apply(['orders', port])
    await second.apply(['orders', other], ['orders', port])
    t.not(second.addressOf('orders'), first.addressOf('orders'))
    await refuses(t, first.addressOf('orders'), other)
    t.equal(
      (await connect(t, second.addressOf('orders'), other)).greeted,
      `orders.default:${other}`,
    )
    t.same(second.warnings, [])
    const moved = second.addressOf('orders')
    await first.apply()
    await second.apply(['orders', port])
    t.equal(second.addressOf('orders'), moved, 'and stays there')
    await second.apply()
    await second.apply(['orders', port])
    t.equal(second.addressOf('orders'), new ServiceAddresses().assign('orders.default'))
  },
)

t.test(
  'a port that another program has on all addresses is told once, counted, and tried again',
  { skip: onLinux },
  async t => {
    const [port = 0, other = 0] = await freePorts(2)
    const holder = await hold(t, '0.0.0.0', port)
    const { apply, addressOf, warnings, listeners } = start(t)
    await apply(['orders', port], ['payments', port], ['payments', other])
    t.equal(addressOf('orders'), undefined, 'no address that leads to somebody else')
    t.equal((await connect(t, addressOf('payments'), other)).greeted, `payments.default:${other}`)
    t.match(listeners.failuresOf('payments.default').get(port), { code: 'EADDRINUSE' })
    const address = addressOf('payments')
    await apply(['orders', port], ['payments', port], ['payments', other])
    t.match(warnings, [
      {
        reason: 'EADDRINUSE',
        advice: /another port/,
        count: 2,
        ports: [`orders.default:${port}`, `payments.default:${port}`],
      },
    ])
    t.equal(warnings.length, 1)
    t.equal(listeners.failures, 2 * 4 + 2, 'four addresses when new, then one')
    holder.close()
    await once(holder, 'close')
    await apply(['orders', port], ['payments', port], ['payments', other])
    t.equal((await connect(t, addressOf('orders'), port)).greeted, `orders.default:${port}`)
    t.equal((await connect(t, address, port)).greeted, `payments.default:${port}`)
    t.equal(listeners.failuresOf('payments.default').size, 0)
  },
)

t.test('the application keeps its own ports', { skip: onLinux }, async t => {
  const [port = 0, other = 0] = await freePorts(2)
  const { apply, addressOf, warnings } = start(t, { reservedPorts: new Set([port]) })
  await apply(['orders', port], ['payments', port], ['payments', other])
  await hold(t, '0.0.0.0', port)
  t.equal(addressOf('orders'), undefined)
  t.ok(addressOf('payments'))
  t.match(warnings, [{ reason: 'reserved', advice: /targetPort/, count: 2 }])
})

t.test('a failure that is no matter of the address leaves it where it is', async t => {
  for (const code of ['EACCES', 'EADDRNOTAVAIL', 'EMFILE']) {
    const tried: string[] = []
    const create: ServiceListenersOptions['create'] = (address, service) => {
      tried.push(address.host)
      const listener = greeting(address, service)
      const cause = Object.assign(new Error(`listen ${code}`), { code })
      listener.listen = () => Promise.reject(new Error('cannot listen', { cause }))
      return listener
    }
    const { apply, addressOf, warnings } = start(t, { create })
    await apply(['orders', 80])
    t.same(tried, [new ServiceAddresses().assign('orders.default')])
    t.equal(addressOf('orders'), undefined)
    const advices: Record<string, RegExp> = {
      EACCES: /ip_unprivileged_port_start=0/,
      EADDRNOTAVAIL: /ifconfig lo0 alias/,
      EMFILE: /cannot listen/,
    }
    t.match(warnings, [{ reason: code, advice: advices[code] }])
  }
})

t.test('beyond the most there may be, ports are not bound', { skip: onLinux }, async t => {
  const [port = 0] = await freePorts(1)
  const { apply, addressOf, warnings } = start(t, { maxListeners: 2 })
  await apply(['a', port], ['b', port], ['c', port])
  t.same([addressOf('a'), addressOf('b'), addressOf('c')].map(Boolean), [true, true, false])
  t.match(warnings, [{ ports: [`c.default:${port}`], reason: 'limit' }])
  // The one that goes makes room with the next snapshot.
  await apply(['b', port], ['c', port])
  await apply(['b', port], ['c', port])
  t.ok(addressOf('c'))
})

t.test(
  'where hashes meet, the order of the snapshot decides nothing',
  { skip: onLinux },
  async t => {
    const [port = 0] = await freePorts(1)
    const [first = '', second = ''] = meetingNames().map(name => name.replace('.default', ''))
    const { apply, addressOf } = start(t)
    await apply([second, port], [first, port])
    t.equal(addressOf(first), new ServiceAddresses().assign(`${first}.default`))
    t.equal((await connect(t, addressOf(second), port)).greeted, `${second}.default:${port}`)
  },
)

t.test('of snapshots that come quickly the last one holds', { skip: onLinux }, async t => {
  const [port = 0] = await freePorts(1)
  const { listeners, addressOf, settled } = start(t)
  for (const name of ['a', 'b', 'c', 'd']) listeners.apply([serviceOf(name, port)])
  await listeners.settled()
  t.same(
    ['a', 'b', 'c', 'd'].map(name => addressOf(name) !== undefined),
    [false, false, false, true],
  )
  t.equal(settled(), 2, 'those between were never bound')
})

t.test('nothing stays bound when it is closed while it binds', { skip: onLinux }, async t => {
  const [port = 0] = await freePorts(1)
  const { listeners, settled } = start(t)
  listeners.apply([serviceOf('orders', port), serviceOf('payments', port)])
  listeners.close()
  await listeners.settled()
  t.equal(settled(), 0)
  for (const name of ['orders.default', 'payments.default'])
    await refuses(t, new ServiceAddresses().assign(name), port)
})

import { once } from 'node:events'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { diffSnapshots } from '../../../src/discovery/delta.ts'
import type { ControlStream } from '../../../src/discovery/control-stream.ts'
import type { Nack, Problem } from '../../../src/discovery/message.ts'
import {
  SubscriptionClient,
  type SubscriptionClientOptions,
} from '../../../src/discovery/subscription-client.ts'
import type { Snapshot } from '../../../src/model/snapshot.ts'
import { mockTime } from '../../support/mock-time.ts'
import { keyingMaterial, listenForPeers, type ScriptedPeer } from './scripted-peer.ts'
import { snapshotOf } from './snapshots.ts'

const one = snapshotOf({ orders: [1] })
const two = snapshotOf({ orders: [1, 2] })
const three = snapshotOf({ orders: [3], users: [4] })
const request = { publicKey: 'key', prove: (material: Buffer) => `proof of ${material.toString()}` }
const signed = { type: 'signed', chain: 'chain', bundle: 'bundle' } as const

async function start(t: Test, options: Partial<SubscriptionClientOptions> = {}) {
  const { connect, accept } = await listenForPeers(t)
  const applied: Snapshot[] = []
  const losses: (Error | undefined)[] = []
  const streams: ControlStream[] = []
  const client = new SubscriptionClient({
    connect: async () => {
      const stream = await connect()
      streams.push(stream)
      return stream
    },
    workload: { namespace: 'default', name: 'web' },
    build: 'test',
    registration: { address: '127.0.0.1', ports: [8080], meshPort: 15_008 },
    services: '*',
    ready: true,
    apply: snapshot => {
      applied.push(snapshot)
      return []
    },
    onDisconnect: reason => losses.push(reason),
    random: () => 0,
    reconnect: { baseMs: 2, maxMs: 2 },
    ...options,
  })
  t.teardown(() => client.close())
  client.start()
  return { client, accept, connect, applied, losses, streams }
}

function push(nonce: number, snapshot: Snapshot, base?: Snapshot): object {
  const content =
    base === undefined
      ? { kind: 'snapshot', snapshot }
      : { kind: 'delta', base: base.version, changes: diffSnapshots(base, snapshot) }
  return { type: 'push', nonce, version: snapshot.version, content }
}

/** Whatever is on its way arrives. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** Its first two messages. */
async function greeted(accept: () => Promise<ScriptedPeer>): Promise<ScriptedPeer> {
  const peer = await accept()
  await peer.nextOf('hello')
  await peer.next()
  return peer
}

/** `one` has come, its takeover is over when the test says so, and behind it waits `two`. */
async function startTaking(t: Test, options: Partial<SubscriptionClientOptions> = {}) {
  const taken = Promise.withResolvers<readonly Problem[]>()
  const applied: string[] = []
  const started = await start(t, {
    apply: snapshot => {
      applied.push(snapshot.version)
      return taken.promise
    },
    ...options,
  })
  const peer = await greeted(started.accept)
  peer.send(push(1, one))
  peer.send(push(2, two, one))
  return { ...started, peer, taken, applied }
}

t.test('without an address of its own it is reached where it calls from', async t => {
  const { accept, streams } = await start(t, { registration: { ports: [8080], meshPort: 15_008 } })
  const peer = await accept()
  await peer.nextOf('hello')
  t.match(await peer.next(), { type: 'register', address: '127.0.0.1' })
  t.match(streams[0]?.localAddress, '127.0.0.1')
})

t.test('it says who it is and what it wants, then where it is reached', async t => {
  const { client, accept } = await start(t, { services: ['orders.default'], ready: false })
  t.equal(client.connected, false)
  const peer = await accept()
  t.strictSame(await peer.next(), {
    type: 'hello',
    protocol: 1,
    workload: { namespace: 'default', name: 'web' },
    services: ['orders.default'],
    build: 'test',
  })
  t.strictSame(await peer.next(), {
    type: 'register',
    address: '127.0.0.1',
    ports: [8080],
    meshPort: 15_008,
    ready: false,
  })
  t.equal(client.connected, true)
})

t.test('snapshots and deltas are taken over and acked, one after the other', async t => {
  const { client, accept, applied } = await start(t)
  const peer = await greeted(accept)
  peer.send(push(1, one))
  t.strictSame(await peer.next(), { type: 'ack', nonce: 1, version: one.version })
  peer.send(push(2, two, one))
  peer.send(push(3, three, two))
  t.strictSame(await peer.next(), { type: 'ack', nonce: 2, version: two.version })
  t.strictSame(await peer.next(), { type: 'ack', nonce: 3, version: three.version })
  t.same(applied, [one, two, three])
  t.equal(client.version, three.version)
})

t.test('a push waits until the one before it is taken over', async t => {
  const { peer, taken, applied } = await startTaking(t)
  peer.send({ type: 'ping' })
  t.strictSame(await peer.next(), { type: 'pong' })
  t.strictSame(applied, [one.version])
  taken.resolve([])
  t.match([await peer.next(), await peer.next()], [{ nonce: 1 }, { type: 'ack', nonce: 2 }])
})

t.test(
  'a snapshot that cannot be used is nacked with every problem, and nothing changes',
  async t => {
    const problems = [1, 2, 3].map(index => ({ path: `clusters.${index}`, message: 'no' }))
    const { client, accept } = await start(t, {
      apply: snapshot => (snapshot.version === two.version ? problems : []),
    })
    const peer = await greeted(accept)
    peer.send(push(1, one))
    await peer.next()
    peer.send(push(2, two, one))
    const { version } = two
    t.strictSame(await peer.next(), { type: 'nack', nonce: 2, version, problems })
    t.equal(client.version, one.version)
    peer.send(push(3, three, one))
    t.strictSame(await peer.next(), { type: 'ack', nonce: 3, version: three.version }, 'as before')
  },
)

t.test('a takeover that throws is a nack that says why', async t => {
  const { accept } = await start(t, {
    apply: () => {
      throw new Error('out of ports')
    },
  })
  const peer = await greeted(accept)
  peer.send(push(1, one))
  t.match(await peer.next(), { type: 'nack', problems: [{ path: '', message: 'out of ports' }] })
})

t.test('a push that makes no sense asks for the whole snapshot', async t => {
  const { client, accept, applied } = await start(t)
  const peer = await greeted(accept)
  peer.send(push(1, two, one))
  t.match(await peer.next(), { type: 'nack', nonce: 1, wants: 'snapshot' })
  peer.send(push(2, one))
  await peer.next()
  const { version } = three
  const content = { kind: 'delta', base: one.version, changes: diffSnapshots(one, two) }
  peer.send({ type: 'push', nonce: 3, version, content })
  const nack = await peer.next<Nack>()
  t.match(nack, { type: 'nack', nonce: 3, version, wants: 'snapshot' })
  t.match(nack.problems, [{ path: 'version' }])
  t.same(applied, [one])
  t.equal(client.version, one.version)
})

t.test('what it runs on from disk is announced, and deltas are put onto it', async t => {
  const { client, accept, applied } = await start(t, { initial: one })
  const peer = await accept()
  t.match(await peer.next(), { type: 'hello', version: one.version })
  await peer.next()
  peer.send(push(1, two, one))
  t.match(await peer.next(), { type: 'ack' })
  t.same(applied, [two])
  t.equal(client.version, two.version)
})

t.test('what lies on disk under a wrong version is not announced', async t => {
  const { client, accept } = await start(t, { initial: { ...two, version: one.version } })
  const peer = await accept()
  t.equal((await peer.next())['version'], undefined)
  t.equal(client.version, undefined)
})

t.test('readiness and subscription are told at once, and again on the next stream', async t => {
  const { client, accept } = await start(t)
  const peer = await greeted(accept)
  client.setReady(false)
  client.setReady(false)
  client.subscribe(['orders.default'])
  t.strictSame(await peer.next(), { type: 'ready', ready: false })
  t.strictSame(await peer.next(), { type: 'subscribe', services: ['orders.default'] })
  peer.socket.destroy()
  const second = await accept()
  t.match(await second.next(), { type: 'hello', services: ['orders.default'] })
  t.match(await second.next(), { type: 'register', ready: false })
})

t.test('a lost stream is reported and opened again, with the version it has now', async t => {
  const { client, accept, losses } = await start(t)
  const peer = await greeted(accept)
  peer.send(push(1, one))
  await peer.next()
  peer.socket.resetAndDestroy()
  const second = await accept()
  t.match(await second.next(), { type: 'hello', version: one.version })
  t.match(losses, [{ code: 'ECONNRESET' }])
  t.equal(client.connected, true)
  second.socket.end()
  await greeted(accept)
  t.equal(losses.length, 2)
  t.equal(losses[1], undefined, 'an orderly end has no reason')
})

t.test('attempts are ever further apart, until the control plane takes it in', async t => {
  mockTime(t)
  const { connect, accept } = await listenForPeers(t)
  let attempts = 0
  let reachable = false
  const waiting: (() => void)[] = []
  const loss = (): Promise<void> => new Promise(resolve => waiting.push(resolve))
  const first = loss()
  await start(t, {
    connect: () => {
      attempts++
      return reachable ? connect() : Promise.reject(new Error('no'))
    },
    random: () => 1,
    reconnect: { baseMs: 100, maxMs: 5000 },
    onDisconnect: () => waiting.shift()?.(),
  })
  await first
  for (const [index, waitMs] of [100, 200, 400, 800, 1600, 3200, 5000, 5000].entries()) {
    const next = loss()
    mock.timers.tick(waitMs - 1)
    await settle()
    t.equal(attempts, index + 1)
    mock.timers.tick(1)
    await next
    t.equal(attempts, index + 2)
  }

  reachable = true
  mock.timers.tick(5000)
  const useless = await greeted(accept)
  let next = loss()
  useless.socket.end()
  await next
  mock.timers.tick(4999)
  await settle()
  t.equal(attempts, 10, 'a stream that was of no use counts as a failure')
  mock.timers.tick(1)
  const useful = await greeted(accept)
  useful.send({ type: 'registered', leaseMs: 30_000 })
  useful.send({ type: 'ping' })
  await useful.next()
  next = loss()
  useful.socket.end()
  await next
  mock.timers.tick(100)
  await greeted(accept)
  t.equal(attempts, 12)
})

t.test('a control plane that falls silent is left', async t => {
  const { accept, losses, streams } = await start(t, { silenceMs: 30 })
  const peer = await greeted(accept)
  const [stream] = streams
  await peer.closed
  t.equal(stream?.destroyed, true)
  await greeted(accept)
  t.match(losses, [{ message: /nothing heard .* for 30 ms/ }])
})

t.test('the lease says how long silence may last, and every message breaks it', async t => {
  mockTime(t)
  const { accept, streams } = await start(t)
  const peer = await greeted(accept)
  const stream = streams[0] as ControlStream
  const ping = async (): Promise<void> => {
    peer.send({ type: 'ping' })
    await peer.nextOf('pong')
  }
  mock.timers.tick(29_999)
  t.equal(stream.destroyed, false)
  peer.send({ type: 'registered', leaseMs: 900 })
  await ping()
  mock.timers.tick(899)
  await ping()
  mock.timers.tick(899)
  t.equal(stream.destroyed, false)
  mock.timers.tick(1)
  t.equal(stream.destroyed, true)
})

t.test('a renewal asks over the live stream and gets the next certificate', async t => {
  const { client, accept } = await start(t)
  await t.rejects(client.renew(request), { message: /not connected/ })
  const peer = await greeted(accept)
  const renewal = client.renew(request)
  t.strictSame(await peer.next(), {
    type: 'sign',
    publicKey: 'key',
    proof: `proof of ${keyingMaterial.toString()}`,
  })
  await t.rejects(client.renew(request), { message: /under way/ })
  peer.send(signed)
  t.strictSame(await renewal, signed)
  const second = client.renew(request)
  peer.send(signed)
  t.strictSame(await second, signed)
})

t.test('a renewal that is refused, or meets the end of the stream, fails', async t => {
  const { client, accept } = await start(t)
  const peer = await greeted(accept)
  const refused = client.renew(request)
  peer.send({ type: 'refused', reason: 'not any more', fatal: false })
  await t.rejects(refused, { name: 'RefusedError', message: 'not any more' })
  t.equal(client.connected, true)
  const cut = client.renew(request)
  peer.socket.end()
  await t.rejects(cut, { message: /ended/ })
})

t.test('a renewal without an answer fails after ten seconds', async t => {
  mockTime(t)
  const { client, accept } = await start(t)
  await greeted(accept)
  let failed = false
  const renewal = client.renew(request).catch((error: unknown) => {
    failed = true
    return error
  })
  mock.timers.tick(9999)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(failed, false)
  mock.timers.tick(1)
  t.match(await renewal, { message: /no answer/ })
})

t.test('a renewal whose key cannot be proven fails, and the next one may go', async t => {
  const { client, accept } = await start(t)
  const peer = await greeted(accept)
  const broken = {
    ...request,
    prove: () => {
      throw new Error('no key')
    },
  }
  await t.rejects(client.renew(broken), { message: 'no key' })
  const renewal = client.renew(request)
  peer.send(signed)
  t.strictSame(await renewal, signed)
})

t.test('a fatal refusal ends the stream with its reason, and the next one is tried', async t => {
  const { accept, losses } = await start(t)
  const peer = await greeted(accept)
  peer.send({ type: 'refused', reason: 'not admitted', fatal: true })
  await greeted(accept)
  t.match(losses, [{ name: 'RefusedError', message: 'not admitted' }])
})

t.test('leaving is told, and its outcome is the answer', async t => {
  const { client, accept } = await start(t)
  const peer = await greeted(accept)
  const left = client.leave(10_000)
  t.strictSame(await peer.next(), { type: 'leave' })
  peer.send({ type: 'left', acked: true })
  t.equal(await left, true)
  const again = client.leave(10_000)
  peer.send({ type: 'left', acked: false })
  t.equal(await again, false)
})

t.test('leaving ends in bounded time, whatever happens', async t => {
  const { client, accept } = await start(t)
  t.equal(await client.leave(60_000), false, 'without a stream')
  const peer = await greeted(accept)
  t.equal(await client.leave(5), false, 'without an answer')
  const cut = client.leave(10_000)
  peer.socket.destroy()
  t.equal(await cut, false, 'with the end of the stream')
})

t.test('once leaving, it comes back only to say so again', async t => {
  const { client, accept } = await start(t)
  const peer = await greeted(accept)
  void client.leave(10_000)
  peer.socket.destroy()
  const second = await accept()
  await second.nextOf('hello')
  t.strictSame(await second.next(), { type: 'leave' })
  client.setReady(true)
  second.send({ type: 'ping' })
  t.match(await second.next(), { type: 'pong' }, 'readiness counts no more')
})

t.test('once closed it neither applies nor comes back', async t => {
  mockTime(t)
  const { client, peer, taken, applied, losses, streams } = await startTaking(t)
  peer.send({ type: 'ping' })
  await peer.nextOf('pong')
  const left = client.leave(10_000)
  const renewal = client.renew(request)
  renewal.catch(() => {})
  client.close()
  t.equal(client.connected, false)
  taken.resolve([])
  await peer.closed
  t.equal(await left, false)
  await t.rejects(renewal)
  mock.timers.tick(60_000)
  await settle()
  t.equal(streams.length, 1)
  t.strictSame(losses, [])
  t.strictSame(applied, [one.version])
})

t.test('closed while it connects, it closes the connection', async t => {
  const { connect, accept } = await listenForPeers(t)
  const opened = Promise.withResolvers<void>()
  const { client } = await start(t, {
    connect: async () => {
      const stream = await connect()
      await opened.promise
      return stream
    },
  })
  const peer = await accept()
  client.close()
  opened.resolve()
  await peer.closed
  t.strictSame(peer.unread, [])
})

t.test('garbage from the control plane ends the stream, not the client', async t => {
  const { accept, losses } = await start(t)
  for (const garbage of ['no\n', '{"type":"push"}\n', '{"type":"__proto__"}\n', 'null\n']) {
    const peer = await greeted(accept)
    peer.write(garbage)
    await peer.closed
  }
  await greeted(accept)
  t.equal(losses.length, 4)
  t.ok(losses.every(loss => loss?.name === 'ProtocolError'))
})

t.test('a stream that had broken when it was handed over is opened again', async t => {
  const { connect, accept } = await listenForPeers(t)
  let attempts = 0
  const { client } = await start(t, {
    connect: async () => {
      const stream = await connect()
      if (++attempts > 1) return stream
      stream.destroy()
      await once(stream, 'close')
      return stream
    },
  })
  await accept()
  await greeted(accept)
  t.equal(client.connected, true)
})

t.test('what the last stream brought is settled before the next one opens', async t => {
  mockTime(t)
  const lost = Promise.withResolvers<unknown>()
  const { accept, peer, taken, applied, streams } = await startTaking(t, {
    onDisconnect: lost.resolve,
  })
  peer.send({ type: 'ping' })
  await peer.nextOf('pong')
  peer.socket.destroy()
  await lost.promise
  mock.timers.tick(5000)
  await settle()
  t.equal(streams.length, 1)
  taken.resolve([])
  const second = await accept()
  t.match(await second.next(), { type: 'hello', version: one.version })
  t.strictSame(applied, [one.version], 'and what had not begun is left')
})

const registered = { type: 'registered', leaseMs: 30_000 }
const able = { ...registered, features: ['activation'] }

/** With what the client tells of activations. */
async function startAsking(t: Test, options: Partial<SubscriptionClientOptions> = {}) {
  const events: object[] = []
  const started = await start(t, { onActivation: event => events.push(event), ...options })
  return { ...started, events }
}

t.test(
  'a control plane that can start functions is asked to, and what it says passed on',
  async t => {
    const { client, accept, events } = await startAsking(t)
    const peer = await greeted(accept)
    peer.send(able)
    await settle()
    t.strictSame(events, [{ type: 'link', state: 'ready' }])
    client.activate('echo.default', 2)
    t.strictSame(await peer.next(), { type: 'activate', function: 'echo.default', waiting: 2 })
    const load = { function: 'echo.default', active: 0.5, queued: 0, ready: 1 }
    t.equal(client.reportLoad(load), true)
    t.strictSame(await peer.next(), { type: 'load', ...load })
    const activation = {
      type: 'activation',
      function: 'echo.default',
      state: 'starting',
      coldMs: 9,
    }
    peer.send(activation)
    await settle()
    t.strictSame(events[1], activation)
  },
)

t.test('one of an older version is told nothing that it does not know', async t => {
  const { client, accept, events } = await startAsking(t)
  const peer = await greeted(accept)
  client.activate('echo.default', 1)
  peer.send(registered)
  await settle()
  t.strictSame(events, [{ type: 'link', state: 'unsupported' }])
  client.activate('echo.default', 1)
  t.equal(client.reportLoad({ function: 'a.b', active: 1, queued: 0, ready: 1 }), false)
  peer.send({ type: 'ping' })
  t.strictSame(await peer.next(), { type: 'pong' }, 'and nothing before that')
})

t.test('the loss of the stream is told, and that there is another', async t => {
  const { accept, events } = await startAsking(t)
  const first = await greeted(accept)
  first.send(able)
  await settle()
  first.socket.destroy()
  const second = await greeted(accept)
  second.send(able)
  await settle()
  t.strictSame(events, [
    { type: 'link', state: 'ready' },
    { type: 'link', state: 'away' },
    { type: 'link', state: 'ready' },
  ])
})

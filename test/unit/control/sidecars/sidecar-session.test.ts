import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { wallNow } from '../../../../src/base/clock.ts'
import { createJoinToken } from '../../../../src/control/join-token.ts'
import { AttestationPostponed } from '../../../../src/control/sidecars/attestor.ts'
import type { Push } from '../../../../src/discovery/message.ts'
import { KeyRequest } from '../../../../src/identity/key-request.ts'
import { proofMaterial } from '../../../../src/discovery/control-stream.ts'
import { eventually } from '../../../support/mesh.ts'
import { mockTime } from '../../../support/mock-time.ts'
import type { WaitingCaller } from '../../../../src/control/scaling/function-scaler.ts'
import { functionLabel } from '../../../../src/model/function/function.ts'
import {
  connectPeer,
  helloOf,
  joinAs,
  startPushPort,
  startSidecar,
  type PushPortOptions,
} from './push-port.ts'

const register = {
  type: 'register',
  address: '127.0.0.1',
  ports: [80],
  meshPort: 15_008,
  ready: true,
}

t.test('a registration shows up at the others, as its token says and not it itself', async t => {
  const port = await startPushPort(t)
  const web = await startSidecar(t, port, 'web')
  await eventually(() => web.endpoints('orders'), Boolean)
  t.strictSame(web.endpoints('orders'), [])
  const identity = await joinAs(t, port, 'orders')
  const orders = await connectPeer(t, port, identity)
  orders.send(helloOf('orders'))
  orders.send({ ...register, labels: { app: 'users' }, identity: 'spiffe://weft.local/other' })
  const endpoints = await eventually(
    () => web.endpoints('orders'),
    list => list?.length === 1,
  )
  t.match(endpoints, [
    { address: '127.0.0.1', port: 80, mesh: { port: 15_008, identity: identity.uri } },
  ])
  t.strictSame(web.endpoints('users'), [])
})

t.test('readiness is what the others see, and comes back', async t => {
  const port = await startPushPort(t)
  const web = await startSidecar(t, port, 'web')
  const orders = await startSidecar(t, port, 'orders', { ready: false })
  await eventually(() => port.status('orders')?.address, Boolean)
  await eventually(() => web.endpoints('orders'), Boolean)
  t.strictSame(web.endpoints('orders'), [])
  for (const ready of [true, false, true]) {
    orders.client.setReady(ready)
    await eventually(
      () => web.endpoints('orders')?.length,
      length => length === (ready ? 1 : 0),
    )
  }
})

/** Two sidecars; the first knows of the second, and takes nothing over any more once it is told to hold. */
async function startHolding(t: Test, passTime = () => {}) {
  const port = await startPushPort(t)
  const held: (() => void)[] = []
  let known = 0
  let hold = false
  await startSidecar(t, port, 'web', {
    apply: snapshot => {
      if (hold) return new Promise(resolve => held.push(() => resolve([])))
      known = snapshot.endpoints['orders.default:80']?.length ?? 0
      return []
    },
  })
  const orders = await startSidecar(t, port, 'orders')
  const isSynced = () => known === 1 && port.status('web')?.synced
  await eventually(() => (passTime(), isSynced()), Boolean)
  hold = true
  const isHeld = () => eventually(() => (passTime(), held.length), Boolean)
  return { port, orders, held, isHeld }
}

/** Whatever is on its way arrives. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn()
}

t.test('leaving is acked when all others have acked it, and ends the registration', async t => {
  const { port, orders, held, isHeld } = await startHolding(t)
  let left: boolean | undefined
  const leaving = orders.client.leave(60_000).then(acked => (left = acked))
  await isHeld()
  await settle()
  t.equal(left, undefined)
  t.equal(port.status('orders')?.ready, false)
  held[0]?.()
  t.equal(await leaving, true)
  t.ok(port.status('orders')?.address, 'its stream is open, and with it the registration')
  orders.client.close()
  await eventually(() => port.status('orders') === undefined, Boolean)
})

t.test('leaving ends in two seconds when another does not ack it', async t => {
  mockTime(t)
  let passedMs = 0
  const { orders, isHeld } = await startHolding(t, () => {
    passedMs++
    mock.timers.tick(1)
  })
  passedMs = 0
  let left: boolean | undefined
  const leaving = orders.client.leave(60_000).then(acked => (left = acked))
  await isHeld()
  mock.timers.tick(1999 - passedMs)
  await settle()
  t.equal(left, undefined)
  mock.timers.tick(1 + passedMs)
  t.equal(await leaving, false)
})

t.test('however often it is asked, it leaves once', async t => {
  const port = await startPushPort(t)
  const identity = await joinAs(t, port, 'orders')
  const peer = await connectPeer(t, port, identity)
  peer.send(helloOf('orders'))
  peer.send(register)
  await peer.nextOf('registered')
  for (let count = 0; count < 100; count++) peer.send({ type: 'leave' })
  peer.send(register)
  peer.send({ type: 'ready', ready: true })
  await peer.nextOf('left')
  peer.send({ type: 'sign', publicKey: 'AAAA', proof: 'AAAA' })
  await peer.nextOf('refused')
  t.strictSame(peer.unread, [])
  t.equal(port.status('orders')?.ready, false)
})

t.test('a sidecar that is killed is gone with its lease, not before', async t => {
  const port = await startPushPort(t, { leaseMs: 300 })
  const web = await startSidecar(t, port, 'web')
  const orders = await startSidecar(t, port, 'orders')
  await eventually(() => web.endpoints('orders')?.length, Boolean)
  const killed = wallNow()
  orders.client.close()
  await eventually(() => port.status('orders')?.connected === false, Boolean)
  t.equal(port.status('orders')?.ready, true)
  t.equal(web.endpoints('orders')?.length, 1)
  await eventually(
    () => web.endpoints('orders')?.length,
    length => length === 0,
  )
  t.ok(wallNow() - killed >= 190, 'from the last word on')
  t.equal(port.status('web')?.ready, true, 'whoever answers pings keeps its lease')
  t.strictSame(web.losses, [])
})

t.test('a nack is shown, counted and logged with every problem', async t => {
  const port = await startPushPort(t)
  const problems = [1, 2, 3].map(index => ({ path: `clusters.${index}`, message: 'no' }))
  let refuse = false
  await startSidecar(t, port, 'web', { apply: () => (refuse ? problems : []) })
  await eventually(() => port.status('web')?.synced, Boolean)
  const { ackedVersion } = port.status('web') ?? {}
  refuse = true
  const orders = await startSidecar(t, port, 'orders')
  const status = await eventually(
    () => port.status('web'),
    sidecar => sidecar?.rejection !== undefined,
  )
  t.match(status, { synced: false, ackedVersion, rejection: { problems } })
  t.equal(port.counters.nacks, 1)
  t.match(port.warnings, [{ problems, version: status?.rejection?.version }])
  refuse = false
  orders.client.setReady(false)
  await eventually(() => port.status('web')?.synced, Boolean)
  t.equal(port.status('web')?.rejection, undefined)
})

t.test('an answer to a push that was never sent is neither counted nor logged', async t => {
  const port = await startPushPort(t)
  const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
  peer.send(helloOf('web'))
  const push = await peer.nextOf<Push>('push')
  for (let nonce = 100; nonce < 200; nonce++) {
    peer.send({ type: 'nack', nonce, version: 'v', problems: [] })
    peer.send({ type: 'ack', nonce, version: 'v' })
  }
  peer.send({ type: 'ack', nonce: push.nonce, version: push.version })
  await eventually(() => port.status('web')?.synced, Boolean)
  t.strictSame([port.counters.acks, port.counters.nacks, port.warnings.length], [1, 0, 0])
})

t.test('a sidecar that does not answer a push is cut off after a lease', async t => {
  const port = await startPushPort(t, { leaseMs: 200 })
  const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
  peer.send(helloOf('web'))
  await peer.nextOf('push')
  const pongs = setInterval(() => peer.send({ type: 'pong' }), 20)
  t.teardown(() => clearInterval(pongs))
  await peer.closed
  t.equal(port.counters.stalled, 1)
  await eventually(() => port.status('web') === undefined, Boolean)
})

t.test('a sidecar that is silent is cut off after a lease', async t => {
  const port = await startPushPort(t, { leaseMs: 200 })
  const identity = await joinAs(t, port, 'web')
  const peer = await connectPeer(t, port, identity)
  const mute = await connectPeer(t, port, identity)
  peer.send(helloOf('web'))
  const push = await peer.nextOf<Push>('push')
  peer.send({ type: 'ack', nonce: push.nonce, version: push.version })
  t.strictSame(await peer.next(), { type: 'ping' })
  await Promise.all([peer.closed, mute.closed])
  t.equal(port.counters.stalled, 0)
})

t.test('a sidecar that does not read is not read, and does not slow the others', async t => {
  const port = await startPushPort(t)
  const slow = await connectPeer(t, port, await joinAs(t, port, 'slow'))
  slow.socket.pause()
  slow.send(helloOf('slow'))
  const flood = Buffer.from(`${JSON.stringify(register)}\n`.repeat(500))
  let sent = 0
  // The kernel takes some of questions and answers; then nothing moves any more.
  while (slow.socket.writableLength < 4_000_000 && sent < 200_000_000) {
    slow.write(flood)
    sent += flood.length
    await turn()
  }
  t.ok(slow.socket.writableLength > 0, `${sent} bytes were taken`)
  const web = await startSidecar(t, port, 'web')
  await startSidecar(t, port, 'orders')
  await eventually(() => web.endpoints('orders')?.length, Boolean)
})

t.test('another stream of the same sidecar takes the place of the first', async t => {
  const port = await startPushPort(t)
  const identity = await joinAs(t, port, 'web')
  const first = await connectPeer(t, port, identity)
  first.send(helloOf('web'))
  first.send(register)
  await first.nextOf('registered')
  first.send({ type: 'leave' })
  await first.nextOf('left')
  const second = await connectPeer(t, port, identity)
  second.send(helloOf('web'))
  second.send(register)
  await second.nextOf('registered')
  await first.closed
  t.match(port.status('web'), { connected: true, ready: true })
})

t.test('the certificate is renewed over the live stream, for the same identity', async t => {
  const port = await startPushPort(t)
  const { client, identity } = await startSidecar(t, port, 'web')
  await eventually(() => client.version, Boolean)
  const request = await KeyRequest.create()
  const { chain, bundle } = await client.renew(request)
  const renewed = request.complete(chain, bundle)
  t.equal(renewed.uri, identity.uri)
  t.notOk(renewed.privateKey.equals(identity.privateKey))
  t.equal(client.connected, true)
  t.equal(port.counters.certificates, 2)
})

t.test('a request to sign that is wrong is refused and ends nothing but itself', async t => {
  const port = await startPushPort(t)
  const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
  const { publicKey } = await KeyRequest.create()
  peer.send(helloOf('web'))
  peer.send({ type: 'sign', publicKey, proof: 'AAAA' })
  t.match(await peer.nextOf('refused'), { reason: /proof/, fatal: false })
  const good = await KeyRequest.create()
  const sign = {
    type: 'sign',
    publicKey: good.publicKey,
    proof: good.prove(proofMaterial(peer.socket)),
  }
  peer.write(`${JSON.stringify(sign)}\n`.repeat(2))
  t.match(await peer.nextOf('refused'), { reason: /under way/, fatal: false })
  t.match(await peer.nextOf('signed'), {})
  t.equal(port.counters.refused, 2)
})

t.test('a sidecar that is not admitted under this name is told so', async t => {
  const port = await startPushPort(t)
  await joinAs(t, port, 'orders')
  const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
  peer.send(helloOf('orders'))
  t.match(await peer.next(), {
    type: 'refused',
    reason: /sa\/web was not admitted as default\/orders/,
    fatal: true,
  })
  await peer.closed
  t.equal(port.status('orders'), undefined)
})

const early: Record<string, object[]> = {
  'a registration before hello': [register],
  'an answer before hello': [{ type: 'ack', nonce: 1, version: 'v' }],
  'a request to sign before hello': [{ type: 'sign', publicKey: 'AAAA', proof: 'AAAA' }],
  'a second hello': [helloOf('web'), helloOf('web')],
  'another protocol': [{ ...helloOf('web'), protocol: 2 }],
  'a malformed message': [helloOf('web'), { type: 'ready', ready: 1 }],
}

for (const [what, messages] of Object.entries(early))
  t.test(`${what} ends the stream with a reason`, async t => {
    const port = await startPushPort(t)
    const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
    for (const message of messages) peer.send(message)
    t.match(await peer.nextOf('refused'), { reason: /./, fatal: true })
    await peer.closed
    t.equal(port.counters.protocolErrors + port.counters.refused, 1)
  })

t.test('without a certificate there is nothing but a token to come with', async t => {
  const port = await startPushPort(t)
  for (const message of [helloOf('web'), register, { type: 'pong' }]) {
    const peer = await connectPeer(t, port)
    peer.send(message)
    t.match(await peer.next(), { type: 'refused', reason: /certificate/, fatal: true })
    await peer.closed
  }
  const guesser = await connectPeer(t, port)
  const request = await KeyRequest.create()
  const proof = request.prove(proofMaterial(guesser.socket))
  guesser.send({ type: 'sign', publicKey: request.publicKey, proof, token: 'x'.repeat(43) })
  t.match(await guesser.next(), { type: 'refused', reason: /token/, fatal: true })
  await guesser.closed
  t.equal(port.counters.certificates, 0)
})

t.test('a stranger is given ten seconds', async t => {
  mockTime(t)
  const port = await startPushPort(t)
  const quiet = await connectPeer(t, port)
  // Once this one is answered, the first has been accepted.
  const other = await connectPeer(t, port)
  other.send({ type: 'sign', publicKey: 'AAAA', proof: 'AAAA', token: '' })
  await other.nextOf('refused')
  mock.timers.tick(9999)
  await settle()
  t.equal(quiet.socket.readableEnded, false)
  mock.timers.tick(1)
  await quiet.closed
})

t.test('a stranger is not listened to for long lines', async t => {
  const port = await startPushPort(t)
  const peer = await connectPeer(t, port)
  peer.write('x'.repeat(10_000))
  await peer.closed
  t.equal(port.counters.protocolErrors, 1)
})

t.test('a failure of ours refuses the request, and is logged', async t => {
  const port = await startPushPort(t)
  const token = await createJoinToken(port.stateDirectory, {
    namespace: 'default',
    name: 'web',
    serviceAccount: 'web',
    labels: {},
    expiresAt: wallNow() + 60_000,
  })
  port.authority.issue = () => Promise.reject(new Error('out of order'))
  const peer = await connectPeer(t, port)
  const request = await KeyRequest.create()
  const proof = request.prove(proofMaterial(peer.socket))
  peer.send({ type: 'sign', publicKey: request.publicKey, proof, token })
  t.match(await peer.next(), { type: 'refused', reason: 'the control plane failed' })
  t.match(port.errors, [{ error: { message: 'out of order' } }])
})

t.test('who cannot be known now is not refused: the stream ends without a word', async t => {
  let asked = 0
  const attest = () => {
    asked++
    return Promise.reject(new AttestationPostponed('the API server cannot be asked'))
  }
  const port = await startPushPort(t, { attestors: [{ attest }] })
  const peer = await connectPeer(t, port)
  const request = await KeyRequest.create()
  const proof = request.prove(proofMaterial(peer.socket))
  // As long as the token of a service account gets.
  const token = `${'a'.repeat(1500)}.${'b'.repeat(1500)}.${'c'.repeat(1000)}`
  peer.send({ type: 'sign', publicKey: request.publicKey, proof, token })
  await peer.closed
  t.equal(asked, 1)
  t.strictSame(peer.unread, [])
  t.equal(port.counters.refused, 0)
  t.strictSame(port.errors, [])
})

/** What reaches the scaler. */
function recordingScaler() {
  const calls: unknown[][] = []
  const callers: WaitingCaller[] = []
  const scaler: PushPortOptions['scaler'] = {
    activate: (caller, message) => {
      callers.push(caller)
      calls.push(['activate', message])
    },
    load: (workload, message) => calls.push(['load', workload, message]),
    disconnected: (caller, workload, hosted) =>
      calls.push(['disconnected', callers.indexOf(caller), workload, hosted]),
  }
  return { calls, callers, scaler }
}

t.test('a sidecar in which requests wait is heard, answered, and forgotten', async t => {
  const { calls, callers, scaler } = recordingScaler()
  const port = await startPushPort(t, { scaler })
  const peer = await connectPeer(t, port, await joinAs(t, port, 'web'))
  peer.send(helloOf('web'))
  peer.send(register)
  t.match(await peer.nextOf('registered'), { features: ['activation'] })
  const activate = { type: 'activate', function: 'echo.default', waiting: 2 }
  peer.send(activate)
  await eventually(() => callers.length, Boolean)
  t.strictSame(calls, [['activate', activate]])
  callers[0]?.send({ type: 'activation', function: 'echo.default', state: 'starting' })
  t.match(await peer.nextOf('activation'), { state: 'starting' })
  peer.socket.destroy()
  await eventually(() => calls.length === 2, Boolean)
  t.match(calls[1], ['disconnected', 0, { namespace: 'default', name: 'web' }, undefined])
})

t.test('a sidecar speaks for the function of its token only', async t => {
  const { calls, scaler } = recordingScaler()
  const port = await startPushPort(t, { scaler })
  const identity = await joinAs(t, port, 'echo-0', { [functionLabel]: 'echo' })
  const peer = await connectPeer(t, port, identity)
  peer.send(helloOf('echo-0'))
  const load = { type: 'load', active: 1, queued: 0, ready: 1 }
  peer.send({ ...load, function: 'other.default' })
  peer.send({ ...load, function: 'echo.other' })
  peer.send({ ...load, function: 'echo.default' })
  await eventually(() => calls.length, Boolean)
  t.match(calls, [['load', { name: 'echo-0' }, { function: 'echo.default' }]])
  peer.socket.destroy()
  await eventually(() => calls.length === 2, Boolean)
  t.match(calls[1], ['disconnected', -1, { name: 'echo-0' }, 'echo'])
})

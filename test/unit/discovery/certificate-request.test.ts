import { once } from 'node:events'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import {
  RefusedError,
  requestIdentity,
  type IdentityRequestOptions,
} from '../../../src/discovery/certificate-request.ts'
import { mockTime } from '../../support/mock-time.ts'
import { keyingMaterial, listenForPeers } from './scripted-peer.ts'

const signed = { type: 'signed', chain: 'chain', bundle: 'bundle' } as const

async function ask(t: Test, options: Partial<IdentityRequestOptions> = {}) {
  const { connect, accept } = await listenForPeers(t)
  const abort = new AbortController()
  const failures: Error[] = []
  const answer = requestIdentity({
    connect,
    token: () => Promise.resolve('token'),
    request: { publicKey: 'key', prove: material => `proof of ${material.toString()}` },
    random: () => 0,
    signal: abort.signal,
    onFailure: error => failures.push(error as Error),
    ...options,
  })
  // Whoever awaits it meets the rejection all the same.
  answer.catch(() => {})
  return { answer, accept, abort, failures }
}

t.test(
  'the request carries key, proof of possession and token, and gets a certificate',
  async t => {
    const { answer, accept, failures } = await ask(t)
    const peer = await accept()
    t.strictSame(await peer.next(), {
      type: 'sign',
      publicKey: 'key',
      proof: `proof of ${keyingMaterial.toString()}`,
      token: 'token',
    })
    peer.send({ type: 'ping' })
    peer.send(signed)
    t.strictSame(await answer, signed)
    await peer.closed
    t.strictSame(failures, [])
  },
)

t.test('a refusal is final', async t => {
  const { answer, accept } = await ask(t)
  const peer = await accept()
  peer.send({ type: 'refused', reason: 'the token is used', fatal: true })
  await t.rejects(answer, new RefusedError('the token is used'))
  await peer.closed
})

t.test('whatever else goes wrong, it asks again', async t => {
  const { answer, accept, failures } = await ask(t)
  const first = await accept()
  first.socket.end()
  const second = await accept()
  second.socket.resetAndDestroy()
  const third = await accept()
  third.write('garbage\n')
  const last = await accept()
  last.send(signed)
  t.strictSame(await answer, signed)
  t.match(
    failures.map(({ message }) => message),
    [/closed the stream/, /ECONNRESET/, /not JSON/],
  )
})

t.test('it tries until a connection comes about', async t => {
  const { connect, accept } = await listenForPeers(t)
  let attempts = 0
  const { answer, failures } = await ask(t, {
    connect: () => (++attempts < 3 ? Promise.reject(new Error('no')) : connect()),
  })
  const peer = await accept()
  peer.send(signed)
  t.strictSame(await answer, signed)
  t.equal(failures.length, 2)
})

t.test('a control plane that does not answer is given ten seconds', async t => {
  mockTime(t)
  const { connect, accept } = await listenForPeers(t)
  const stream = await connect()
  const failed = Promise.withResolvers<unknown>()
  const { abort } = await ask(t, {
    connect: () => Promise.resolve(stream),
    onFailure: failed.resolve,
  })
  const peer = await accept()
  await peer.next()
  mock.timers.tick(9999)
  t.equal(stream.destroyed, false)
  mock.timers.tick(1)
  t.equal(stream.destroyed, true)
  t.match(await failed.promise, { message: /no answer/ })
  abort.abort()
})

t.test('an abort before it begins leaves the control plane alone', async t => {
  const { answer } = await ask(t, {
    signal: AbortSignal.abort(new Error('stop')),
    connect: () => Promise.reject(t.fail('connected') as never),
  })
  await t.rejects(answer, { message: 'stop' })
})

t.test('an abort while it asks closes the stream at once', async t => {
  const { connect, accept } = await listenForPeers(t)
  const stream = await connect()
  const { answer, abort } = await ask(t, { connect: () => Promise.resolve(stream) })
  const peer = await accept()
  await peer.next()
  abort.abort(new Error('stop'))
  t.equal(stream.destroyed, true)
  await t.rejects(answer, { message: 'stop' })
})

t.test('an abort while it waits ends the wait', async t => {
  const failed = Promise.withResolvers<unknown>()
  const { answer, abort } = await ask(t, {
    connect: () => Promise.reject(new Error('no')),
    onFailure: failed.resolve,
  })
  await failed.promise
  abort.abort()
  await t.rejects(answer, { code: 'ABORT_ERR' })
})

t.test('an abort while it connects closes the connection, and asks nothing', async t => {
  const { connect, accept } = await listenForPeers(t)
  const opened = Promise.withResolvers<void>()
  const { answer, abort } = await ask(t, {
    connect: async () => {
      const stream = await connect()
      await opened.promise
      return stream
    },
  })
  const peer = await accept()
  abort.abort(new Error('stop'))
  opened.resolve()
  await t.rejects(answer, { message: 'stop' })
  await peer.closed
  t.strictSame(peer.unread, [])
})

t.test('a stream that broke before it was used is a failure like others', async t => {
  const { connect, accept } = await listenForPeers(t)
  let attempts = 0
  const { answer, failures } = await ask(t, {
    connect: async () => {
      const stream = await connect()
      if (++attempts > 1) return stream
      stream.destroy()
      await once(stream, 'close')
      // As a TLS socket without a handle does.
      const exportKeyingMaterial = (): Buffer => {
        throw new TypeError('no handle')
      }
      return Object.assign(stream, { exportKeyingMaterial })
    },
  })
  await accept()
  const peer = await accept()
  peer.send(signed)
  t.strictSame(await answer, signed)
  t.match(failures, [{ message: 'no handle' }])
})

t.test('the token is read again for each attempt', async t => {
  const tokens = ['first', 'second']
  const { answer, accept } = await ask(t, {
    token: () => Promise.resolve(tokens.shift() ?? 'no more'),
  })
  const first = await accept()
  t.match(await first.next(), { token: 'first' })
  first.socket.end()
  const second = await accept()
  t.match(await second.next(), { token: 'second' })
  second.send(signed)
  t.strictSame(await answer, signed)
})

t.test('a token that cannot be read is final', async t => {
  const { answer } = await ask(t, {
    token: () => Promise.reject(new Error('no such file')),
    connect: () => Promise.reject(t.fail('connected') as never),
  })
  await t.rejects(answer, { message: 'no such file' })
})

t.test('without a token nothing is said of one', async t => {
  const { connect, accept } = await listenForPeers(t)
  const answer = requestIdentity({
    connect,
    request: { publicKey: 'key', prove: () => 'proof' },
    random: () => 0,
    signal: new AbortController().signal,
    onFailure: error => t.fail(String(error)),
  })
  const peer = await accept()
  t.strictSame(await peer.next(), { type: 'sign', publicKey: 'key', proof: 'proof' })
  peer.send(signed)
  t.strictSame(await answer, signed)
})

import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { CloudRequest } from '../../../../../src/functions/cloud/transport/cloud-client.ts'
import { readBody } from '../../../../../src/functions/cloud/transport/bounded-body.ts'
import { isSecure } from '../../../../../src/base/secure-origin.ts'
import { CloudClient } from '../../../../../src/functions/cloud/transport/cloud-client.ts'
import { Deadline } from '../../../../../src/functions/cloud/transport/deadline.ts'
import {
  cloudClient,
  deadUrl,
  fakeCloud,
  selfSigned,
} from '../../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal

function get(origin: string, overrides: Partial<CloudRequest> = {}): CloudRequest {
  return { method: 'GET', origin, path: '/', headers: [], signal: never, ...overrides }
}

t.test('what is sent is what was asked for, to the byte', async t => {
  const cloud = await fakeCloud(t, () => ({ headers: { 'set-cookie': ['a', 'b'] }, body: 'hi' }))
  const answer = await cloudClient(t).send(
    get(cloud.url, {
      method: 'POST',
      path: '/a/../b%2F?x=%20&y',
      headers: [['x-one', '1']],
      body: Buffer.from('body'),
    }),
  )
  t.equal(answer.status, 200)
  const cookies = answer.headers.filter(([name]) => name === 'set-cookie')
  t.same(cookies, [
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ])
  t.equal(String(await readBody(answer.body, 10, 'x')), 'hi')
  t.match(cloud.asked[0], { url: '/a/../b%2F?x=%20&y', headers: { 'x-one': '1' } })
  t.equal(String(cloud.asked[0]?.body), 'body')
})

t.test('a redirect is an answer, and not followed', async t => {
  const cloud = await fakeCloud(t, () => ({ status: 302, headers: { location: '/other' } }))
  const answer = await cloudClient(t).send(get(cloud.url))
  answer.body.destroy()
  t.equal(answer.status, 302)
  t.equal(cloud.asked.length, 1)
})

t.test('plain HTTP goes to this machine alone, unless it is allowed', async t => {
  const client = cloudClient(t)
  await t.rejects(client.send(get('http://example.com')), { code: 'bad_request', unsent: true })
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '[::1]'])
    t.ok(isSecure(`http://${host}:1`, false), host)
  for (const host of ['10.0.0.1', '127.0.0.1.example.com', 'localhost.example', '0.0.0.0'])
    t.notOk(isSecure(`http://${host}`, false), host)
  t.ok(isSecure('http://example.com', true))
  t.notOk(isSecure('ftp://127.0.0.1', true))
})

t.test('who can not be reached was not sent anything', async t => {
  const error = { code: 'connect_failed', unsent: true }
  await t.rejects(cloudClient(t).send(get(await deadUrl())), error)
})

t.test('a certificate that nobody vouches for ends the connection', async t => {
  const { url, authority, asked } = await tlsServer(t)
  const error = { code: 'connect_failed', unsent: true }
  await t.rejects(cloudClient(t).send(get(url)), error)
  const trusting = new CloudClient({ authorities: [authority] })
  t.teardown(() => trusting.close())
  const answer = await trusting.send(get(url))
  t.equal(String(await readBody(answer.body, 10, 'x')), 'secure')
  await t.rejects(trusting.send(get(url.replace('localhost', '127.0.0.1'))), error)
  t.equal(asked(), 1)
})

async function tlsServer(t: Test) {
  const { key, certificate } = await selfSigned('localhost')
  let count = 0
  const server = createTlsServer({ key, cert: certificate }, (_request, response) => {
    count++
    response.end('secure')
  })
  await new Promise<void>(resolve => server.listen(0, resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `https://localhost:${port}`, authority: certificate, asked: () => count }
}

t.test('a connection that dies after the request may have had it', async t => {
  const cloud = await fakeCloud(t, () => 'reset')
  const sent = cloudClient(t).send(get(cloud.url, { method: 'POST', body: Buffer.from('x') }))
  await t.rejects(sent, { code: 'reset', unsent: false })
})

t.test('an answer that is no HTTP is told', async t => {
  for (const text of ['garbage\r\n\r\n', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`]) {
    const server = createServer(socket => socket.on('error', () => {}).end(text))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await t.rejects(cloudClient(t).send(get(`http://127.0.0.1:${port}`)), { code: 'protocol' })
    server.close()
  }
})

t.test('a deadline ends the wait for an answer, and for a connection', async t => {
  const cloud = await fakeCloud(t, () => 'silence')
  const client = cloudClient(t, { connectTimeoutMs: 300 })
  const deadline = new Deadline(20, never)
  await t.rejects(client.send(get(cloud.url, { signal: deadline.signal })), { code: 'timeout' })
  // It accepts, and says nothing of TLS.
  const mute = createServer(socket => socket.on('error', () => {}))
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  t.teardown(() => mute.close())
  const { port } = mute.address() as AddressInfo
  const connecting = new Deadline(20, never)
  const unconnected = client.send(get(`https://127.0.0.1:${port}`, { signal: connecting.signal }))
  await t.rejects(unconnected, { code: 'timeout' })
  const passed = new Deadline(0, never)
  const late = client.send(get(cloud.url, { signal: passed.signal }))
  await t.rejects(late, { code: 'timeout' })
})

t.test('headers and paths that would split the request are refused', async t => {
  const cloud = await fakeCloud(t, () => ({}))
  const client = cloudClient(t)
  for (const bad of [{ path: '/a b' }, { headers: [['x', 'a\r\nb: c']] as const }])
    await t.rejects(client.send(get(cloud.url, bad)), { code: 'bad_request', unsent: true })
  t.equal(cloud.asked.length, 0)
})

t.test('more requests at once than are allowed are turned away', async t => {
  const cloud = await fakeCloud(t, ({ url }) => (url === '/wait' ? 'silence' : { body: 'x' }))
  const client = cloudClient(t, { maxRequests: 1 })
  const deadline = new Deadline(1000, never)
  const waiting = client.send(get(cloud.url, { path: '/wait', signal: deadline.signal }))
  await t.rejects(client.send(get(cloud.url)), { code: 'overloaded', unsent: true })
  deadline.cancel()
  await t.rejects(waiting, { code: 'aborted' })
  const first = await client.send(get(cloud.url))
  await t.rejects(client.send(get(cloud.url)), { code: 'overloaded' })
  await readBody(first.body, 10, 'x')
  const second = await client.send(get(cloud.url))
  second.body.destroy()
})

import net from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { monotonicNow } from '../../../../src/base/clock.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { Admin, type AdminPage } from '../../../../src/proxy/admin/admin.ts'
import { jsonAnswer } from '../../../../src/proxy/admin/answer.ts'
import { createPlainListener } from '../../../../src/proxy/listener/plain-listener.ts'
import { call, eventually } from '../../../support/mesh.ts'

async function start(t: Test, pages: Readonly<Record<string, AdminPage>>): Promise<number> {
  const listener = createPlainListener({
    purpose: 'a test',
    address: { host: '127.0.0.1', port: 0 },
    limits: defaultLimits,
    onRequest: new Admin(pages).handle,
    onRefused: () => {},
    now: monotonicNow,
  })
  await listener.listen()
  t.teardown(() => listener.close())
  return listener.port
}

const large = 'x'.repeat(12 << 20)

t.test('a page answers its method, and no other', async t => {
  const port = await start(t, {
    '/see': { method: 'GET', answer: query => jsonAnswer({ a: query.get('a') }) },
    '/do': { method: 'POST', answer: () => jsonAnswer({ done: true }, 202) },
    '/fail': { method: 'GET', answer: () => Promise.reject(new Error('no')) },
  })
  t.match(await call(port, { path: '/see?a=1' }), { status: 200, body: /"a": "1"/ })
  t.match(await call(port, { path: '/see', method: 'HEAD' }), {
    status: 200,
    body: '',
    headers: { 'content-length': '16' },
  })
  t.match(await call(port, { path: '/see', method: 'POST', body: 'x' }), { status: 405 })
  t.match(await call(port, { path: '/do', method: 'POST' }), { status: 202 })
  const headers = { origin: 'https://elsewhere.example' }
  t.match(await call(port, { path: '/do', method: 'POST', headers }), { status: 403 })
  t.match(await call(port, { path: '/do' }), { status: 405, body: /takes POST/ })
  t.match(await call(port, { path: '/fail' }), { status: 502 })
  t.strictSame(JSON.parse((await call(port, { path: '/other' })).body), {
    pages: ['/see', '/do', '/fail'],
  })
})

t.test('a large page arrives whole', async t => {
  const answer = { status: 200, contentType: 'text/plain', body: large }
  const port = await start(t, { '/large': { method: 'GET', answer: () => answer } })
  t.ok((await call(port, { path: '/large' })).body === large)
})

t.test('who does not read holds his place, and further readers are turned away', async t => {
  const answer = { status: 200, contentType: 'text/plain', body: large }
  const port = await start(t, {
    '/large': { method: 'GET', answer: () => answer, maxReaders: 2 },
    '/small': { method: 'GET', answer: () => jsonAnswer({}) },
  })
  const slow = [1, 2].map(() => {
    const socket = net
      .connect(port, '127.0.0.1')
      .pause()
      .on('error', () => {})
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    return socket
  })
  t.teardown(() => slow.forEach(socket => socket.destroy()))
  const third = (): Promise<number> =>
    call(port, { path: '/large', method: 'HEAD' }).then(({ status }) => status)
  await eventually(third, status => status === 503)
  t.match(await call(port, { path: '/large' }), { status: 503, body: /2 readers/ })
  t.match(await call(port, { path: '/small' }), { status: 200 }, 'other pages have room')

  slow[0]?.destroy()
  await eventually(third, status => status === 200)

  const [, other] = slow
  let read = 0
  other?.on('data', (chunk: Buffer) => (read += chunk.length)).resume()
  await eventually(
    () => read,
    bytes => bytes > large.length,
  )
  other?.end()
  await once(other as net.Socket, 'close')
})

t.test('a page that ends with a slash answers for what is below it', async t => {
  const port = await start(t, {
    '/set/': { method: 'POST', answer: (query, rest) => jsonAnswer({ rest, a: query.get('a') }) },
    '/set': { method: 'GET', answer: () => jsonAnswer({ all: true }) },
  })
  const ask = async (path: string) => JSON.parse((await call(port, { path, method: 'POST' })).body)
  t.strictSame(await ask('/set/orders.default:80?a=1'), { rest: 'orders.default:80', a: '1' })
  t.strictSame(await ask('/set/orders%2Fb'), { rest: 'orders/b', a: null })
  t.strictSame(await ask('/set/%zz'), { rest: '%zz', a: null })
  t.match(await call(port, { path: '/set' }), { status: 200, body: /"all": true/ })
  t.match(await call(port, { path: '/set/x/y', method: 'POST' }), { status: 404 })
})

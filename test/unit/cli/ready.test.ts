import type http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { ready, readyUrl, type ReadyOptions } from '../../../src/cli/ready.ts'
import { startApplication } from '../../support/mesh.ts'

async function ask(options: ReadyOptions, now = () => 0) {
  const lines: string[] = []
  const code = await ready(options, { environment: {}, now, print: line => lines.push(line) })
  return { code, lines }
}

const waiting = JSON.stringify({ ready: false, waitingFor: 'the first snapshot' })

async function startServer(t: Test, handler: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${await startApplication(t, handler)}/ready`
}

t.test('0 and no word where it is ready', async t => {
  const asked: (string | undefined)[] = []
  const url = await startServer(t, ({ url: path }, response) => {
    asked.push(path)
    response.end('{}')
  })
  t.strictSame(await ask({ url }), { code: 0, lines: [] })
  t.strictSame(asked, ['/ready'])
})

t.test('1 and what it waits for where it is not', async t => {
  const url = await startServer(t, (_request, response) => response.writeHead(503).end(waiting))
  t.strictSame(await ask({ url }), {
    code: 1,
    lines: ['not ready: it waits for the first snapshot'],
  })
})

t.test('1 and why where nobody answers as a sidecar does', async t => {
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  const refused = await ask({ url: `http://127.0.0.1:${port}/ready` })
  t.match(refused, { code: 1, lines: [/ECONNREFUSED/] })

  const other = await startServer(t, (_request, response) => response.writeHead(404).end('<html>'))
  t.match(await ask({ url: other }), { code: 1, lines: ['not ready: it answered 404'] })

  const mute = net.createServer(socket => void socket.resume()).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const silent = `http://127.0.0.1:${(mute.address() as AddressInfo).port}/ready`
  t.match(await ask({ url: silent, timeoutMs: 20 }), { code: 1, lines: [/within 20 ms/] })

  await t.rejects(ask({ url: 'https://127.0.0.1/ready' }), /begins with http:/)
})

t.test('an answer without end is not read to its end', async t => {
  const url = await startServer(t, (_request, response) => {
    response.writeHead(503)
    response.write('x'.repeat(8192))
  })
  t.match(await ask({ url }), { code: 1, lines: ['not ready: it answered 503'] })
})

t.test('it waits until it is ready, and says once what for', async t => {
  let left = 3
  const url = await startServer(t, (_request, response) => {
    if (left-- > 0) response.writeHead(503).end(waiting)
    else response.end('{}')
  })
  t.strictSame(await ask({ url, waitMs: 60_000 }), {
    code: 0,
    lines: ['not ready: it waits for the first snapshot'],
  })
})

t.test('it waits no longer than it was told to', async t => {
  const url = await startServer(t, (_request, response) => response.writeHead(503).end(waiting))
  let now = 0
  const { code } = await ask({ url, waitMs: 300 }, () => (now += 100))
  t.equal(code, 1)
})

t.test('it asks where the environment puts the health port, or the admin port', async t => {
  t.equal(readyUrl({}), 'http://127.0.0.1:15020/ready')
  t.equal(readyUrl({ WEFT_HEALTH: '16020' }), 'http://127.0.0.1:16020/ready')
  t.equal(readyUrl({ WEFT_HEALTH: '0.0.0.0:16020' }), 'http://127.0.0.1:16020/ready')
  t.equal(readyUrl({ WEFT_HEALTH: '[::1]:16020' }), 'http://[::1]:16020/ready')
  t.equal(readyUrl({ WEFT_HEALTH: 'off' }), 'http://127.0.0.1:15000/ready')
  t.equal(
    readyUrl({ WEFT_HEALTH: 'off', WEFT_ADMIN: '127.0.0.2:16000' }),
    'http://127.0.0.2:16000/ready',
  )
})

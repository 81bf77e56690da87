// Plugins in the chains of two real sidecars. What a plugin does alone is for test/unit/proxy/plugins.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { PluginSettings } from '../../src/model/plugin.ts'
import { call, eventually, startApplication, startMesh, startSidecar } from '../support/mesh.ts'
import { startTcpApplication, TcpClient } from '../support/tcp.ts'

const examples = resolve(import.meta.dirname, '../../examples/plugins')

/** A folder of its own: that of the test is the mesh's. */
function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-plugin-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function pluginFile(t: Test, body: string, name = 'plugin.mjs'): string {
  const file = join(folderOf(t), name)
  writeFileSync(file, `export const apiVersion = 'weft.dev/plugin/v1'\n${body}`)
  return file
}

interface Plugins {
  readonly server?: readonly PluginSettings[]
  readonly client?: readonly PluginSettings[]
  readonly workers?: number
}

async function startPair(t: Test, port: number, { server = [], client = [], workers }: Plugins) {
  const mesh = await startMesh(
    t,
    `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${port} }] }
`,
  )
  const threads = workers === undefined ? {} : { workers }
  const orders = await startSidecar(t, mesh, {
    name: 'orders',
    ports: [port],
    overrides: { plugins: server, ...threads },
  })
  const web = await startSidecar(t, mesh, {
    name: 'web',
    upstreams: ['orders'],
    overrides: { plugins: client, ...threads },
  })
  await eventually(
    async () => (await call(web.ports.admin, { path: '/clusters' })).body,
    clusters => clusters.includes('"workload": "orders"'),
  )
  const metric = async (admin: number, name: string): Promise<number> => {
    const { body } = await call(admin, { path: '/metrics' })
    const lines = body.split('\n').filter(line => line.startsWith(`${name}{`))
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  return { orders, web, local: web.ports.upstreams[0] ?? 0, metric }
}

t.test('a request id is given, reaches the application, and is repeated in the answer', async t => {
  const port = await startApplication(t, (request, response) =>
    response.end(request.headers['x-correlation-id']),
  )
  const settings = {
    path: join(examples, 'request-id.ts'),
    config: { header: 'x-correlation-id' },
    direction: 'outbound',
  } as const
  const { local } = await startPair(t, port, { client: [settings] })
  const { body, headers } = await call(local)
  t.match(body, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(headers['x-correlation-id'], body)
  const own = await call(local, { headers: { 'x-correlation-id': 'mine' } })
  t.same([own.body, own.headers['x-correlation-id']], ['mine', 'mine'])
})

t.test('a signature that one sidecar makes is checked by the other', async t => {
  const port = await startApplication(t, (_request, response) => response.end('signed'))
  const keyFile = join(folderOf(t), 'key')
  writeFileSync(keyFile, 'k'.repeat(32))
  const path = join(examples, 'header-signer.ts')
  const config = { keyFile, headers: ['x-amount'] }
  const verify = { path, config: { ...config, verify: true }, direction: 'inbound' } as const
  const signing = { path, config, direction: 'outbound' } as const
  const good = await startPair(t, port, { server: [verify], client: [signing] })
  t.match(await call(good.local, { headers: { 'x-amount': '100' } }), { body: 'signed' })
  const unsigned = await startPair(t, port, { server: [verify] })
  t.match(await call(unsigned.local, { headers: { 'x-amount': '100' } }), {
    status: 401,
    headers: { 'content-type': 'text/plain' },
    body: 'the signature is missing or wrong\n',
  })
  const [line = '{}'] = unsigned.orders.accessLog.slice(-1)
  t.match(JSON.parse(line), { status: 401, reason: 'plugin_answered' })
})

t.test('a plugin sees who called, and may not speak in the sidecar’s name', async t => {
  const port = await startApplication(t, (request, response) => {
    response.end(JSON.stringify([request.headers['x-caller'], request.headers['x-refused']]))
  })
  const path = pluginFile(
    t,
    `export const create = () => ({
  onRequest({ headers }, { peerIdentity, direction }) {
    headers.set('x-caller', direction + ' ' + peerIdentity)
    const refused = ['x-weft-port', 'X_Forwarded_Client_Cert', 'host', 'content-length', 'a b']
      .filter(name => { try { headers.set(name, '1') } catch (error) { return error instanceof TypeError } })
    headers.set('x-refused', refused.join())
  }
})`,
  )
  const { local } = await startPair(t, port, { server: [{ path, direction: 'inbound' }] })
  t.same(JSON.parse((await call(local)).body), [
    'inbound spiffe://weft.local/ns/default/sa/web',
    'x-weft-port,X_Forwarded_Client_Cert,host,content-length,a b',
  ])
})

const failing = `export const create = () => ({ onRequest() { throw new Error('broken') } })`

t.test('what a plugin throws costs one exchange, or nothing, as its settings say', async t => {
  const port = await startApplication(t, (_request, response) => response.end('hello'))
  const path = pluginFile(t, failing)
  const closed = await startPair(t, port, { client: [{ path, direction: 'outbound' }] })
  const { status, headers, body } = await call(closed.local)
  t.match([status, headers['x-weft-reason']], [500, 'plugin_failed'])
  t.match(body, /the plugin plugin has failed/)
  const settings = { path, onError: 'continue' } as const
  const open = await startPair(t, port, { client: [settings], server: [settings] })
  for (let sent = 0; sent < 25; sent++) t.equal((await call(open.local)).body, 'hello')
  t.equal(await open.metric(open.web.ports.admin, 'weft_plugin_errors_total'), 20)
  t.equal(await open.metric(open.web.ports.admin, 'weft_plugin_skipped_total'), 5)
})

t.test('a promise is waited for, while the body is held back', async t => {
  const port = await startApplication(t, (request, response) => request.pipe(response))
  const path = pluginFile(
    t,
    `export const create = () => ({
  async onRequest({ headers }) {
    await new Promise(resolve => setTimeout(resolve, 20))
    headers.set('x-late', 'yes')
  }
})`,
  )
  const patient = { path, timeoutMs: 20_000 }
  const { local } = await startPair(t, port, { client: [patient], server: [patient] })
  const body = 'x'.repeat(1_000_000)
  const answer = await call(local, { method: 'POST', body })
  t.equal(answer.status, 200)
  t.ok(answer.body === body)
})

t.test('one that comes too late fails the exchange, and changes nothing afterwards', async t => {
  let reached = 0
  const port = await startApplication(t, (request, response) => {
    reached++
    response.end(String(request.headers['x-late']))
  })
  const path = pluginFile(
    t,
    `export const create = () => ({
  onRequest({ headers }, { signal }) {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        try { headers.set('x-late', 'yes') } catch (error) { reject(error) }
      })
    })
  }
})`,
  )
  const strict = await startPair(t, port, { client: [{ path, timeoutMs: 1 }] })
  const { headers, body } = await call(strict.local)
  t.equal(headers['x-weft-reason'], 'plugin_failed')
  t.match(body, /took more than 1 ms/)
  t.equal(reached, 0)
  const lenient = { path, timeoutMs: 1, onError: 'continue' } as const
  const { local } = await startPair(t, port, { client: [lenient] })
  t.equal((await call(local)).body, 'undefined')
})

t.test('a caller that goes meanwhile is waited for no longer', async t => {
  const port = await startApplication(t, () => t.fail('reached'))
  const path = pluginFile(
    t,
    `export const create = () => ({ onRequest: (request, { signal }) => new Promise(resolve =>
  signal.addEventListener('abort', () => resolve())) })`,
  )
  const { web, local } = await startPair(t, port, { client: [{ path, timeoutMs: 60_000 }] })
  const client = await TcpClient.connect(t, local)
  client.socket.write('GET / HTTP/1.1\r\nHost: orders\r\n\r\n')
  await eventually(
    async () => (await call(web.ports.admin, { path: '/metrics' })).body,
    text => text.includes('weft_plugin_calls_total{plugin="plugin"} 1'),
  )
  client.socket.resetAndDestroy()
  await eventually(
    () => web.accessLog.join(),
    text => text.includes('downstream_closed'),
  )
})

t.test('an answer that a plugin fails to look at does not leave', async t => {
  const port = await startApplication(t, (_request, response) => {
    response.setHeader('x-secret', '1')
    response.end('secret')
  })
  const path = pluginFile(
    t,
    `export const create = () => ({ onResponse() { throw new Error('no') } })`,
  )
  for (const plugins of [
    { server: [{ path, direction: 'inbound' }] },
    { client: [{ path, direction: 'outbound' }] },
  ] as const) {
    const { local } = await startPair(t, port, plugins)
    const { status, headers, body } = await call(local)
    t.match(
      [status, headers['x-weft-reason'], headers['x-secret']],
      [500, 'plugin_failed', undefined],
    )
    t.notMatch(body, 'secret')
  }
})

t.test('each thread of a sidecar has its own', { skip: process.platform !== 'linux' }, async t => {
  const port = await startApplication(t, (request, response) =>
    response.end(request.headers['x-id']),
  )
  const settings = { path: join(examples, 'request-id.ts'), config: { header: 'x-id' } }
  const { local, metric, web } = await startPair(t, port, { client: [settings], workers: 2 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(local)))
  t.equal(new Set(answers.map(({ body }) => body)).size, 20)
  t.equal(await metric(web.ports.admin, 'weft_plugin_calls_total'), 40)
})

t.test('raw bytes pass plugins as a CONNECT', async t => {
  const port = await startTcpApplication(t, socket => void socket.end('220 ready'))
  const path = pluginFile(
    t,
    `export const create = () => ({ onRequest({ method, path }, context) {
  if (method !== 'CONNECT' || path !== '') context.respond(403) } })`,
  )
  const { web } = await startPair(t, port, { client: [{ path }] })
  const client = await TcpClient.connect(t, web.ports.outbound)
  client.socket.write('CONNECT orders:80 HTTP/1.1\r\nHost: orders:80\r\n\r\n')
  await client.until(({ ended }) => ended)
  t.match(client.received, /220 ready$/)
})

t.test('a sidecar whose plugin is wrong does not start, and says why', async t => {
  const mesh = await startMesh(
    t,
    'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80 }] }\n',
  )
  const path = pluginFile(t, `export const creat = () => ({})`)
  await t.rejects(startSidecar(t, mesh, { name: 'web', overrides: { plugins: [{ path }] } }), {
    message: `plugin ${path}: exports no create, the function that makes the plugin; is creat meant?`,
  })
})

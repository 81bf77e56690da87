import http from 'node:http'
import t, { type Test } from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import {
  call,
  eventually,
  startMesh,
  startSidecar,
  type Answer,
  type TestProxy,
} from '../support/mesh.ts'
import { delayingProxy } from '../support/delaying-proxy.ts'
import { HostDriver } from '../support/functions/host-driver.ts'
import { functionYaml } from '../support/functions/mesh.ts'

const gone = (keepAlive = '5m', max = 4): string =>
  `  concurrency: 1\n  scale: { zero: gone, keepAlive: ${keepAlive}, max: ${max} }`

interface Options {
  readonly spec?: string
  /** Added to each way between the caller and the control plane. */
  readonly delayMs?: number
  /** Threads of the caller's sidecar. */
  readonly workers?: number
}

/** The function `echo`, of which nothing runs, and a caller's sidecar. */
async function start(t: Test, { spec = gone(), delayMs = 0, workers = 1 }: Options = {}) {
  const driver = new HostDriver(t)
  const proxies: TestProxy[] = []
  // Before the folder is made, for it to be removed after: they write there to the end.
  t.teardown(() => Promise.all([...proxies, ...driver.hosts].map(proxy => proxy.close())))
  const mesh = await startMesh(t, functionYaml('echo', spec), { drivers: { process: driver } })
  driver.mesh = mesh
  const port =
    delayMs === 0 ? mesh.pushPort : await delayingProxy(t, { port: mesh.pushPort, delayMs })
  const overrides = { workers }
  const caller = await startSidecar(t, { ...mesh, pushPort: port }, { name: 'caller', overrides })
  proxies.push(caller)
  await eventually(
    async () => (await call(caller.ports.admin, { path: '/clusters' })).body,
    clusters => clusters.includes('echo.default.fn'),
  )
  await eventually(
    () => mesh.control.status().sidecars.find(({ name }) => name === 'caller')?.address,
    address => address !== undefined,
  )
  const headers = { host: 'echo.fn.mesh' }
  const json = { ...headers, 'content-type': 'application/json' }
  const ask = ({ body, path = '/' }: { body?: string; path?: string } = {}): Promise<Answer> =>
    call(caller.ports.outbound, {
      path,
      headers,
      ...(body !== undefined && { method: 'POST', headers: json, body }),
    })
  return { driver, mesh, caller, ask }
}

t.test('a call of a function of which nothing runs starts it, and is answered', async t => {
  const { driver, ask } = await start(t)
  const before = monotonicNow()
  const answer = await ask({ path: '/hello' })
  t.equal(answer.status, 200)
  t.match(answer.body, '/hello')
  t.comment(`first answer after ${Math.round(monotonicNow() - before)} ms`)
  t.strictSame(driver.calls.filter(Boolean), [1])
})

t.test('of a burst at a function of which nothing runs no call is lost', async t => {
  const { driver, ask } = await start(t)
  const before = monotonicNow()
  const answers = await Promise.all(
    Array.from({ length: 300 }, (_, index) => ask({ path: `/${index}` })),
  )
  t.strictSame([...new Set(answers.map(({ status }) => status))], [200])
  for (const [index, { body }] of answers.entries()) t.match(body, `/${index}`)
  t.comment(`300 answers after ${Math.round(monotonicNow() - before)} ms`)
  t.equal(driver.calls.filter(Boolean).length, 1)
})

t.test('a body sent meanwhile arrives whole', async t => {
  const { ask } = await start(t)
  const body = JSON.stringify({ action: 'return', result: 'x'.repeat(500_000) })
  const answer = await ask({ body })
  t.equal(answer.status, 200)
  t.equal(answer.body.length, 500_000)
})

// knative/serving#14202: activation by probes never succeeds when a round trip takes longer than they may.
t.test('a control plane that is 200 ms away starts it all the same', async t => {
  const { ask } = await start(t, { delayMs: 100 })
  const answer = await ask()
  t.equal(answer.status, 200)
})

t.test('callers are told why a function cannot be started', async t => {
  const { driver, ask } = await start(t)
  driver.failure = new Error('no space left on the device')
  const answers = await Promise.all([ask(), ask()])
  for (const { status, headers, body } of answers) {
    t.equal(status, 503)
    t.equal(headers['x-weft-reason'], 'no_healthy_endpoint')
    t.match(body, 'echo.default cannot be started: no space left on the device')
  }
  const { body } = await ask()
  t.match(body, 'no space left', 'who comes while it rests hears the same at once')
  t.equal(driver.calls.filter(Boolean).length, 1)
})

t.test('without a driver the answer says what is missing', async t => {
  const mesh = await startMesh(t, functionYaml('echo', gone()))
  const caller = await startSidecar(t, mesh, { name: 'caller' })
  const { body } = await eventually(
    () => call(caller.ports.outbound, { headers: { host: 'echo.fn.mesh' } }),
    ({ body: text }) => text.includes('driver'),
  )
  t.match((JSON.parse(body) as { message: string }).message, 'no driver "process"')
})

t.test('a caller that goes leaves nothing behind', async t => {
  const { driver, caller, ask } = await start(t)
  const gate = Promise.withResolvers<void>()
  driver.gate = gate.promise
  const request = http.get({
    port: caller.ports.outbound,
    headers: { host: 'echo.fn.mesh' },
    agent: false,
  })
  request.on('error', () => {})
  await eventually(
    () => driver.calls.filter(Boolean),
    calls => calls.length === 1,
  )
  // One that only ends its half may still read the answer.
  request.socket?.resetAndDestroy()
  await eventually(
    () => caller.accessLog.join(),
    log => log.includes('downstream_closed'),
  )
  gate.resolve()
  t.equal((await ask()).status, 200)
})

t.test('it goes when nobody calls any more, and comes back with the next call', async t => {
  const { driver, mesh, ask } = await start(t, { spec: gone('1s') })
  t.equal((await ask()).status, 200)
  await eventually(
    () => driver.calls.at(-1),
    last => last === 0,
  )
  await eventually(
    () => mesh.control.status().functions[0]?.hosts,
    hosts => hosts?.length === 0,
  )
  t.equal((await ask()).status, 200)
})

t.test('while the control plane is away a call fails at once, and says so', async t => {
  const { mesh, ask } = await start(t)
  await mesh.control.close()
  const before = monotonicNow()
  const { status, body } = await eventually(ask, ({ body: text }) => text.includes('out of reach'))
  t.equal(status, 503)
  t.ok(monotonicNow() - before < 5000)
  t.match(body, 'echo.default')
})

t.test('a host that dies is replaced, and its callers do not see it', async t => {
  const { driver, ask } = await start(t)
  t.equal((await ask()).status, 200)
  await driver.hosts.pop()?.close()
  driver.onLost('echo.default', 'it died')
  const answer = await eventually(ask, ({ status }) => status === 200)
  t.equal(answer.status, 200)
  t.strictSame(driver.calls.filter(Boolean), [1, 1])
})

t.test('a sidecar of several threads asks for all of them', async t => {
  const { driver, ask } = await start(t, { workers: 2 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask()))
  t.strictSame([...new Set(answers.map(({ status }) => status))], [200])
  t.strictSame(driver.calls.filter(Boolean), [1])
})

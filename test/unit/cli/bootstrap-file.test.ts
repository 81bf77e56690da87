import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readControlBootstrap, readProxyBootstrap } from '../../../src/cli/bootstrap-file.ts'
import { CommandError } from '../../../src/cli/command-error.ts'

const loopback = (port: number) => ({ host: '127.0.0.1', port })

const proxy = {
  workload: {
    name: 'orders',
    namespace: 'default',
    serviceAccount: 'orders',
    labels: { app: 'o' },
  },
  stateDirectory: 'state',
  controlPlane: { ...loopback(15012), trustDomain: 'weft.local' },
  trustBundleFile: 'bundle.pem',
  admin: loopback(15000),
  outbound: loopback(15001),
  inbound: loopback(15008),
  application: { host: '127.0.0.1', ports: [8080] },
  upstreams: [{ ...loopback(15081), service: 'payments' }],
  advertise: '127.0.0.1',
}

function fileWith(t: Test, content: string): string {
  const file = join(t.testdir(), 'bootstrap.json')
  writeFileSync(file, content)
  return file
}

function problemsOf(t: Test, bootstrap: object): string[] {
  const file = fileWith(t, JSON.stringify(bootstrap))
  try {
    readProxyBootstrap(file)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return error.message.split('\n').map(line => line.replace(`${file}: `, ''))
  }
  return []
}

t.test('a complete bootstrap is taken as it is', async t => {
  const complete = {
    ...proxy,
    workload: { ...proxy.workload, zone: 'a' },
    joinTokenFile: 'token',
    applicationHealth: { path: '/healthz', intervalMs: 1000 },
    dns: { ...loopback(15053), upstreams: [{ host: '2001:db8::1', port: 53 }], resolvConf: 'r' },
    drainTimeoutMs: 5000,
    accessLog: 'all',
  }
  t.same(readProxyBootstrap(fileWith(t, JSON.stringify(complete))), complete)
})

t.test('a drain may last 30 s unless said otherwise', async t => {
  t.equal(readProxyBootstrap(fileWith(t, JSON.stringify(proxy))).drainTimeoutMs, 30_000)
})

t.test('all problems are named at once, each with its field', async t => {
  const { stateDirectory: _, ...incomplete } = proxy
  const broken = {
    ...incomplete,
    admin: loopback(70_000),
    inbound: 15008,
    application: { host: '127.0.0.1', ports: [8080, 'http'] },
    upstream: [],
    workload: { ...proxy.workload, labels: { app: 1 } },
    accessLog: 'some',
    dns: { host: 'localhost', port: 15053, upstreams: [{ host: 'dns.example', port: 53 }], ttl: 1 },
    drainTimeoutMs: 0,
  }
  t.same(problemsOf(t, broken).toSorted(), [
    'accessLog: expected all, errors, off',
    'admin.port: expected a port, 0 to 65535',
    'application.ports[1]: expected a port, 0 to 65535',
    'dns.host: expected an IP address',
    'dns.ttl: unknown field',
    'dns.upstreams[0].host: expected an IP address',
    'drainTimeoutMs: expected a positive number of milliseconds',
    'inbound: expected an object',
    'stateDirectory: expected a non-empty string',
    'upstream: unknown field',
    'workload.labels: expected an object of strings',
  ])
})

t.test('a document that is no object is refused', async t => {
  t.same(problemsOf(t, []), ['the document: expected an object'])
})

t.test('a file that is missing or no JSON is named', async t => {
  t.throws(
    () => readProxyBootstrap('/nowhere/bootstrap.json'),
    /^\/nowhere\/bootstrap.json: ENOENT/,
  )
  const file = fileWith(t, '{')
  t.throws(() => readProxyBootstrap(file), { name: 'CommandError', message: /JSON at position/ })
})

t.test('the control plane’s bootstrap has a lease of 30 s unless said otherwise', async t => {
  const control = {
    configPath: 'config',
    stateDirectory: 'state',
    trustDomain: 'weft.local',
    push: loopback(15012),
    admin: loopback(15014),
  }
  const file = fileWith(t, JSON.stringify(control))
  t.same(readControlBootstrap(file), { ...control, leaseMs: 30_000 })
})

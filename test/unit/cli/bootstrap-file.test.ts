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
    join: 'container',
    health: {
      ...loopback(15020),
      applicationMetrics: { port: 9090, path: '/metrics' },
      probes: {
        '/app-health/web/livez': {
          kind: 'http',
          port: 8080,
          path: '/live',
          headers: [{ name: 'host', value: '' }],
          timeoutMs: 1000,
        },
        '/app-health/web/readyz': { kind: 'grpc', port: 9090, service: 'web', timeoutMs: 1000 },
      },
    },
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

t.test('what is wrong with the health port is named as far down as it lies', async t => {
  const health = {
    ...loopback(15020),
    applicationMetrics: { port: 9090, path: 'metrics' },
    probes: {
      '/app-health/web/livez': { kind: 'udp', port: 8080, timeoutMs: 0 },
      '/app-health/web/readyz': {
        kind: 'http',
        port: 'http',
        headers: [{ name: '' }],
        timeoutMs: 1,
      },
    },
  }
  t.same(problemsOf(t, { ...proxy, health, join: 'docker' }), [
    'join: expected token, container',
    'health.applicationMetrics.path: expected a path that begins with a slash',
    'health.probes["/app-health/web/livez"].kind: expected http, https, tcp, grpc',
    'health.probes["/app-health/web/livez"].timeoutMs: expected a positive number of milliseconds',
    'health.probes["/app-health/web/readyz"].port: expected a port, 0 to 65535',
    'health.probes["/app-health/web/readyz"].headers[0].name: expected a non-empty string',
    'health.probes["/app-health/web/readyz"].headers[0].value: expected a string',
  ])
  t.same(problemsOf(t, { ...proxy, health: { ...loopback(15020), probes: [] } }), [
    'health.probes: expected an object',
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

const control = {
  stateDirectory: 'state',
  trustDomain: 'weft.local',
  push: loopback(15012),
  admin: loopback(15014),
}

t.test('a control plane may run in a cluster, or beside an engine, without a file', async t => {
  const complete = {
    ...control,
    leaseMs: 1000,
    kubernetes: {
      namespace: 'weft-system',
      replica: 'weft-control-1',
      server: 'https://10.0.0.1:443',
      tokenFile: 'token',
      caFile: 'ca.crt',
      webhook: { host: '0.0.0.0', port: 15017 },
      injectionFile: 'injection.yaml',
    },
    docker: { socket: '/var/run/docker.sock', network: 'shop' },
  }
  t.same(readControlBootstrap(fileWith(t, JSON.stringify(complete))), complete)
  const broken = {
    ...control,
    kubernetes: { namespace: 'weft-system', server: '10.0.0.1', webhook: 15017 },
    docker: { network: '' },
  }
  const file = fileWith(t, JSON.stringify(broken))
  t.throws(() => readControlBootstrap(file), {
    message: [
      'kubernetes.replica: expected a non-empty string',
      'kubernetes.server: expected an http or https URL',
      'kubernetes.webhook: expected an object',
      'docker.socket: expected a non-empty string',
      'docker.network: expected a non-empty string',
    ]
      .map(problem => `${file}: ${problem}`)
      .join('\n'),
  })
})

t.test('the control plane’s bootstrap has a lease of 30 s unless said otherwise', async t => {
  const written = { configPath: 'config', ...control }
  const file = fileWith(t, JSON.stringify(written))
  t.same(readControlBootstrap(file), { ...written, leaseMs: 30_000 })
})

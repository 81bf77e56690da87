import t from 'tap'
import { readEnvironment, type Machine } from '../../../src/cli/bootstrap-environment.ts'
import { CommandError } from '../../../src/cli/command-error.ts'

const machine: Machine = { hostName: '4F2a9c', addresses: ['172.18.0.5', 'fd00::5'] }

const read = (environment: Record<string, string>, on = machine) =>
  readEnvironment({ PATH: '/bin', ...environment }, on)

function problemsOf(environment: Record<string, string>, on = machine): string[] {
  try {
    read(environment, on)
    return []
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return error.message.split('\n')
  }
}

t.test('an empty environment describes a sidecar by its defaults', async t => {
  t.strictSame(read({}), {
    logLevel: 'info',
    bootstrap: {
      workload: { name: '4f2a9c', namespace: 'default', serviceAccount: '4f2a9c', labels: {} },
      stateDirectory: '/var/lib/weft',
      controlPlane: { host: 'weft-control', port: 15_012, trustDomain: 'weft.local' },
      trustBundleFile: '/var/run/weft/trust/trust-bundle.pem',
      join: 'token',
      admin: { host: '127.0.0.1', port: 15_000 },
      health: { host: '0.0.0.0', port: 15_020 },
      outbound: { host: '127.0.0.1', port: 15_001 },
      inbound: { host: '0.0.0.0', port: 15_008 },
      application: { host: '127.0.0.1', ports: [] },
      upstreams: [],
      advertise: '172.18.0.5',
      drainTimeoutMs: 30_000,
      accessLog: 'errors',
    },
  })
})

t.test('each variable has its place in the bootstrap', async t => {
  const probes = { '/app-health/web/livez': { kind: 'http', port: 8080, timeoutMs: 1000 } }
  const { bootstrap, logLevel } = read({
    WEFT_WORKLOAD: 'web-0',
    WEFT_NAMESPACE: 'shop',
    WEFT_SERVICE_ACCOUNT: 'web',
    WEFT_ZONE: 'eu-1a',
    WEFT_CONTROL_PLANE: 'weft-control.weft-system.svc',
    WEFT_TRUST_DOMAIN: 'shop.example',
    WEFT_TRUST_BUNDLE: '/trust.pem',
    WEFT_TOKEN_FILE: '/token',
    WEFT_STATE: '/state',
    WEFT_APPLICATION_HOST: '127.0.0.2',
    WEFT_APPLICATION_PORTS: '8080, 9090',
    WEFT_APPLICATION_HEALTH: '/healthz',
    WEFT_APPLICATION_METRICS: '9090/internal/metrics',
    WEFT_APPLICATION_PROBES: JSON.stringify(probes),
    WEFT_UPSTREAMS: 'orders=4101,payments.shop:80=4102',
    WEFT_DNS: 'on',
    WEFT_DNS_UPSTREAMS: '10.96.0.10, fd00::a, [fd00::b]:5353',
    WEFT_TRANSPARENT: 'on',
    WEFT_ADVERTISE: 'fd00::7',
    WEFT_ADMIN: '16000',
    WEFT_OUTBOUND: '0.0.0.0:16001',
    WEFT_INBOUND: '[::1]:16008',
    WEFT_HEALTH: '16020',
    WEFT_DRAIN_TIMEOUT: '1m30s',
    WEFT_ACCESS_LOG: 'all',
    WEFT_LOG_LEVEL: 'debug',
  })
  t.equal(logLevel, 'debug')
  t.strictSame(bootstrap, {
    workload: {
      name: 'web-0',
      namespace: 'shop',
      serviceAccount: 'web',
      labels: {},
      zone: 'eu-1a',
    },
    stateDirectory: '/state',
    controlPlane: {
      host: 'weft-control.weft-system.svc',
      port: 15_012,
      trustDomain: 'shop.example',
    },
    trustBundleFile: '/trust.pem',
    joinTokenFile: '/token',
    join: 'token',
    admin: { host: '127.0.0.1', port: 16_000 },
    // Where the address is of IPv6 alone, nobody would come by IPv4.
    health: {
      host: '::',
      port: 16_020,
      applicationMetrics: { port: 9090, path: '/internal/metrics' },
      probes,
    },
    outbound: { host: '0.0.0.0', port: 16_001 },
    inbound: { host: '::1', port: 16_008 },
    application: { host: '127.0.0.2', ports: [8080, 9090] },
    applicationHealth: { path: '/healthz', intervalMs: 5000 },
    upstreams: [
      { host: '127.0.0.1', port: 4101, service: 'orders' },
      { host: '127.0.0.1', port: 4102, service: 'payments.shop:80' },
    ],
    dns: {
      host: '127.0.0.1',
      port: 53,
      upstreams: [
        { host: '10.96.0.10', port: 53 },
        { host: 'fd00::a', port: 53 },
        { host: 'fd00::b', port: 5353 },
      ],
    },
    transparent: { inbound: { host: '::', port: 15_006 } },
    advertise: 'fd00::7',
    drainTimeoutMs: 90_000,
    accessLog: 'all',
  })
})

t.test('what remains to be said has a short form', async t => {
  t.match(read({ WEFT_APPLICATION_METRICS: '8080' }).bootstrap.health, {
    applicationMetrics: { port: 8080, path: '/metrics' },
  })
  t.equal(read({ WEFT_HEALTH: 'off' }).bootstrap.health, undefined)
  t.match(read({ WEFT_DNS: '15053' }).bootstrap.dns, { port: 15_053 })
  t.equal(read({ WEFT_DNS: 'off' }).bootstrap.dns, undefined)
  t.equal(read({ WEFT_JOIN: 'container' }).bootstrap.join, 'container')
  t.equal(read({ WEFT_WORKERS: '4' }).bootstrap.workers, 4)
})

t.test('plugins are said in JSON, and checked as in a file', async t => {
  const plugins = [{ path: '/plugins/signer.ts', direction: 'outbound', config: { keyFile: '/k' } }]
  t.same(read({ WEFT_PLUGINS: JSON.stringify(plugins) }).bootstrap.plugins, plugins)
  t.same(problemsOf({ WEFT_PLUGINS: '[{ "path": "", "on": 1, "onError": "x" }]' }), [
    'WEFT_PLUGINS: [0].on: unknown field',
    'WEFT_PLUGINS: [0].path: expected a non-empty string',
    'WEFT_PLUGINS: [0].onError: expected fail, continue',
  ])
  t.match(problemsOf({ WEFT_PLUGINS: '{}' }), [/expected a list/])
})

t.test('who joins as a container is reached where it calls the control plane from', async t => {
  const joined = read({ WEFT_JOIN: 'container' }).bootstrap
  t.equal('advertise' in joined, false)
  t.equal(joined.inbound.host, '::', 'one of its networks is of IPv6')
  const [first = ''] = machine.addresses
  const four = { ...machine, addresses: [first] }
  t.equal(read({ WEFT_JOIN: 'container' }, four).bootstrap.inbound.host, '0.0.0.0')
  const told = read({ WEFT_JOIN: 'container', WEFT_ADVERTISE: '10.0.0.7' }).bootstrap
  t.match([told.advertise, told.inbound.host], ['10.0.0.7', '0.0.0.0'])
})

t.test('an empty variable counts as absent', async t => {
  t.strictSame(read({ WEFT_ZONE: '', WEFT_ADMIN: ' ', WEFT_DNS: '' }), read({}))
})

t.test('all problems come at once, each with its variable and what is expected', async t => {
  t.strictSame(
    problemsOf({
      WEFT_WORKLAOD: 'web',
      WEFT_QWERTY: '1',
      WEFT_WORKLOAD: 'Web_0',
      WEFT_CONTROL_PLANE: 'http://weft-control:15012',
      WEFT_APPLICATION_PORTS: '8080,70000',
      WEFT_DRAIN_TIMEOUT: '2h',
      WEFT_ACCESS_LOG: 'some',
      WEFT_WORKERS: '0',
      WEFT_INBOUND: 'everywhere',
    }),
    [
      'WEFT_WORKLAOD: unknown variable, did you mean WEFT_WORKLOAD?',
      'WEFT_QWERTY: unknown variable',
      'WEFT_WORKLOAD: expected a name of lower-case letters, digits, "-" and ".", and not "Web_0"',
      'WEFT_CONTROL_PLANE: expected host:port, an IPv6 host in brackets, and not "http://weft-control:15012"',
      'WEFT_APPLICATION_PORTS: expected ports such as 8080,9090, at most 100, and not "8080,70000"',
      'WEFT_INBOUND: expected [host:]port, an IPv6 host in brackets, and not "everywhere"',
      'WEFT_DRAIN_TIMEOUT: expected a duration such as 30s or 1m30s, at most 1h, and not "2h"',
      'WEFT_ACCESS_LOG: expected all, errors, off, and not "some"',
      'WEFT_WORKERS: expected a number of threads, 1 to 64, and not "0"',
    ],
  )
})

t.test('what contradicts another is a problem', async t => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ WEFT_JOIN: 'container', WEFT_TOKEN_FILE: '/t' }, 'WEFT_TOKEN_FILE'],
    [{ WEFT_APPLICATION_HEALTH: '/' }, 'WEFT_APPLICATION_HEALTH'],
    [{ WEFT_DNS: 'on', WEFT_WORKERS: '2' }, 'WEFT_WORKERS'],
    [{ WEFT_DNS_UPSTREAMS: '10.0.0.1' }, 'WEFT_DNS_UPSTREAMS'],
    [{ WEFT_HEALTH: 'off', WEFT_APPLICATION_METRICS: '80' }, 'WEFT_APPLICATION_METRICS'],
    [{ WEFT_HEALTH: 'off', WEFT_APPLICATION_PROBES: '{}' }, 'WEFT_APPLICATION_PROBES'],
    [{ WEFT_UPSTREAMS: 'a=1,b=1' }, 'WEFT_UPSTREAMS'],
  ]
  for (const [environment, name] of cases) {
    const problems = problemsOf(environment)
    t.equal(problems.length, 1, name)
    t.match(problems[0], new RegExp(`^${name}: `))
  }
})

t.test('probes are checked one by one', async t => {
  const problems = problemsOf({
    WEFT_APPLICATION_PROBES: JSON.stringify({
      '/ready': { kind: 'http', port: 80, timeoutMs: 1000 },
      '/app-health/web/livez': { kind: 'exec', port: 80, timeoutMs: 0 },
    }),
  })
  t.strictSame(problems, [
    'WEFT_APPLICATION_PROBES: ["/app-health/web/livez"].kind: expected http, https, tcp, grpc',
    'WEFT_APPLICATION_PROBES: ["/app-health/web/livez"].timeoutMs: expected a positive number of milliseconds',
    'WEFT_APPLICATION_PROBES: expected paths that begin with "/app-health/", and not "/ready"',
  ])
  const one = { kind: 'tcp', port: 80, timeoutMs: 1000 }
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`/app-health/${i}`, one]))
  t.match(problemsOf({ WEFT_APPLICATION_PROBES: JSON.stringify(many) }), [/at most 64/])
  t.match(problemsOf({ WEFT_APPLICATION_PROBES: '{' }), [/expected JSON/])
  t.match(problemsOf({ WEFT_APPLICATION_PROBES: 'null' }), [/expected an object/])
})

t.test('a machine without a name or an address has to be told both', async t => {
  t.match(problemsOf({}, { hostName: 'My_Host', addresses: [] }), [
    /^WEFT_ADVERTISE: say where others reach this/,
    /^WEFT_WORKLOAD: .*My_Host/,
  ])
})

t.test('variables that the kubelet sets for Services are none of ours', async t => {
  const links = {
    WEFT_SERVICE_HOST: '10.96.0.7',
    WEFT_SERVICE_PORT: '80',
    WEFT_SERVICE_PORT_HTTP: '80',
    WEFT_PORT: 'tcp://10.96.0.7:80',
    WEFT_PORT_80_TCP: 'tcp://10.96.0.7:80',
    WEFT_PORT_80_TCP_ADDR: '10.96.0.7',
    WEFT_SHOP_SERVICE_HOST: '10.96.0.8',
    WEFT_SHOP_SERVICE_PORT: '80',
    WEFT_SHOP_PORT: 'tcp://10.96.0.8:80',
    WEFT_SHOP_PORT_80_TCP_PROTO: 'tcp',
  }
  t.strictSame(read(links), read({}))
  t.match(problemsOf({ WEFT_SHOP_PORT: '80' }), [/unknown/], 'without a Service it is a slip')
})

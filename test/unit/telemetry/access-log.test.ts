import t from 'tap'
import { AccessLog, type AccessLogEntry } from '../../../src/telemetry/access-log.ts'

const entry: AccessLogEntry = {
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  direction: 'outbound',
  method: 'GET',
  authority: 'orders',
  path: '/orders/7',
  status: 200,
  reason: undefined,
  durationMs: 1.23456,
  requestBytes: 0,
  responseBytes: 100,
  route: 'default/orders/0',
  endpoint: '10.0.0.1:8080',
  attempts: 1,
}

function logOf(options: Partial<ConstructorParameters<typeof AccessLog>[0]> = {}) {
  const lines: string[] = []
  return { log: new AccessLog({ ...options, write: line => lines.push(line) }), lines }
}

t.test('an exchange is one line of JSON', async t => {
  const { log, lines } = logOf()
  log.write(entry)
  t.strictSame(JSON.parse(lines[0] ?? ''), {
    time: '2026-01-02T03:04:05.006Z',
    direction: 'outbound',
    method: 'GET',
    authority: 'orders',
    path: '/orders/7',
    status: 200,
    durationMs: 1.235,
    requestBytes: 0,
    responseBytes: 100,
    route: 'default/orders/0',
    endpoint: '10.0.0.1:8080',
    attempts: 1,
  })
})

t.test("a reason is told with Envoy's flag for it", async t => {
  const { log, lines } = logOf()
  log.write({ ...entry, status: 503, reason: 'circuit_open', endpoint: undefined })
  t.match(JSON.parse(lines[0] ?? ''), { reason: 'circuit_open', flag: 'UO' })
})

t.test('queries are left out, long texts are cut, line breaks stay inside', async t => {
  const { log, lines } = logOf()
  log.write({ ...entry, path: '/a?token=SECRET', method: 'G\nT', authority: 'x'.repeat(10_000) })
  const line = lines[0] ?? ''
  t.notMatch(line, 'SECRET')
  t.notMatch(line, '\n')
  t.ok(line.length < 800, `${line.length} characters`)
  t.equal(JSON.parse(line).path, '/a')
})

t.test('by default only failures are wanted', async t => {
  const { log } = logOf()
  t.equal(log.wants(200, undefined, 0), false)
  t.equal(log.wants(404, undefined, 0), false)
  t.equal(log.wants(500, undefined, 0), true)
  t.equal(log.wants(403, 'denied', 0), true)
})

t.test('all or nothing may be wanted', async t => {
  t.equal(logOf({ mode: 'all' }).log.wants(200, undefined, 0), true)
  t.equal(logOf({ mode: 'off' }).log.wants(503, 'circuit_open', 0), false)
})

t.test('lines beyond the limit are only counted, and the next line tells', async t => {
  const { log, lines } = logOf({ linesPerSecond: 1 })
  t.equal(log.wants(503, 'no_route', 0), true)
  t.equal(log.wants(503, 'no_route', 1), false)
  t.equal(log.wants(503, 'no_route', 2), false)
  t.equal(log.wants(503, 'no_route', 1000), true)
  log.write(entry)
  log.write(entry)
  t.equal(JSON.parse(lines[0] ?? '').suppressed, 2)
  t.notOk('suppressed' in JSON.parse(lines[1] ?? ''))
})

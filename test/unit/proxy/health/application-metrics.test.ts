import type http from 'node:http'
import t, { type Test } from 'tap'
import type { Logger } from '../../../../src/base/log.ts'
import {
  ApplicationMetrics,
  type ApplicationMetricsOptions,
} from '../../../../src/proxy/health/application-metrics.ts'
import type { Exposed } from '../../../../src/proxy/health/exposition.ts'
import { MetricsRegistry } from '../../../../src/telemetry/metrics.ts'
import { checkExposition } from '../../../support/health/check-exposition.ts'
import { startApplication } from '../../../support/mesh.ts'

interface Line {
  readonly level: string
  readonly fields: object
  readonly message: string
}

async function start(
  t: Test,
  handler: http.RequestListener,
  options: Partial<ApplicationMetricsOptions> = {},
) {
  const port = await startApplication(t, handler)
  const lines: Line[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message })
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
  const metrics = new ApplicationMetrics({
    address: { host: '127.0.0.1', port },
    path: '/metrics',
    logger,
    signal: new AbortController().signal,
    ...options,
  })
  const registry = new MetricsRegistry()
  registry.register(() => metrics.metrics())
  const own = async () => (await registry.expose()).body
  return { metrics, lines, own }
}

async function fetched(metrics: ApplicationMetrics): Promise<Exposed> {
  const exposed = await metrics.fetch()
  if (exposed === undefined) throw new Error('no metrics')
  return exposed
}

function valueOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
}

t.test('both stand one below the other, and the whole is valid', async t => {
  const asked: http.IncomingMessage[] = []
  const { metrics, own } = await start(t, (request, response) => {
    asked.push(request)
    response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
    response.end('# HELP jobs Jobs.\n# TYPE jobs gauge\njobs{queue="ä"} 3\n')
  })
  const theirs = await fetched(metrics)
  const text = await metrics.merge(await own(), theirs)
  t.strictSame(checkExposition(text), [])
  t.match(text, /^jobs\{queue="ä"\} 3$/m)
  t.equal(valueOf(text, 'weft_application_metrics_up'), 1)
  t.equal(valueOf(text, 'weft_application_metrics_failures_total'), 0)
  t.match(asked[0], { url: '/metrics', headers: { accept: /^text\/plain/ } })
})

t.test('of families that both have, ours stay; that is counted, and logged once', async t => {
  const { metrics, own, lines } = await start(
    t,
    (_request, response) =>
      void response
        .setHeader('content-type', 'text/plain')
        .end('weft_application_metrics_up 7\nmine 1\n'),
  )
  const scrape = async () => {
    const theirs = await fetched(metrics)
    return metrics.merge(await own(), theirs)
  }
  for (const _ of [1, 2]) t.strictSame(checkExposition(await scrape()), [])
  const text = await own()
  t.equal(valueOf(text, 'weft_application_metrics_left_out_total'), 2)
  t.equal(valueOf(text, 'weft_application_metrics_up'), 1)
  t.strictSame(
    lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields),
    [{ families: ['weft_application_metrics_up'] }],
  )
})

t.test('a name that ours has only as part of a histogram is left out too', async t => {
  const { metrics } = await start(
    t,
    (_request, response) =>
      void response.setHeader('content-type', 'text/plain').end('h_sum 1\nother 2\n'),
  )
  const own = '# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'
  const text = await metrics.merge(own, await fetched(metrics))
  t.equal(text, `${own}other 2\n`)
})

const failures: readonly (readonly [string, RegExp, http.RequestListener])[] = [
  ['an error', /answered 500/, (_, response) => response.writeHead(500).end()],
  [
    'another type',
    /application\/openmetrics-text/,
    (_, response) =>
      response.writeHead(200, { 'content-type': 'application/openmetrics-text' }).end('# EOF\n'),
  ],
  [
    'a page',
    /text\/html/,
    (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  ],
  [
    'a packed answer',
    /gzip/,
    (_, response) =>
      response
        .writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' })
        .end('a 1\n'),
  ],
  ['no format', /line 1 is not/, (_, response) => response.end('hello there\n')],
  ['too much', /longer than 1000 bytes/, (_, response) => response.end('a 1\n'.repeat(1000))],
  ['a lost connection', /closed/, (_, response) => response.destroy()],
  ['silence', /50 ms/, () => {}],
  [
    'half an answer',
    /50 ms/,
    (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).write('a 1\n'),
  ],
]

for (const [what, reason, handler] of failures)
  t.test(`${what} is counted, logged once, and leaves ours as they are`, async t => {
    const { metrics, own, lines } = await start(t, handler, { timeoutMs: 50, maxBytes: 1000 })
    t.equal(await metrics.fetch(), undefined)
    t.equal(await metrics.fetch(), undefined)
    const text = await own()
    t.strictSame(checkExposition(text), [])
    t.equal(valueOf(text, 'weft_application_metrics_up'), 0)
    t.equal(valueOf(text, 'weft_application_metrics_failures_total'), 2)
    t.match(lines, [{ level: 'warn', fields: { error: { message: reason } } }])
    t.equal(lines.length, 1)
  })

t.test('what comes back is logged and shown again', async t => {
  let broken = true
  const { metrics, own, lines } = await start(
    t,
    (_request, response) => void (broken ? response.writeHead(500).end() : response.end('a 1\n')),
  )
  await metrics.fetch()
  broken = false
  t.ok(await metrics.fetch(), 'without a content type it is taken for text')
  t.equal(valueOf(await own(), 'weft_application_metrics_up'), 1)
  t.strictSame(
    lines.map(({ level }) => level),
    ['warn', 'info'],
  )
})

t.test('many scrapers at once are one question to the application', async t => {
  const waiting: http.ServerResponse[] = []
  const asked = Promise.withResolvers<void>()
  const { metrics } = await start(t, (_request, response) => {
    waiting.push(response)
    asked.resolve()
  })
  const all = Array.from({ length: 20 }, () => metrics.fetch())
  await asked.promise
  waiting[0]?.end('a 1\n')
  t.equal(new Set(await Promise.all(all)).size, 1)
  t.equal(waiting.length, 1)
})

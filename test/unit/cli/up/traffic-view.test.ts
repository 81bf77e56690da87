import t from 'tap'
import { TrafficView } from '../../../../src/cli/up/traffic-view.ts'

const entry = {
  time: '2026-05-04T10:00:01.123Z',
  direction: 'outbound',
  method: 'GET',
  authority: '127.0.0.1:15081',
  path: '/orders/7',
  status: 200,
  durationMs: 3.14,
  endpoint: '127.0.0.1:15308',
  attempts: 1,
}

function setUp() {
  const lines: string[] = []
  const addresses = {
    services: new Map([['127.0.0.1:15081', 'orders']]),
    workloads: new Map([['127.0.0.1:15308', 'orders-v2']]),
  }
  let now = 0
  const view = new TrafficView(
    line => lines.push(line),
    addresses,
    () => now,
  )
  const observe = (changes: object = {}): void =>
    view.observe('storefront', JSON.stringify({ ...entry, ...changes }))
  const passMs = (ms: number): void => {
    now += ms
  }
  return { lines, view, observe, passMs }
}

t.test('an outbound request is one line with names for addresses', async t => {
  const { lines, observe } = setUp()
  observe()
  t.match(
    lines[0],
    /^\d\d:\d\d:01\.123 storefront → orders GET \/orders\/7 200 3\.1 ms via orders-v2$/,
  )
})

t.test(
  'a failure shows its reason and its tries, and an unknown authority stays as it is',
  async t => {
    const { lines, observe } = setUp()
    observe({ status: 503, reason: 'connect_failed', attempts: 3, authority: 'stock' })
    t.match(
      lines[0],
      / stock GET \/orders\/7 503 connect_failed 3\.1 ms via orders-v2 after 3 tries$/,
    )
  },
)

t.test('inbound requests and lines that are no access log are not shown', async t => {
  const { lines, observe, view } = setUp()
  observe({ direction: 'inbound' })
  view.observe('storefront', 'hello')
  view.observe('storefront', '{"time":')
  t.same(lines, [])
})

t.test('beyond 20 lines a second requests are counted', async t => {
  const { lines, observe, view, passMs } = setUp()
  for (let i = 0; i < 25; i++) observe({ status: i < 22 ? 200 : 502 })
  t.equal(lines.length, 20)
  view.summarise()
  t.equal(lines.at(-1), '… and 5 more requests, 3 of them failed')
  passMs(1000)
  observe()
  view.summarise()
  t.equal(lines.length, 22)
})

t.test('lines that sidecars left out are owned up to, of either direction and once', async t => {
  const { lines, observe, view } = setUp()
  observe({ suppressed: 30 })
  observe({ direction: 'inbound', suppressed: 12 })
  view.summarise()
  view.summarise()
  t.same(lines.slice(1), [
    '… and 0 more requests, 0 of them failed; sidecars left 42 lines out of their logs',
  ])
})

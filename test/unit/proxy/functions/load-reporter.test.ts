import { mock } from 'node:test'
import t, { type Test } from 'tap'
import type { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { LoadReporter } from '../../../../src/proxy/functions/load-reporter.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.beforeEach(t => mockTime(t, ['setInterval']))

function setUp(t: Test) {
  const clock = { now: 0 }
  const reports: object[] = []
  const state = { queued: 0, ready: 1, name: 'echo.default' as string | undefined, taken: true }
  const reporter = new LoadReporter({
    name: () => state.name,
    instances: () => ({ queued: state.queued, ready: state.ready }),
    report: load => {
      if (state.taken) reports.push(load)
      return state.taken
    },
    now: () => clock.now,
  })
  t.teardown(() => reporter.close())
  const pass = (ms: number): void => {
    clock.now += ms
    mock.timers.tick(ms)
  }
  const begin = (): (() => void) => {
    const exchange = {} as Exchange
    reporter.onRequest(exchange)
    return () => reporter.onComplete(exchange)
  }
  return { reporter, reports, state, pass, begin }
}

const load = (active: number, queued = 0) => ({
  function: 'echo.default',
  active,
  queued,
  ready: 1,
})

t.test('the first call is told at once, then once a second what was on average', async t => {
  const { reports, begin, pass } = setUp(t)
  pass(10_000)
  const end = begin()
  t.strictSame(reports, [load(1)])
  begin()
  t.equal(reports.length, 1)
  pass(500)
  end()
  pass(500)
  t.strictSame(reports.slice(1), [load(1.5)])
})

t.test('after a second without calls it falls silent, and then speaks at once again', async t => {
  const { reports, begin, pass } = setUp(t)
  begin()()
  pass(1000)
  pass(1000)
  t.strictSame(reports.at(-1), load(0))
  const { length } = reports
  pass(60_000)
  t.equal(reports.length, length)
  begin()
  t.strictSame(reports.at(-1), load(1))
})

t.test('what waits is no work', async t => {
  const { reports, begin, state } = setUp(t)
  state.queued = 3
  begin()
  t.strictSame(reports, [load(0, 3)])
})

t.test('the end of a call that it has not seen begin counts for nothing', async t => {
  const { reporter, reports, begin, pass } = setUp(t)
  reporter.onComplete({} as Exchange)
  begin()
  pass(1000)
  t.strictSame(reports, [load(1), load(1)])
})

t.test('what nobody took is said again until somebody takes it', async t => {
  const { reports, begin, pass, state } = setUp(t)
  state.taken = false
  begin()()
  pass(3000)
  state.taken = true
  pass(1000)
  t.strictSame(reports, [load(0)])
})

t.test('of a function that it does not know it says nothing', async t => {
  const { reports, begin, state } = setUp(t)
  state.name = undefined
  begin()
  t.strictSame(reports, [])
})

import { mock } from 'node:test'
import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { Wait, type WaitEnd } from '../../../../src/proxy/exchange/wait.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.beforeEach(mockTime)

function setUp({ longestMs }: { longestMs?: number } = { longestMs: 100 }) {
  const chain = new Chain({ filters: [], terminal: () => {}, now: () => 5 })
  const stream = new FakeServerStream()
  const exchange = new Exchange(stream, chain)
  const ends: WaitEnd[] = []
  const wait = new Wait(exchange, end => ends.push(end), longestMs)
  exchange.attempt = wait
  return { stream, exchange, wait, ends }
}

t.test('it ends by its time, by who waits for it, or with the exchange', async t => {
  const first = setUp()
  t.equal(first.wait.since, 5)
  mock.timers.tick(100)
  t.strictSame(first.ends, ['elapsed'])
  const second = setUp()
  second.wait.end()
  t.strictSame(second.ends, ['ended'])
  for (const how of ['cancel', 'timeOut'] as const) {
    const third = setUp()
    third.wait[how]()
    t.strictSame(third.ends, ['cancelled'])
    t.equal(third.exchange.attempt, undefined)
  }
})

t.test('it ends once', async t => {
  const { wait, ends } = setUp()
  wait.end()
  wait.cancel()
  mock.timers.tick(100)
  t.strictSame(ends, ['ended'])
})

t.test('without a time of its own it lasts as long as the exchange', async t => {
  const { wait, ends } = setUp({})
  mock.timers.tick(3_600_000)
  t.strictSame(ends, [])
  wait.end()
  t.strictSame(ends, ['ended'])
})

t.test('who waits for it may end the exchange by it', async t => {
  const { stream, exchange, wait, ends } = setUp({})
  wait.fail(new ExchangeError('dns_failed', 'no address is known'))
  t.strictSame(ends, ['cancelled'])
  t.ok(exchange.completed)
  t.match(stream.body, 'no address is known')
})

t.test('an exchange that is over goes nowhere', async t => {
  const { exchange, wait, ends } = setUp({})
  exchange.fail(new ExchangeError('overloaded', 'by somebody else'))
  wait.end()
  t.strictSame(ends, ['cancelled'])
})

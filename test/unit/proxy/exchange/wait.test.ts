import { mock } from 'node:test'
import t from 'tap'
import { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { Wait, type WaitEnd } from '../../../../src/proxy/exchange/wait.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.beforeEach(mockTime)

function setUp() {
  const chain = new Chain({ filters: [], terminal: () => {}, now: () => 5 })
  const exchange = new Exchange(new FakeServerStream(), chain)
  const ends: WaitEnd[] = []
  const wait = new Wait(exchange, 100, end => ends.push(end))
  exchange.attempt = wait
  return { exchange, wait, ends }
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

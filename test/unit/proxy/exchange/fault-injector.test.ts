import { mock } from 'node:test'
import t from 'tap'
import type { FaultPolicy } from '../../../../src/model/policy/fault.ts'
import { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { FaultInjector } from '../../../../src/proxy/exchange/fault-injector.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'

t.beforeEach(mockTime)

const chain = new Chain({ filters: [], terminal: () => {}, now: () => 0 })

function fault(policy: FaultPolicy, matches = true) {
  return { policy, matches: () => matches }
}

function exchange(): Exchange {
  return new Exchange(new FakeServerStream(), chain)
}

t.test('a request that no fault is for goes its way', async t => {
  const injector = new FaultInjector(() => 0)
  const faults = [fault({ percent: 100, delayMs: 5 }, false), fault({ percent: 0, delayMs: 5 })]
  t.equal(
    injector.take(exchange(), faults, () => t.fail('it was not taken')),
    false,
  )
})

t.test('after a delay it goes on', async t => {
  const injector = new FaultInjector(() => 0)
  let gone = 0
  t.ok(injector.take(exchange(), [fault({ percent: 100, delayMs: 5 })], () => gone++))
  t.equal(gone, 0)
  mock.timers.tick(5)
  t.equal(gone, 1)
})

t.test('those who wait are bounded: the next one goes on at once', async t => {
  const injector = new FaultInjector(() => 0)
  const faults = [fault({ percent: 100, delayMs: 5 })]
  let gone = 0
  for (let i = 0; i < 4097; i++) injector.take(exchange(), faults, () => gone++)
  t.equal(gone, 1)
  mock.timers.tick(5)
  t.equal(gone, 4097)
  injector.take(exchange(), faults, () => gone++)
  t.equal(gone, 4097, 'and there is room again')
})

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Batch } from '../../../src/control/batch.ts'
import { mockTime } from '../../support/mock-time.ts'

function setUp(t: Test) {
  mockTime(t)
  let runs = 0
  const batch = new Batch({ quietMs: 50, maxMs: 500 }, () => runs++)
  return { batch, runs: () => runs }
}

t.test('many calls make one, when they are over', async t => {
  const { batch, runs } = setUp(t)
  for (let call = 0; call < 3; call++) {
    batch.call()
    mock.timers.tick(40)
  }
  t.equal(runs(), 0)
  mock.timers.tick(10)
  t.equal(runs(), 1)
  mock.timers.tick(1000)
  t.equal(runs(), 1)
})

t.test('calls without end are not waited for longer than the bound', async t => {
  const { batch, runs } = setUp(t)
  for (let ms = 0; ms < 1000; ms += 40) {
    batch.call()
    mock.timers.tick(40)
  }
  t.equal(runs(), 1)
  mock.timers.tick(50)
  t.equal(runs(), 2)
})

t.test('closed, it runs no more', async t => {
  const { batch, runs } = setUp(t)
  batch.call()
  batch.close()
  mock.timers.tick(1000)
  t.equal(runs(), 0)
})

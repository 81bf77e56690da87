import t from 'tap'
import { Demand } from '../../../../src/control/scaling/demand.ts'

const load = (active: number, queued = 0) =>
  ({ type: 'load', function: 'echo.default', active, queued, ready: 1 }) as const

t.test('what hosts do and what waits is added up', async t => {
  const demand = new Demand<string>()
  t.strictSame(demand.at(0), { concurrency: 0, ready: 0 })
  demand.reported('a', load(1.5, 2), 0)
  demand.reported('b', load(1), 0)
  demand.waits('caller', 7, 0)
  t.strictSame(demand.at(0), { concurrency: 11.5, ready: 2 })
  t.strictSame(demand.callers, ['caller'])
  demand.reported('a', load(0), 0)
  demand.gone('b')
  demand.served('caller')
  t.strictSame(demand.at(0), { concurrency: 0, ready: 1 })
})

t.test('what nobody says again is old after some seconds', async t => {
  const demand = new Demand<string>()
  demand.reported('a', load(1), 0)
  demand.waits('caller', 1, 0)
  t.equal(demand.at(3500).concurrency, 2)
  t.strictSame(demand.at(3501), { concurrency: 0, ready: 0 })
  t.strictSame(demand.callers, [])
})

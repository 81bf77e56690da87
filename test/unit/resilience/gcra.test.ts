import t from 'tap'
import { gcraRemaining, GcraTable, gcraTake, gcraWaitMs } from '../../../src/resilience/gcra.ts'

t.test('after a burst requests come at the steady rate', async t => {
  const rate = { intervalMs: 100, burst: 3 }
  const cell = { wholeAt: 0 }
  const waits = [1000, 1000, 1000, 1000, 1099, 1100, 1100, 1200].map(now => {
    const waitMs = gcraWaitMs(rate, cell, now)
    if (waitMs === 0) gcraTake(rate, cell, now)
    return waitMs
  })
  t.same(waits, [0, 0, 0, 100, 1, 0, 100, 0])
  t.equal(gcraRemaining(rate, cell, 1200), 0)
  t.equal(gcraRemaining(rate, cell, 1350), 1)
  t.equal(gcraRemaining(rate, cell, 9999), 3)
})

t.test('a key is forgotten only when it makes no difference', async t => {
  const table = new GcraTable(2)
  const a = table.cell('a', 0)
  a.wholeAt = 50
  table.cell('b', 0).wholeAt = 100
  const shared = table.cell('c', 0)
  t.equal(table.cell('d', 0), shared, 'there is room for no more')
  t.equal(table.cell('a', 0), a)
  t.not(table.cell('c', 50), shared, 'whose quota is whole goes')
  t.not(table.cell('a', 50), a)
  t.equal(table.size, 2)
})

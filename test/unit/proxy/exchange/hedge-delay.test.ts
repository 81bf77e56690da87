import t from 'tap'
import { HedgeDelay } from '../../../../src/proxy/exchange/hedge-delay.ts'

const p95 = { after: { percentile: 95 }, maxAttempts: 2 }

t.test('a fixed delay needs no experience', async t => {
  t.equal(new HedgeDelay().after({ after: { delayMs: 7 }, maxAttempts: 2 }, 0), 7)
})

t.test('a percentile needs a hundred tries', async t => {
  const delay = new HedgeDelay()
  for (let i = 0; i < 99; i++) delay.observe(8, 0)
  t.equal(delay.after(p95, 0), undefined)
  delay.observe(8, 0)
  t.equal(delay.after(p95, 100), undefined, 'it is computed now and then')
  const afterMs = delay.after(p95, 1000) ?? 0
  t.ok(afterMs > 7 && afterMs <= 10, String(afterMs))
})

t.test('what is long ago is forgotten', async t => {
  const delay = new HedgeDelay()
  for (let i = 0; i < 100; i++) delay.observe(900, 0)
  for (const at of [40_000, 80_000]) for (let i = 0; i < 100; i++) delay.observe(4, at)
  t.ok((delay.after(p95, 80_000) ?? 0) <= 5)
})

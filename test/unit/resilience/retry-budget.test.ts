import t from 'tap'
import { RetryBudget } from '../../../src/resilience/retry-budget.ts'

function withdrawAll(budget: RetryBudget, now: number): number {
  let taken = 0
  while (budget.tryWithdraw(now)) taken++
  return taken
}

t.test('a share of the requests may be repeated', async t => {
  const budget = new RetryBudget({ ratio: 0.2, minPerSecond: 0 })
  t.equal(budget.tryWithdraw(0), false, 'nothing came, nothing may be repeated')
  for (let i = 0; i < 50; i++) budget.deposit(100)
  t.equal(withdrawAll(budget, 200), 10)
})

t.test('a few a second may be repeated without any requests', async t => {
  t.equal(withdrawAll(new RetryBudget({ ratio: 0, minPerSecond: 3 }), 5000), 30)
})

t.test('requests older than ten seconds give nothing', async t => {
  const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 0 })
  for (let i = 0; i < 10; i++) budget.deposit(500)
  t.equal(budget.tryWithdraw(9999), true)
  t.equal(budget.tryWithdraw(10_000), false)
})

t.test('retries older than ten seconds cost nothing', async t => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 1 })
  t.equal(withdrawAll(budget, 0), 10)
  t.equal(withdrawAll(budget, 9999), 0)
  t.equal(withdrawAll(budget, 10_000), 10)
})

t.test('a clock reading from before the last one does no harm', async t => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 0 })
  budget.deposit(30_000)
  budget.deposit(1000)
  t.equal(withdrawAll(budget, 30_000), 2)
})

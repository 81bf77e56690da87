import fc from 'fast-check'
import t from 'tap'
import { RetryBudget } from '../../src/resilience/retry-budget.ts'

const step = fc.record({
  kind: fc.constantFrom('deposit', 'withdraw'),
  times: fc.integer({ min: 1, max: 30 }),
  elapsedMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 }), fc.nat(30_000)),
})

function countSince(times: readonly number[], slot: number): number {
  return times.filter(time => Math.floor(time / 1000) > slot).length
}

t.test(
  'in ten seconds never more is repeated than the ratio and the minimum allow, nor less',
  async t => {
    let granted = 0
    let denied = 0
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(3),
        fc.array(step, { maxLength: 60, size: 'max' }),
        (ratio, minPerSecond, steps) => {
          const budget = new RetryBudget({ ratio, minPerSecond })
          const requests: number[] = []
          const retries: number[] = []
          let now = 0
          for (const { kind, times, elapsedMs } of steps) {
            now += elapsedMs
            const oldest = Math.floor(now / 1000) - 10
            for (let i = 0; i < times; i++) {
              if (kind === 'deposit') {
                budget.deposit(now)
                requests.push(now)
                continue
              }
              const allowed = ratio * countSince(requests, oldest) + minPerSecond * 10
              const fits = countSince(retries, oldest) + 1 <= allowed
              if (budget.tryWithdraw(now) !== fits) return false
              if (fits) retries.push(now)
              if (fits) granted++
              else denied++
            }
          }
          return true
        },
      ),
      { numRuns: 200 },
    )
    t.ok(granted > 100 && denied > 100, `${granted} granted, ${denied} denied`)
  },
)

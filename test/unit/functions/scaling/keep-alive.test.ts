import t from 'tap'
import { binMs, IdleHistogram, rangeMs } from '../../../../src/functions/scaling/idle-histogram.ts'
import {
  costOfIdleTime,
  planKeepAlive,
  waitingMib,
} from '../../../../src/functions/scaling/keep-alive.ts'

const ordinary = { memoryMib: 128, coldMs: 100, thawMs: undefined }
const rental = { kind: 'ski-rental' } as const
const histogram = { kind: 'histogram', minSamples: 20 } as const
const cheaper = { kind: 'cheaper', minSamples: 20 } as const

function historyOf(count: number, idleMs: (index: number) => number): IdleHistogram {
  const history = new IdleHistogram()
  for (let i = 0; i < count; i++) history.observe(idleMs(i))
  return history
}

t.test('an ordinary function is kept for five minutes, a large one shorter', async t => {
  const plan = planKeepAlive(rental, ordinary)
  t.equal(plan.endAfterMs, 320_000)
  t.equal(plan.spareAfterMs, 320_000)
  t.equal(plan.freezeAfterMs, Number.POSITIVE_INFINITY)
  t.equal(plan.prewarm, undefined)
  t.equal(planKeepAlive(rental, { ...ordinary, memoryMib: 1024 }).endAfterMs, 40_000)
})

t.test('one that may be frozen is so after seconds', async t => {
  const { freezeAfterMs, endAfterMs } = planKeepAlive(rental, { ...ordinary, thawMs: 1 })
  t.equal(Math.round(freezeAfterMs), 22_756)
  t.equal(endAfterMs, 316_800)
})

t.test('who thaws no faster than it starts is not frozen', async t => {
  const plan = planKeepAlive(rental, { ...ordinary, thawMs: 100 })
  t.equal(plan.freezeAfterMs, Number.POSITIVE_INFINITY)
})

t.test('nothing is kept for longer than four hours, but by a fixed policy', async t => {
  const free = { ...ordinary, memoryMib: 0 }
  t.equal(planKeepAlive(rental, free).endAfterMs, rangeMs)
  t.equal(planKeepAlive(rental, { ...ordinary, coldMs: 60_000 }).endAfterMs, rangeMs)
  const keepAliveMs = 2 * rangeMs
  const plan = planKeepAlive({ kind: 'fixed', keepAliveMs }, ordinary)
  t.equal(plan.endAfterMs, keepAliveMs)
  t.equal(plan.spareAfterMs, keepAliveMs)
})

t.test('a regular function ends at once and is back before its next call', async t => {
  const history = historyOf(20, () => 30.5 * binMs)
  const { endAfterMs, prewarm, spareAfterMs } = planKeepAlive(histogram, ordinary, history)
  t.equal(endAfterMs, 0)
  t.equal(spareAfterMs, 320_000)
  t.equal(prewarm?.afterMs, 30 * binMs * 0.9)
  t.equal(Math.round(prewarm?.untilMs ?? 0), 31 * 66_000)
})

t.test('a function with short gaps is kept over nearly all of them', async t => {
  const history = historyOf(100, index => (index < 90 ? 1 : 2) * 0.5 * binMs)
  const plan = planKeepAlive(histogram, ordinary, history)
  t.equal(Math.round(plan.endAfterMs), 2 * 66_000)
  t.equal(plan.prewarm, undefined)
})

t.test('too little, too wide and patternless histories fall back to ski rental', async t => {
  const plan = planKeepAlive(rental, ordinary)
  const histories = [
    undefined,
    historyOf(19, () => 30 * binMs),
    historyOf(100, index => (index % 3 === 0 ? 1 : 2) * rangeMs * 0.6),
    historyOf(960, index => (index % 240) * binMs),
  ]
  for (const history of histories) t.strictSame(planKeepAlive(histogram, ordinary, history), plan)
})

t.test('the cheaper policy follows the histogram only where that pays', async t => {
  const hourly = historyOf(40, () => 60.5 * binMs)
  const learnt = planKeepAlive(histogram, ordinary, hourly)
  t.strictSame(planKeepAlive(cheaper, ordinary, hourly), learnt)
  // Half an hour to two hours: holding that is dearer than a start.
  const wide = historyOf(40, index => (index % 2 === 0 ? 30 : 120) * binMs)
  t.not(planKeepAlive(histogram, ordinary, wide).prewarm, undefined)
  t.strictSame(planKeepAlive(cheaper, ordinary, wide), planKeepAlive(rental, ordinary))
})

t.test('an idle time costs what was held, and the wait for what was not there', async t => {
  const plan = {
    freezeAfterMs: 10,
    endAfterMs: 100,
    spareAfterMs: 100,
    prewarm: { afterMs: 1000, untilMs: 1100 },
  }
  const costs = { memoryMib: 100, coldMs: 7, thawMs: 1 }
  const cost = (idleMs: number) => costOfIdleTime(plan, costs, idleMs)
  t.equal(cost(10), 1180)
  t.equal(cost(11), 1280 + waitingMib)
  t.equal(cost(500), 1180 + 9000 + 7 * waitingMib)
  t.equal(cost(1005), 1180 + 9000 + 590)
  t.equal(cost(1050), 1180 + 9000 + 1180 + 4000 + waitingMib)
  t.equal(cost(5000), 2 * (1180 + 9000) + 7 * waitingMib)
})

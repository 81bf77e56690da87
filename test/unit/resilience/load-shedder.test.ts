import t from 'tap'
import { overloadDefaults } from '../../../src/model/policy/overload.ts'
import { LoadShedder, priorities } from '../../../src/resilience/load-shedder.ts'

const rest = { eventLoopDelayMs: 0, heapRatio: 0 }
const { start, full } = overloadDefaults.eventLoopDelayMs

function shedder(samples: readonly Partial<typeof rest>[]): LoadShedder {
  const made = new LoadShedder(overloadDefaults)
  for (const sample of samples) made.sample({ ...rest, ...sample })
  return made
}

function lasting(eventLoopDelayMs: number): LoadShedder {
  return shedder(Array.from({ length: 4 }, () => ({ eventLoopDelayMs })))
}

/** Of each priority, the share that is shed. */
function shares(made: LoadShedder): number[] {
  const draws = Array.from({ length: 100 }, (_, index) => (index + 0.5) / 100)
  return priorities.map(
    priority => draws.filter(draw => made.sheds(priority, () => draw)).length / draws.length,
  )
}

t.test('at rest, and up to the start of its bounds, nothing is shed', async t => {
  t.strictSame(shares(shedder([])), [0, 0, 0, 0])
  t.strictSame(shares(lasting(start)), [0, 0, 0, 0])
})

t.test('a loop that is late now and then is none that has too much to do', async t => {
  const late = { eventLoopDelayMs: full * 10 }
  t.equal(shedder([late, late, late, {}, late, late, late]).pressure, 0)
})

t.test('the less important goes first', async t => {
  t.strictSame(shares(lasting(start + (full - start) * 0.15)), [0.5, 0, 0, 0])
  t.strictSame(shares(lasting(start + (full - start) * 0.5)), [1, 0.5, 0, 0])
  t.strictSame(shares(lasting(start + (full - start) * 0.85)), [1, 1, 0.5, 0])
  t.strictSame(shares(lasting(full * 2)), [1, 1, 1, 0])
})

t.test('a heap that stays nearly full counts as well', async t => {
  const { full: most } = overloadDefaults.heapRatio
  const full = { heapRatio: most }
  t.equal(shedder([full, full, full]).pressure, 0)
  t.equal(shedder([full, { eventLoopDelayMs: 1e4 }, full, full]).pressure, 1)
})

t.test('shedding ends step by step', async t => {
  const made = lasting(1e4)
  const pressures = Array.from({ length: 20 }, () => {
    made.sample(rest)
    return made.pressure
  })
  t.equal(pressures[0], 0.7)
  t.ok(pressures.every((pressure, index) => index === 0 || pressure <= (pressures[index - 1] ?? 0)))
  t.equal(pressures.at(-1), 0)
})

t.test('it may be switched off', async t => {
  const made = new LoadShedder({ ...overloadDefaults, enabled: false })
  for (let i = 0; i < 4; i++) made.sample({ eventLoopDelayMs: 1e6, heapRatio: 1 })
  t.equal(made.pressure, 0)
})

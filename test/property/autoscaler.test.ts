import fc from 'fast-check'
import t from 'tap'
import {
  autoscale,
  autoscalePolicy,
  type AutoscalePolicy,
  type AutoscaleState,
  type Observation,
} from '../../src/functions/scaling/autoscaler.ts'
import { costOfIdleTime, planKeepAlive } from '../../src/functions/scaling/keep-alive.ts'
import { windowBuckets } from '../../src/functions/scaling/load-window.ts'
import { stepDowns, type IdleState } from '../../src/functions/scaling/ski-rental.ts'

const policies: fc.Arbitrary<AutoscalePolicy> = fc
  .record({
    concurrency: fc.integer({ min: 1, max: 10 }),
    min: fc.nat(5),
    more: fc.integer({ min: 1, max: 500 }),
    maxScaleUpRate: fc.constantFrom(1.5, 2, 10, 1000),
    maxScaleDownRate: fc.constantFrom(1.1, 2, 10),
    panicThreshold: fc.constantFrom(1.5, 2, 5),
  })
  .map(({ concurrency, min, more, ...rates }) => ({
    ...autoscalePolicy({ concurrency, min, max: min + more }),
    ...rates,
  }))

const step = fc.record({
  elapsedMs: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 4000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 200_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: -50_000, max: 40_000_000 }) },
  ),
  concurrency: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 6, arbitrary: fc.nat(20_000).map(value => value / 1000) },
    { weight: 1, arbitrary: fc.nat(2000) },
  ),
  present: fc.nat(300),
  /** Undefined: what was desired. */
  ready: fc.option(fc.nat(20), { nil: undefined, freq: 1 }),
})
const steps = fc.array(step, { maxLength: 80, size: 'max' })

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

interface Moment {
  readonly state: AutoscaleState | undefined
  readonly observation: Observation
}

/** What an autoscaler is asked along a sequence, each time with the state before. */
function momentsOf(policy: AutoscalePolicy, sequence: readonly Step[]): Moment[] {
  let state: AutoscaleState | undefined
  let desired = 0
  let now = 100_000
  return sequence.map(({ elapsedMs, concurrency, present, ready = desired }) => {
    now = Math.max(0, now + elapsedMs)
    const moment = { state, observation: { now, concurrency, present, ready } }
    ;({ state, desired } = autoscale(policy, state, moment.observation))
    return moment
  })
}

t.test('in steady state there is what Little’s law asks for', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.double({ min: 0.1, max: 200, noNaN: true }),
      fc.double({ min: 0.01, max: 5, noNaN: true }),
      (concurrency, perSecond, seconds) => {
        const policy = autoscalePolicy({ concurrency, min: 0, max: 10_000 })
        const load = perSecond * seconds
        let state: AutoscaleState | undefined
        let ready = 0
        for (let now = 0; now < 300_000; now += 2000) {
          const observation = { now, concurrency: load, present: 1, ready }
          ;({ state, desired: ready } = autoscale(policy, state, observation))
        }
        const exact = load / policy.targetPerInstance
        return ready >= exact - 1e-5 && ready < exact + 1 + 1e-5
      },
    ),
  )
})

t.test('whatever happens, what is desired and what is remembered stay within bounds', async () => {
  fc.assert(
    fc.property(policies, steps, (policy, sequence) => {
      for (const { state, observation } of momentsOf(policy, sequence)) {
        const next = autoscale(policy, state, observation)
        const { desired } = next
        if (!Number.isInteger(desired) || desired < policy.min || desired > policy.max) return false
        if (observation.present > 0 && desired < 1) return false
        const { sums } = next.state.window
        if (sums.length !== windowBuckets) return false
        if (!sums.every(sum => Number.isFinite(sum) && sum >= 0)) return false
      }
      return true
    }),
  )
})

t.test('more load never means fewer instances', async t => {
  let differed = 0
  fc.assert(
    fc.property(policies, steps, fc.nat(500), (policy, sequence, more) => {
      for (const { state, observation } of momentsOf(policy, sequence)) {
        const less = autoscale(policy, state, observation)
        const concurrency = observation.concurrency + more
        const greater = autoscale(policy, state, { ...observation, concurrency })
        if (greater.desired < less.desired) return false
        if (greater.desired > less.desired) differed++
      }
      return true
    }),
  )
  t.ok(differed > 100, `${differed} differed`)
})

t.test('panic never scales down', async t => {
  let panics = 0
  fc.assert(
    fc.property(policies, steps, (policy, sequence) => {
      let before: { readonly desired: number; readonly at: number } | undefined
      for (const { state, observation } of momentsOf(policy, sequence)) {
        const { desired, panicking } = autoscale(policy, state, observation)
        const elapsedMs = observation.now - (before?.at ?? Number.NEGATIVE_INFINITY)
        // After a gap or a step back it begins anew, with what is ready.
        const follows = elapsedMs >= 0 && elapsedMs <= policy.stableWindowMs
        if (panicking && before !== undefined && follows && desired < before.desired) return false
        if (panicking && before !== undefined) panics++
        before = panicking ? { desired, at: observation.now } : undefined
      }
      return true
    }),
  )
  t.ok(panics > 100, `${panics} looks in panic`)
})

t.test('nothing that is given is changed, and the same gives the same', async () => {
  const freeze = <T>(value: T): T => {
    if (typeof value === 'object' && value !== null)
      for (const part of Object.values(Object.freeze(value))) freeze(part)
    return value
  }
  fc.assert(
    fc.property(policies, steps, (policy, sequence) => {
      for (const { state, observation } of momentsOf(freeze(policy), sequence)) {
        const once = autoscale(policy, freeze(state), freeze(observation))
        const again = autoscale(policy, state, observation)
        if (JSON.stringify(once) !== JSON.stringify(again)) return false
      }
      return true
    }),
  )
})

/** Cheaper to be in and dearer to wake from, one after the other. */
const tiers: fc.Arbitrary<IdleState[]> = fc
  .tuple(
    fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), { minLength: 2, maxLength: 6 }),
    fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 5, maxLength: 5 }),
  )
  .map(([falls, rises]) => {
    const costs = [0, ...rises.toSorted((a, b) => a - b)]
    const rates = falls.toSorted((a, b) => b - a)
    return rates.map((idleCostPerMs, index) => ({ idleCostPerMs, wakeCost: costs[index] ?? 0 }))
  })

t.test('whenever the call comes, stepping down costs at most twice what it had to', async t => {
  let worst = 0
  fc.assert(
    fc.property(tiers, fc.double({ min: 0, max: 1, noNaN: true }), (states, share) => {
      const steps = stepDowns(states)
      const last = steps.at(-1)?.afterMs ?? 0
      // Also the worst moments: right after each step.
      for (const idleMs of [2 * last * share, ...steps.map(({ afterMs }) => afterMs + 1e-9)]) {
        const taken = steps.filter(({ afterMs }) => afterMs <= idleMs)
        let cost = states[taken.at(-1)?.state ?? 0]?.wakeCost ?? 0
        for (const [index, { state, afterMs }] of taken.entries())
          cost +=
            ((taken[index + 1]?.afterMs ?? idleMs) - afterMs) * (states[state]?.idleCostPerMs ?? 0)
        const least = Math.min(
          ...states.map(({ idleCostPerMs, wakeCost }) => wakeCost + idleCostPerMs * idleMs),
        )
        if (cost > 2 * least + 1e-3) return false
        if (least > 1) worst = Math.max(worst, cost / least)
      }
      return true
    }),
    { numRuns: 1000 },
  )
  t.ok(worst > 1.9, `at worst ${worst}`)
})

t.test('the default keep-alive costs at most twice what it had to, for any idle time', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 16, max: 4096 }),
      fc.integer({ min: 10, max: 2000 }),
      fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      fc.integer({ min: 0, max: 14_400_000 }),
      (memoryMib, coldMs, thawMs, idleMs) => {
        const costs = { memoryMib, coldMs, thawMs }
        const plan = planKeepAlive({ kind: 'ski-rental' }, costs)
        const never = Number.POSITIVE_INFINITY
        const offline = [
          { ...plan, freezeAfterMs: never, endAfterMs: never },
          { ...plan, freezeAfterMs: thawMs === undefined ? never : 0, endAfterMs: never },
          { ...plan, freezeAfterMs: never, endAfterMs: -1 },
        ].map(choice => costOfIdleTime(choice, costs, idleMs))
        // Beyond four hours it ends for another reason.
        if (plan.endAfterMs >= 14_400_000) return true
        return costOfIdleTime(plan, costs, idleMs) <= 2 * Math.min(...offline) + 1
      },
    ),
    { numRuns: 1000 },
  )
})

t.test(
  'calls that come by chance are cold as often as e to the minus rate times keep-alive',
  async () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_147_483_646 }),
        fc.double({ min: 0.2, max: 3, noNaN: true }),
        (seed, callsPerKeepAlive) => {
          const costs = { memoryMib: 128, coldMs: 100, thawMs: undefined }
          const plan = planKeepAlive({ kind: 'ski-rental' }, costs)
          const rate = callsPerKeepAlive / plan.endAfterMs
          const gone = costOfIdleTime({ ...plan, endAfterMs: -1 }, costs, 0)
          const count = 4000
          let state = seed
          let cold = 0
          let heldMs = 0
          for (let i = 0; i < count; i++) {
            // Park and Miller's minimal standard.
            state = (state * 48_271) % 2_147_483_647
            const idleMs = -Math.log((state + 0.5) / 2_147_483_647) / rate
            const cost = costOfIdleTime(plan, costs, idleMs)
            const isCold = cost >= gone
            if (isCold) cold++
            heldMs += (cost - (isCold ? gone : 0)) / costs.memoryMib
          }
          const expected = Math.exp(-callsPerKeepAlive)
          const deviation = Math.sqrt((expected * (1 - expected)) / count)
          const held = (1 - expected) / rate
          return (
            Math.abs(cold / count - expected) < 6 * deviation &&
            Math.abs(heldMs / count / held - 1) < 0.1
          )
        },
      ),
      { numRuns: 50 },
    )
  },
)

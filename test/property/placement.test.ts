import fc from 'fast-check'
import t from 'tap'
import type { BreakerState, Outcome } from '../../src/functions/placement/backend-breaker.ts'
import { PlacedBackends } from '../../src/functions/placement/placed-backends.ts'
import {
  choose,
  type Candidate,
  type ChoicePolicy,
  type PlacementState,
} from '../../src/functions/placement/placement.ts'
import { residencyProblem } from '../../src/model/function/residency.ts'
import type { CostPolicy, PlacementPolicy } from '../../src/model/function/function-placement.ts'
import {
  byLatency,
  candidate,
  lambdaSettings,
  noEstimate,
} from '../support/functions/placements.ts'

const regions = ['eu-west-1', 'eu-central-1', 'us-east-1', 'ap-south-1'] as const
const region = fc.option(fc.constantFrom(...regions, ''), { nil: undefined })
const residency = fc.option(
  fc.array(fc.constantFrom(...regions, 'eu-*', 'us-*', '*'), { maxLength: 3 }),
  { nil: undefined },
)
const share = fc.double({ min: 0, max: 1, noNaN: true })
const positive = fc.double({ min: 0.001, max: 1e6, noNaN: true })
const names = ['alpha', 'beta', 'gamma', 'delta'] as const

const cost: fc.Arbitrary<CostPolicy> = fc.record({
  kind: fc.constant('cost' as const),
  weights: fc.record({ cost: share, latency: share, errors: share }),
  latencySloMs: positive,
  exploration: fc.double({ min: 0, max: 0.05, noNaN: true }),
  switchMargin: share,
  switchAfterMs: fc.nat(100_000),
})
const policyKind: fc.Arbitrary<PlacementPolicy> = fc.oneof(
  fc.constant({ kind: 'weighted' as const }),
  fc.constant({ kind: 'failover' as const }),
  cost,
)
const policy: fc.Arbitrary<ChoicePolicy> = fc.record({
  policy: policyKind,
  homeRegion: region,
  residency,
  requireEncryption: fc.constantFrom(
    'never' as const,
    'leaving-region' as const,
    'always' as const,
  ),
})

const breaker = fc.constantFrom<BreakerState>('closed', 'open', 'half-open')
const optional = fc.option(positive, { nil: undefined })
const traits = fc.record({
  region,
  local: fc.boolean(),
  encrypted: fc.boolean(),
  weight: fc.oneof(fc.constant(0), positive),
  breaker,
  tried: fc.boolean(),
  estimate: fc.record({
    p95Ms: optional,
    meanMs: optional,
    meanBytes: optional,
    errorRate: share,
    samples: positive,
  }),
})
const candidates: fc.Arbitrary<Candidate[]> = fc
  .array(traits, { maxLength: names.length })
  .map(all => all.map((one, index) => candidate(names[index] ?? '', one)))

const name = fc.option(fc.constantFrom(...names, 'gone'), { nil: undefined })
const state: fc.Arbitrary<PlacementState> = fc.record({
  current: name,
  challenger: name,
  challengerSince: fc.option(fc.nat(1_000_000), { nil: undefined }),
})
const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  minLength: 1,
  maxLength: 4,
})

function randomOf(values: readonly number[]): () => number {
  let next = 0
  return () => values[next++ % values.length] ?? 0
}

t.test('whatever the state, nothing outside is chosen, and what can be used is used', async () => {
  fc.assert(
    fc.property(
      policy,
      candidates,
      state,
      fc.nat(1_000_000),
      draws,
      (rules, all, before, now, values) => {
        const random = randomOf(values)
        const { choice } = choose({ policy: rules, candidates: all, state: before, now, random })
        const usable = all.filter(
          one =>
            residencyProblem(rules, one) === undefined &&
            one.weight > 0 &&
            one.breaker !== 'open' &&
            !one.tried &&
            (rules.requireEncryption === 'never' ||
              one.local ||
              one.encrypted ||
              (rules.requireEncryption === 'leaving-region' &&
                one.region !== undefined &&
                one.region === rules.homeRegion)),
        )
        const chosen = usable.find(one => one.name === choice)
        if (usable.length === 0) return choice === undefined
        if (chosen === undefined) return false
        // Spelled out here once more: this is what must never break.
        if (rules.residency === undefined) return true
        return rules.residency.some(
          pattern =>
            chosen.region !== undefined &&
            chosen.region !== '' &&
            (pattern === chosen.region ||
              (pattern.endsWith('*') && chosen.region.startsWith(pattern.slice(0, -1)))),
        )
      },
    ),
    { numRuns: 2000 },
  )
})

t.test('where none may be used, every filter that kept one out is named', async () => {
  fc.assert(
    fc.property(policy, candidates, state, draws, (rules, all, before, values) => {
      const shut = all.map((one): Candidate => ({ ...one, breaker: 'open' }))
      const { choice, explanation } = choose({
        policy: rules,
        candidates: shut,
        state: before,
        now: 0,
        random: randomOf(values),
      })
      return (
        choice === undefined &&
        explanation.candidates.every(({ name: one, verdicts }) => {
          const failed = verdicts.filter(({ passed }) => !passed)
          const part = explanation.reason.split(`${one}: `)[1]?.split(';')[0] ?? ''
          return failed.length > 0 && failed.every(({ filter }) => part.includes(`${filter} (`))
        })
      )
    }),
  )
})

t.test('shares become the weights', async () => {
  const weights = fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 4 })
  fc.assert(
    fc.property(
      weights.filter(all => all.some(weight => weight > 0)),
      all => {
        const candidatesOf = all.map((weight, index) => candidate(names[index] ?? '', { weight }))
        const rules: ChoicePolicy = {
          policy: { kind: 'weighted' },
          homeRegion: undefined,
          residency: undefined,
          requireEncryption: 'never',
        }
        const rounds = 1000
        const counts = new Map<string, number>()
        for (let round = 0; round < rounds; round++) {
          // Evenly spread draws: the shares have to be right to the last call.
          const random = (): number => (round + 0.5) / rounds
          const made = choose({
            policy: rules,
            candidates: candidatesOf,
            state: {},
            now: 0,
            random,
          })
          const chosen = made.choice ?? ''
          counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
        }
        const total = all.reduce((sum, weight) => sum + weight, 0)
        return candidatesOf.every(
          one => Math.abs((counts.get(one.name) ?? 0) - (one.weight / total) * rounds) <= 1,
        )
      },
    ),
    { numRuns: 50 },
  )
})

t.test('however scores swing, it switches no more often than once in its time', async () => {
  const latencies = fc.array(fc.tuple(positive, positive, fc.integer({ min: 1, max: 5000 })), {
    minLength: 2,
    maxLength: 100,
  })
  fc.assert(
    fc.property(latencies, steps => {
      const rules: ChoicePolicy = {
        policy: byLatency,
        homeRegion: undefined,
        residency: undefined,
        requireEncryption: 'never',
      }
      let now = 0
      let memory: PlacementState = {}
      let last: { choice: string; since: number } | undefined
      for (const [a, b, ms] of steps) {
        now += ms
        const all = [a, b].map((p95Ms, index) =>
          candidate(names[index] ?? '', { estimate: { ...noEstimate, p95Ms } }),
        )
        const made = choose({
          policy: rules,
          candidates: all,
          state: memory,
          now,
          random: () => 0.5,
        })
        memory = made.state
        if (made.choice === undefined) return false
        if (last !== undefined && made.choice !== last.choice) {
          if (now - last.since < byLatency.switchAfterMs) return false
          last = { choice: made.choice, since: now }
        }
        last ??= { choice: made.choice, since: now }
      }
      return true
    }),
  )
})

t.test('whatever comes back from backends, a lease never leads outside', async () => {
  const outcome = fc.constantFrom<Outcome>('success', 'function-error', 'failure', 'ignored')
  const step = fc.record({ outcome, ms: fc.nat(10_000), wait: fc.nat(20_000), keep: fc.boolean() })
  fc.assert(
    fc.property(policyKind, fc.array(step, { maxLength: 60 }), draws, (kind, steps, values) => {
      let now = 0
      const placed = new PlacedBackends({
        settings: {
          policy: kind,
          homeRegion: 'eu-home',
          residency: ['eu-*'],
          encryption: undefined,
          requireEncryption: 'never',
          backends: ['eu-west-1', 'us-east-1', 'eu-central-1'].map(one => lambdaSettings(one, one)),
        },
        now: () => now,
        random: randomOf(values),
      })
      for (const { outcome: result, ms, wait, keep } of steps) {
        now += wait
        const lease = placed.take()
        if (lease.backend === undefined) continue
        if (!lease.region?.startsWith('eu-')) return false
        // Some calls never come back.
        if (!keep) lease.settle({ outcome: result, ms, bytes: ms })
      }
      return true
    }),
  )
})

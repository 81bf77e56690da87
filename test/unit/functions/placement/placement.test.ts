import t from 'tap'
import {
  choose,
  type Candidate,
  type ChoicePolicy,
  type PlacementState,
} from '../../../../src/functions/placement/placement.ts'
import type { PlacementPolicy } from '../../../../src/model/function/function-placement.ts'
import { byLatency, candidate, noEstimate } from '../../../support/functions/placements.ts'

function policyOf(policy: PlacementPolicy, overrides: Partial<ChoicePolicy> = {}): ChoicePolicy {
  return {
    policy,
    homeRegion: 'eu-home',
    residency: undefined,
    requireEncryption: 'never',
    ...overrides,
  }
}

function pick(
  policy: ChoicePolicy,
  candidates: readonly Candidate[],
  {
    state = {},
    now = 0,
    draws = [0],
  }: { state?: PlacementState; now?: number; draws?: number[] } = {},
) {
  let draw = 0
  const random = (): number => draws[draw++ % draws.length] ?? 0
  return choose({ policy, candidates, state, now, random })
}

const failover = policyOf({ kind: 'failover' })
const weighted = policyOf({ kind: 'weighted' })
const cost = policyOf(byLatency)

function withLatency(name: string, p95Ms: number): Candidate {
  return candidate(name, { estimate: { ...noEstimate, p95Ms } })
}

t.test('failover takes the first that can be used', async t => {
  const a = candidate('a', { breaker: 'open' })
  const b = candidate('b', { weight: 0 })
  const c = candidate('c', { breaker: 'half-open' })
  t.equal(pick(failover, [a, b, c, candidate('d')]).choice, 'c')
  t.equal(pick(failover, [candidate('x', { tried: true }), candidate('y')]).choice, 'y')
})

t.test('weighted gives each its share', async t => {
  const candidates = [candidate('a', { weight: 1 }), candidate('b', { weight: 3 })]
  const at = (draw: number) => pick(weighted, candidates, { draws: [draw] }).choice
  t.equal(at(0), 'a')
  t.equal(at(0.249), 'a')
  t.equal(at(0.25), 'b')
  t.equal(at(0.999), 'b')
})

t.test('each filter keeps out, and says why', async t => {
  const policy = policyOf(
    { kind: 'failover' },
    { residency: ['eu-*'], requireEncryption: 'always' },
  )
  const good = { encrypted: true }
  const { choice, explanation } = pick(policy, [
    candidate('outside', { ...good, region: 'us-east-1' }),
    candidate('unknown', { ...good, region: undefined }),
    candidate('plain'),
    candidate('broken', { ...good, breaker: 'open' }),
    candidate('off', { ...good, weight: 0 }),
    candidate('again', { ...good, tried: true }),
  ])
  t.equal(choice, undefined)
  const failed = explanation.candidates.map(({ name, verdicts }) => [
    name,
    verdicts.filter(({ passed }) => !passed).map(({ filter }) => filter),
  ])
  t.same(failed, [
    ['outside', ['residency']],
    ['unknown', ['residency']],
    ['plain', ['encryption']],
    ['broken', ['breaker']],
    ['off', ['weight']],
    ['again', ['tried']],
  ])
  for (const part of ['outside: residency', 'plain: encryption', 'broken: breaker', 'off: weight'])
    t.match(explanation.reason, part)
  t.equal(pick(policy, []).explanation.reason, 'no backend is configured')
})

t.test('what leaves the region has to be encrypted, and what stays has not', async t => {
  const policy = policyOf({ kind: 'failover' }, { requireEncryption: 'leaving-region' })
  const passes = (overrides: Partial<Candidate>, from: ChoicePolicy = policy): boolean =>
    pick(from, [candidate('x', overrides)]).choice === 'x'
  t.ok(passes({ region: 'eu-home' }))
  t.notOk(passes({ region: 'eu-west-1' }))
  t.notOk(passes({ region: undefined }))
  t.ok(passes({ region: 'eu-west-1', encrypted: true }))
  t.ok(passes({ local: true, region: undefined }))
  const nowhere = { ...policy, homeRegion: undefined }
  t.notOk(passes({ region: undefined }, nowhere))
})

t.test('cost takes the lowest score, and shows each term', async t => {
  const { choice, state, explanation } = pick(cost, [withLatency('a', 200), withLatency('b', 50)])
  t.equal(choice, 'b')
  t.same(state, { current: 'b' })
  t.match(explanation.candidates, [
    { name: 'a', score: { costTerm: 0, latencyTerm: 2, errorTerm: 0, total: 2 } },
    { name: 'b', score: { latencyTerm: 0.5, total: 0.5 } },
  ])
  t.equal(pick(failover, [candidate('a')]).explanation.candidates[0]?.score, undefined)
})

t.test('another is switched to when it is better by enough, for long enough', async t => {
  let state: PlacementState = { current: 'a' }
  const step = (now: number, b: number) => {
    const made = pick(cost, [withLatency('a', 100), withLatency('b', b)], { state, now })
    state = made.state
    return made.choice
  }
  t.equal(step(0, 81), 'a')
  t.equal(state.challenger, undefined)
  t.equal(step(1, 79), 'a')
  t.equal(step(10_000, 79), 'a')
  t.equal(step(10_001, 79), 'b')
  t.same(state, { current: 'b' })
})

t.test('who was better for a while only begins anew', async t => {
  const candidates = (b: number) => [withLatency('a', 100), withLatency('b', b)]
  let state: PlacementState = { current: 'a' }
  for (const [now, b] of [
    [0, 50],
    [9000, 90],
    [9500, 50],
    [11_000, 50],
  ] as const) {
    const made = pick(cost, candidates(b), { state, now })
    state = made.state
    t.equal(made.choice, 'a')
  }
  t.equal(state.challengerSince, 9500)
})

t.test('one that can not be used any more is left at once', async t => {
  const broken = { ...withLatency('a', 10), breaker: 'open' as const }
  const { choice } = pick(cost, [broken, withLatency('b', 500)], { state: { current: 'a' } })
  t.equal(choice, 'b')
})

t.test('exploration tries others, and stays with none', async t => {
  const policy = policyOf({ ...byLatency, exploration: 0.05 })
  const all = [withLatency('a', 10), withLatency('b', 500), withLatency('c', 500)]
  const { choice, state, explanation } = pick(policy, all, { draws: [0.049, 0.9] })
  t.equal(choice, 'c')
  t.same(state, { current: 'a' })
  t.match(explanation.reason, 'to learn')
  t.equal(pick(policy, all, { draws: [0.05] }).choice, 'a')
  t.equal(pick(policy, all.slice(0, 1), { draws: [0] }).choice, 'a')
})

t.test('an explanation is plain data', async t => {
  const { explanation } = pick(cost, [withLatency('a', 10), candidate('b', { weight: 0 })])
  t.same(JSON.parse(JSON.stringify(explanation)).choice, 'a')
})

import type { Random } from '../../base/random.ts'
import type { BreakerState } from './backend-breaker.ts'
import type { Estimate } from './backend-stats.ts'
import { residencyProblem } from '../../model/function/residency.ts'
import { scoreOf, type Score } from './score.ts'
import type {
  BackendPrice,
  CostPolicy,
  EncryptionRule,
  PlacementPolicy,
} from '../../model/function/function-placement.ts'

/** What a choice is made by. Part of {@link PlacementSettings}. */
export interface ChoicePolicy {
  readonly policy: PlacementPolicy
  readonly homeRegion: string | undefined
  readonly residency: readonly string[] | undefined
  readonly requireEncryption: EncryptionRule
}

/** A backend as it is at the moment. */
export interface Candidate {
  readonly name: string
  readonly kind: string
  /** Of the local one: the host's. */
  readonly region: string | undefined
  readonly local: boolean
  readonly encrypted: boolean
  readonly weight: number
  readonly price: BackendPrice | undefined
  readonly breaker: BreakerState
  readonly estimate: Estimate
  /** This call was there already. */
  readonly tried: boolean
}

/** What `cost` remembers between choices. Monotonic ms. */
export interface PlacementState {
  readonly current?: string | undefined
  readonly challenger?: string | undefined
  readonly challengerSince?: number | undefined
}

interface Verdict {
  readonly filter: 'residency' | 'encryption' | 'breaker' | 'weight' | 'tried'
  readonly passed: boolean
  readonly reason: string
}

interface CandidateExplanation {
  readonly name: string
  readonly kind: string
  readonly region: string | undefined
  readonly verdicts: readonly Verdict[]
  readonly eligible: boolean
  readonly weight: number
  /** Of `cost`. */
  readonly score: Score | undefined
  readonly breaker: BreakerState
  readonly estimate: Estimate
}

/** Plain data, for people. */
export interface Explanation {
  readonly policy: PlacementPolicy['kind']
  readonly choice: string | undefined
  readonly reason: string
  readonly candidates: readonly CandidateExplanation[]
}

export interface ChoiceInput {
  readonly policy: ChoicePolicy
  /** In the order of `failover`. */
  readonly candidates: readonly Candidate[]
  readonly state: PlacementState
  /** Monotonic ms. */
  readonly now: number
  readonly random: Random
}

export interface Choice {
  /** Undefined: none may be used; the explanation says why for each. */
  readonly choice: string | undefined
  readonly state: PlacementState
  readonly explanation: Explanation
}

interface Picked {
  readonly name: string
  readonly reason: string
  readonly state: PlacementState
}

/** Where the next call goes. Reads no clock, and changes nothing. */
export function choose({ policy, candidates, state, now, random }: ChoiceInput): Choice {
  const explained = candidates.map(candidate => explain(policy, candidate))
  const eligible = explained.filter(one => one.eligible)
  const picked = pick(policy.policy, eligible, { state, now, random })
  return {
    choice: picked?.name,
    state: picked?.state ?? state,
    explanation: {
      policy: policy.policy.kind,
      choice: picked?.name,
      reason: picked?.reason ?? noneReason(explained),
      candidates: explained,
    },
  }
}

function explain(policy: ChoicePolicy, candidate: Candidate): CandidateExplanation {
  const verdicts = verdictsOf(policy, candidate)
  const { name, kind, region, weight, breaker, estimate, price } = candidate
  const score = policy.policy.kind === 'cost' ? scoreOf(policy.policy, estimate, price) : undefined
  const eligible = verdicts.every(({ passed }) => passed)
  return { name, kind, region, verdicts, eligible, weight, score, breaker, estimate }
}

function verdictsOf(policy: ChoicePolicy, candidate: Candidate): readonly Verdict[] {
  const outside = residencyProblem(policy, candidate)
  const plain = encryptionProblem(policy, candidate)
  const { breaker, weight, tried } = candidate
  return [
    verdict('residency', outside, 'its region is allowed'),
    verdict('encryption', plain, 'what it gets is as encrypted as it has to be'),
    verdict('breaker', breaker === 'open' ? 'it failed too often lately' : undefined, breaker),
    verdict('weight', weight > 0 ? undefined : 'its weight is 0', `its weight is ${weight}`),
    verdict('tried', tried ? 'this call has failed there already' : undefined, 'not tried yet'),
  ]
}

function verdict(
  filter: Verdict['filter'],
  problem: string | undefined,
  otherwise: string,
): Verdict {
  return { filter, passed: problem === undefined, reason: problem ?? otherwise }
}

/** A region that nobody has named is another one. */
function encryptionProblem(
  { requireEncryption, homeRegion }: ChoicePolicy,
  { local, encrypted, region }: Candidate,
): string | undefined {
  if (requireEncryption === 'never' || local || encrypted) return undefined
  if (requireEncryption === 'leaving-region' && region !== undefined && region === homeRegion)
    return undefined
  return 'its events have to be encrypted, and no key is configured'
}

interface PickContext {
  readonly state: PlacementState
  readonly now: number
  readonly random: Random
}

function pick(
  policy: PlacementPolicy,
  eligible: readonly CandidateExplanation[],
  context: PickContext,
): Picked | undefined {
  const [first] = eligible
  if (first === undefined) return undefined
  switch (policy.kind) {
    case 'failover':
      return { name: first.name, reason: 'the first that can be used', state: context.state }
    case 'weighted':
      return pickWeighted(eligible, context)
    case 'cost':
      return pickCheapest(policy, eligible, context)
  }
}

function pickWeighted(
  eligible: readonly CandidateExplanation[],
  { state, random }: PickContext,
): Picked | undefined {
  const total = eligible.reduce((sum, { weight }) => sum + weight, 0)
  let rest = random() * total
  // The last takes what rounding leaves.
  const chosen = eligible.find(({ weight }) => (rest -= weight) < 0) ?? eligible.at(-1)
  if (chosen === undefined) return undefined
  return { name: chosen.name, reason: `by its weight, ${chosen.weight} of ${total}`, state }
}

function pickCheapest(
  policy: CostPolicy,
  eligible: readonly CandidateExplanation[],
  context: PickContext,
): Picked | undefined {
  const settled = settle(policy, eligible, context)
  const others = eligible.filter(({ name }) => name !== settled?.name)
  if (settled === undefined || others.length === 0) return settled
  if (context.random() >= policy.exploration) return settled
  const explored = others[Math.floor(context.random() * others.length)]
  if (explored === undefined) return settled
  // To learn of it is no reason to stay there.
  return { name: explored.name, reason: 'to learn what it is like', state: settled.state }
}

/** The one in use stays until another has been better, by the margin, for long enough. */
function settle(
  policy: CostPolicy,
  eligible: readonly CandidateExplanation[],
  { state, now }: PickContext,
): Picked | undefined {
  const best = lowest(eligible)
  if (best === undefined) return undefined
  const current = eligible.find(({ name }) => name === state.current)
  if (current === undefined)
    return { name: best.name, reason: 'the lowest score', state: { current: best.name } }
  const keep = { name: current.name }
  if (best === current)
    return { ...keep, reason: 'the lowest score', state: { current: current.name } }
  if (totalOf(best) >= totalOf(current) * (1 - policy.switchMargin))
    return { ...keep, reason: 'no other is better by enough', state: { current: current.name } }
  const since = state.challenger === best.name ? (state.challengerSince ?? now) : now
  if (now - since >= policy.switchAfterMs)
    return { name: best.name, reason: 'better for long enough', state: { current: best.name } }
  return {
    ...keep,
    reason: `${best.name} is better, but not for long enough yet`,
    state: { current: current.name, challenger: best.name, challengerSince: since },
  }
}

function lowest(eligible: readonly CandidateExplanation[]): CandidateExplanation | undefined {
  return eligible.reduce<CandidateExplanation | undefined>(
    (best, one) => (best === undefined || totalOf(one) < totalOf(best) ? one : best),
    undefined,
  )
}

function totalOf({ score }: CandidateExplanation): number {
  return score?.total ?? Number.POSITIVE_INFINITY
}

function noneReason(explained: readonly CandidateExplanation[]): string {
  if (explained.length === 0) return 'no backend is configured'
  const each = explained.map(({ name, verdicts }) => {
    const failed = verdicts.filter(({ passed }) => !passed)
    return `${name}: ${failed.map(({ filter, reason }) => `${filter} (${reason})`).join(', ')}`
  })
  return `no backend may be used: ${each.join('; ')}`
}

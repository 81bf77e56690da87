import type { AuthorizationAction } from '../../model/policy/authorization.ts'

/** What became of a request. */
export interface Decision {
  readonly isAllowed: boolean
  /** The policy to name in the log; undefined: none has anything to say. */
  readonly note: PolicyNote | undefined
}

/** For the access log: which policy has what to say of a request. */
export interface PolicyNote {
  readonly policy: string
  readonly verdict: 'denied' | 'would_deny' | 'audited'
  /** With this note. */
  readonly decision: Decision
}

/** How often one policy has had a say. */
export class PolicyCounts {
  readonly name: string
  readonly action: AuthorizationAction
  allowed = 0
  deniedCount = 0
  wouldDenyCount = 0
  auditedCount = 0
  readonly #denied: PolicyNote
  readonly #wouldDeny: PolicyNote
  readonly #audited: PolicyNote

  constructor(name: string, action: AuthorizationAction) {
    this.name = name
    this.action = action
    this.#denied = noteOf(name, 'denied')
    this.#wouldDeny = noteOf(name, 'would_deny')
    this.#audited = noteOf(name, 'audited')
  }

  denied(): Decision {
    this.deniedCount++
    return this.#denied.decision
  }

  wouldDeny(): PolicyNote {
    this.wouldDenyCount++
    return this.#wouldDeny
  }

  /** @param note of a policy that is named before this one. */
  audit(note: PolicyNote | undefined): PolicyNote {
    this.auditedCount++
    return note ?? this.#audited
  }
}

function noteOf(policy: string, verdict: PolicyNote['verdict']): PolicyNote {
  const decision: { isAllowed: boolean; note: PolicyNote | undefined } = {
    isAllowed: verdict !== 'denied',
    note: undefined,
  }
  const note: PolicyNote = { policy, verdict, decision }
  decision.note = note
  return note
}

/** Names of a line of the log; of more policies the rest is left out. */
const maxNames = 5

/** Counts of all policies, which outlive snapshots. There are as many as policies are configured. */
export class PolicyCounters {
  #counts = new Map<string, PolicyCounts>()
  #former = new Map<string, PolicyCounts>()

  /** A new set of policies follows: those that are not asked for again are forgotten. */
  begin(): void {
    this.#former = this.#counts
    this.#counts = new Map()
  }

  of(name: string, action: AuthorizationAction): PolicyCounts {
    const key = `${action} ${name}`
    const counts = this.#counts.get(key) ?? this.#former.get(key) ?? new PolicyCounts(name, action)
    this.#counts.set(key, counts)
    return counts
  }

  /** Of requests that none of these, which open something, has opened. */
  unmatched(names: readonly string[]): PolicyCounts {
    const more = names.length > maxNames ? ', …' : ''
    return this.of(`no rule of ${names.slice(0, maxNames).join(', ')}${more}`, 'allow')
  }

  all(): Iterable<PolicyCounts> {
    return this.#counts.values()
  }
}

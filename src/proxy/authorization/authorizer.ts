import type { AuthorizationPolicy, AuthorizationRule } from '../../model/policy/authorization.ts'
import { callerOf, CallerMatcher, type Caller } from './caller-matcher.ts'
import type { Decision, PolicyCounters, PolicyCounts } from './policy-counters.ts'
import { compileRequest, compileTcpRequest, type RequestMatcher } from './request-matcher.ts'
import type { RequestView } from './request-view.ts'

/** Callers that are remembered for one port: there are as many as service accounts, or some attack. */
const maxCallers = 1024
/** Ports of which there can be more than an application declares, in transparent mode. */
const maxPorts = 256

const allowed: Decision = { isAllowed: true, note: undefined }

/**
 * Decides by the policies of one snapshot. What depends on the caller and the port alone is worked out when the first
 * request of a caller comes: of the others only those rules are asked that could concern him.
 */
export class Authorizer {
  readonly #policies: readonly CompiledPolicy[]
  readonly #unmatched: (policies: readonly CompiledPolicy[]) => PolicyCounts
  readonly #ports = new Map<number, PortRules>()

  constructor(policies: readonly AuthorizationPolicy[], counters: PolicyCounters) {
    this.#policies = policies.map(policy => new CompiledPolicy(policy, counters))
    this.#unmatched = none => counters.unmatched(none.map(({ name }) => name))
  }

  decide(view: RequestView, peerIdentity: string | undefined, isTcp: boolean): Decision {
    let port = this.#ports.get(view.port)
    if (port === undefined) {
      if (this.#ports.size >= maxPorts) this.#ports.clear()
      port = new PortRules(this.#policies, view.port, this.#unmatched)
      this.#ports.set(view.port, port)
    }
    return port.of(peerIdentity, isTcp).decide(view)
  }
}

/** The policies that are for one port. */
class PortRules {
  readonly #policies: readonly CompiledPolicy[]
  readonly #unmatched: PolicyCounts
  readonly #http = new Map<string | undefined, CallerRules>()
  readonly #tcp = new Map<string | undefined, CallerRules>()

  constructor(
    policies: readonly CompiledPolicy[],
    port: number,
    unmatched: (policies: readonly CompiledPolicy[]) => PolicyCounts,
  ) {
    this.#policies = policies.filter(({ ports }) => ports?.has(port) ?? true)
    this.#unmatched = unmatched(this.#policies.filter(policy => policy.opens))
  }

  of(peerIdentity: string | undefined, isTcp: boolean): CallerRules {
    const known = isTcp ? this.#tcp : this.#http
    const rules = known.get(peerIdentity)
    if (rules !== undefined) return rules
    if (known.size >= maxCallers) known.clear()
    const compiled = new CallerRules(this.#policies, this.#unmatched, {
      caller: callerOf(peerIdentity),
      isTcp,
    })
    known.set(peerIdentity, compiled)
    return compiled
  }
}

interface Side {
  readonly caller: Caller | undefined
  readonly isTcp: boolean
}

/** A rule that fits a caller, and what it asks of the request. */
interface BoundRule {
  readonly counts: PolicyCounts
  readonly request: RequestMatcher
}

/** What is left to ask of the requests of one caller to one port. */
class CallerRules {
  readonly #deny: readonly BoundRule[]
  readonly #allow: readonly BoundRule[]
  readonly #audit: readonly BoundRule[]
  readonly #dryDeny: readonly BoundRule[]
  readonly #dryAllow: readonly BoundRule[]
  /** Dry policies of which one would have to fit. */
  readonly #dryPolicies: readonly PolicyCounts[]
  readonly #hasAllow: boolean
  readonly #unmatched: PolicyCounts
  readonly #isSilent: boolean

  constructor(policies: readonly CompiledPolicy[], unmatched: PolicyCounts, side: Side) {
    const bound = (action: AuthorizationPolicy['action'], isDry: boolean): BoundRule[] =>
      policies
        .filter(policy => policy.action === action && policy.isDry === isDry)
        .flatMap(policy => policy.rulesFor(side))
    this.#deny = bound('deny', false)
    // What fits always is asked first.
    this.#allow = bound('allow', false).toSorted(
      (a, b) => Number(b.request.isUnconditional) - Number(a.request.isUnconditional),
    )
    this.#audit = [...bound('audit', false), ...bound('audit', true)]
    this.#dryDeny = bound('deny', true)
    this.#dryAllow = bound('allow', true)
    this.#dryPolicies = policies
      .filter(policy => policy.action === 'allow' && policy.isDry)
      .map(({ counts }) => counts)
    this.#hasAllow = policies.some(policy => policy.opens)
    this.#unmatched = unmatched
    this.#isSilent = this.#audit.length + this.#dryDeny.length + this.#dryPolicies.length === 0
  }

  decide(view: RequestView): Decision {
    const denied = firstFit(this.#deny, view)
    if (denied !== undefined) return denied.counts.denied()
    let isOpened = false
    if (this.#hasAllow) {
      const opened = firstFit(this.#allow, view)
      if (opened === undefined) return this.#unmatched.denied()
      opened.counts.allowed++
      isOpened = true
    }
    return this.#isSilent ? allowed : this.#observe(view, isOpened)
  }

  /** What only looks on: dry runs first, since their word is what somebody waits for. */
  #observe(view: RequestView, isOpened: boolean): Decision {
    let note = firstFit(this.#dryDeny, view)?.counts.wouldDeny()
    if (this.#dryPolicies.length > 0) {
      const opened = firstFit(this.#dryAllow, view)
      if (opened !== undefined) opened.counts.allowed++
      // Together with those that hold already, one has to fit.
      else if (!isOpened) for (const counts of this.#dryPolicies) note ??= counts.wouldDeny()
    }
    for (const { counts, request } of this.#audit)
      if (request.matches(view)) note = counts.audit(note)
    return note === undefined ? allowed : note.decision
  }
}

function firstFit(rules: readonly BoundRule[], view: RequestView): BoundRule | undefined {
  for (const rule of rules) if (rule.request.matches(view)) return rule
  return undefined
}

class CompiledPolicy {
  readonly name: string
  readonly action: AuthorizationPolicy['action']
  readonly isDry: boolean
  readonly ports: ReadonlySet<number> | undefined
  readonly counts: PolicyCounts
  readonly #rules: readonly AuthorizationRule[]

  constructor(
    { name, action, dryRun, ports, rules }: AuthorizationPolicy,
    counters: PolicyCounters,
  ) {
    this.name = name
    this.action = action
    this.isDry = dryRun === true
    this.ports = ports && new Set(ports)
    this.counts = counters.of(name, action)
    this.#rules = rules
  }

  /** By its being there all is shut that none opens. */
  get opens(): boolean {
    return this.action === 'allow' && !this.isDry
  }

  rulesFor({ caller, isTcp }: Side): BoundRule[] {
    const leaning = this.action === 'allow' ? 'strict' : 'loose'
    return this.#rules.flatMap(rule => {
      const { from } = rule
      if (from?.some(source => new CallerMatcher(source, leaning).matches(caller)) === false)
        return []
      const request = isTcp ? compileTcpRequest(rule, leaning) : compileRequest(rule, leaning)
      return request === undefined ? [] : [{ counts: this.counts, request }]
    })
  }
}

import type { Configuration } from '../../model/configuration.ts'
import type { BackendTrafficPolicyResource } from '../../model/kinds/traffic/backend-traffic-policy.ts'
import type { TrafficPolicyResource } from '../../model/kinds/traffic-policy.ts'
import { qualify } from '../../model/qualified-name.ts'

export type TrafficPolicySpec = TrafficPolicyResource['spec']

/** What can be said of a route beside what is said of its Service. */
export type RoutePolicySpec = Pick<
  TrafficPolicySpec,
  'retry' | 'hedging' | 'faults' | 'circuitBreaker' | 'timeouts'
>

/** A rule of a route, as a policy names it. */
export interface RuleName {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly rule: string | undefined
}

/** The TrafficPolicies of a configuration by what they are for. */
export class TrafficPolicies {
  readonly #byTarget: ReadonlyMap<string, TrafficPolicySpec>
  readonly #retryBudgets = new Map<string, NonNullable<TrafficPolicySpec['retryBudget']>>()

  constructor({ trafficPolicies, backendTrafficPolicies }: Policies) {
    this.#byTarget = new Map(trafficPolicies.map(policy => [keyOf(policy), policy.spec]))
    for (const { metadata, spec } of backendTrafficPolicies)
      for (const { name } of spec.targetRefs) {
        const service = qualify({ name, namespace: metadata.namespace })
        const { retryConstraint } = spec
        if (retryConstraint !== undefined && !this.#retryBudgets.has(service))
          this.#retryBudgets.set(service, retryBudgetOf(retryConstraint))
      }
  }

  /** That of the port, else that of the whole Service. @param service `orders.default`. */
  ofService(service: string, port: number): TrafficPolicySpec | undefined {
    const own = this.#byTarget.get(`${service}:${port}`) ?? this.#byTarget.get(service)
    const budget = this.#retryBudgets.get(service)
    if (budget === undefined) return own
    const { targetRef = serviceTarget(service), ...rest } = own ?? {}
    return { targetRef, ...rest, retryBudget: { ...budget, ...own?.retryBudget } }
  }

  /** That of the port, else that of all its hosts. */
  ofEntry(entry: RuleName['metadata'], port: number): TrafficPolicySpec | undefined {
    const key = `ServiceEntry ${qualify(entry)}`
    return this.#byTarget.get(`${key}:${port}`) ?? this.#byTarget.get(key)
  }

  /** What its own policies say; that of the rule before that of the whole route. */
  ofRule({ kind, metadata, rule }: RuleName): RoutePolicySpec | undefined {
    const route = `${kind} ${qualify(metadata)}`
    const whole = this.#byTarget.get(route)
    const own = rule === undefined ? undefined : this.#byTarget.get(`${route} ${rule}`)
    return own === undefined || whole === undefined ? (own ?? whole) : withDefaults(own, whole)
  }
}

type Policies = Pick<Configuration, 'trafficPolicies' | 'backendTrafficPolicies'>

/** What `own` leaves out is as in `defaults`. */
export function withDefaults(
  own: RoutePolicySpec | undefined,
  defaults: RoutePolicySpec | undefined,
): RoutePolicySpec {
  const { retry, timeouts } = limitsTries(own) ? withoutTryLimit(defaults) : (defaults ?? {})
  return {
    ...defaults,
    ...own,
    retry: { ...retry, ...own?.retry },
    timeouts: { ...timeouts, ...own?.timeouts },
  }
}

/** There are two words for the limit of a try: whoever is nearer has said all of it with either. */
function limitsTries({ retry, timeouts }: RoutePolicySpec = {}): boolean {
  return retry?.perTryTimeout !== undefined || timeouts?.backendRequest !== undefined
}

function withoutTryLimit({ retry, timeouts }: RoutePolicySpec = {}): Pick<
  RoutePolicySpec,
  'retry' | 'timeouts'
> {
  return {
    retry: { ...retry, perTryTimeout: undefined },
    timeouts: { ...timeouts, backendRequest: undefined },
  }
}

function keyOf({ metadata, spec }: TrafficPolicyResource): string {
  const { kind, name, port, sectionName } = spec.targetRef
  const named = qualify({ name, namespace: metadata.namespace })
  const target = kind === 'Service' ? named : `${kind} ${named}`
  if (sectionName !== undefined) return `${target} ${sectionName}`
  return port === undefined ? target : `${target}:${port}`
}

function serviceTarget(service: string): TrafficPolicySpec['targetRef'] {
  return { kind: 'Service', name: service.slice(0, service.indexOf('.')) }
}

/** GEP-3388: a share of the requests of the interval, and a rate that is always allowed. */
function retryBudgetOf({
  budget,
  minRetryRate,
}: NonNullable<BackendTrafficPolicyResource['spec']['retryConstraint']>): NonNullable<
  TrafficPolicySpec['retryBudget']
> {
  return {
    ratio: budget.percent / 100,
    window: budget.interval,
    minPerSecond: (minRetryRate.count * 1000) / minRetryRate.interval,
  }
}

import type { Now } from '../../base/clock.ts'
import type { RequestHead } from '../../http/message.ts'
import type { HedgingPolicy } from '../../model/policy/hedging.ts'
import type { HeaderMatch, Route } from '../../model/route.ts'
import { CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import type { ActiveFault } from '../exchange/fault-injector.ts'
import { compileConditions, RequestView } from './route-matcher.ts'

/** What few routes have. */
export interface RoutePolicies {
  readonly hedging: HedgingPolicy | undefined
  readonly faults: readonly ActiveFault[] | undefined
  /** Of its own. */
  readonly breaker: CircuitBreaker | undefined
}

interface KnownBreaker {
  readonly breaker: CircuitBreaker
  /** Its policy, to see whether it has changed. */
  readonly policy: string
}

/** The circuit breakers of routes, whose state outlives snapshots as long as the route is there and its policy the same. */
export class RouteBreakers {
  readonly #now: Now
  #known = new Map<string, KnownBreaker>()
  #next = new Map<string, KnownBreaker>()

  constructor(now: Now) {
    this.#now = now
  }

  /** Those in force, by `<service> <route>`. */
  get all(): ReadonlyMap<string, { readonly breaker: CircuitBreaker }> {
    return this.#known
  }

  /** Undefined: the route has nothing beside what every route has. */
  policiesOf(service: string, route: Route): RoutePolicies | undefined {
    const { hedging, faults } = route
    const breaker = this.#breakerOf(`${service} ${route.name}`, route)
    if (hedging === undefined && faults === undefined && breaker === undefined) return undefined
    const active = faults?.map(policy => ({
      policy,
      matches: matcherOf(policy.headers ?? []),
    }))
    return { hedging, faults: active, breaker }
  }

  /** All routes of the snapshot were asked for: the others are gone. */
  settle(): void {
    for (const [name, { breaker }] of this.#known)
      if (this.#next.get(name)?.breaker !== breaker) breaker.shutdown()
    this.#known = this.#next
    this.#next = new Map()
  }

  close(): void {
    this.#next = new Map()
    this.settle()
  }

  /** A rule has a Route for each of its matches, and one breaker for all of them. */
  #breakerOf(name: string, { circuitBreaker }: Route): CircuitBreaker | undefined {
    if (circuitBreaker === undefined) return undefined
    const policy = JSON.stringify(circuitBreaker)
    const known = this.#next.get(name) ?? this.#known.get(name)
    const kept = known?.policy === policy ? known : undefined
    const entry = kept ?? {
      breaker: new CircuitBreaker(`route ${name}`, circuitBreaker, this.#now),
      policy,
    }
    this.#next.set(name, entry)
    return entry.breaker
  }
}

const view = new RequestView()

function matcherOf(headers: readonly HeaderMatch[]): (request: RequestHead) => boolean {
  const conditions = compileConditions({ headers })
  return request => {
    view.look(request)
    return conditions.every(holds => holds(view))
  }
}

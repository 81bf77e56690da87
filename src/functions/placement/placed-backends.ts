import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { BackendBreaker, type BreakerState, type Outcome, type Permit } from './backend-breaker.ts'
import { BackendStats, type Observation } from './backend-stats.ts'
import {
  choose,
  type Candidate,
  type Choice,
  type Explanation,
  type PlacementState,
} from './placement.ts'
import { assertResident, regionOf } from '../../model/function/residency.ts'
import type { BackendSettings, PlacementSettings } from '../../model/function/function-placement.ts'

interface PlacedBackendsOptions {
  readonly settings: PlacementSettings
  readonly now: Now
  readonly random: Random
}

/** A call's leave to go to a backend. Has to be settled, once. */
export interface Lease {
  readonly backend: string
  /** The region that its data goes to. */
  readonly region: string | undefined
  readonly reason: string
  settle(observation: Observation): void
}

/** None may be used, for the reasons that are given. */
export interface NoBackend {
  readonly backend: undefined
  readonly reason: string
}

interface Place {
  readonly settings: BackendSettings
  readonly region: string | undefined
  readonly breaker: BackendBreaker
  readonly stats: BackendStats
}

const nothingTried: ReadonlySet<string> = new Set()

/** The backends of one function, what is known of them, and which gets the next call. */
export class PlacedBackends {
  readonly #options: PlacedBackendsOptions
  readonly #places: ReadonlyMap<string, Place>
  #state: PlacementState = {}

  constructor(options: PlacedBackendsOptions) {
    const { backends, homeRegion } = options.settings
    this.#options = options
    this.#places = new Map(
      backends.map(settings => [
        settings.name,
        {
          settings,
          region: regionOf(settings, homeRegion),
          breaker: new BackendBreaker(),
          stats: new BackendStats(),
        },
      ]),
    )
  }

  /**
   * `tried`: where this call has failed already.
   * @throws ResidencyError when what was chosen lies outside all the same: then the choice has a bug.
   */
  take(tried: ReadonlySet<string> = nothingTried): Lease | NoBackend {
    const now = this.#options.now()
    const { choice, state, explanation } = this.#choose(now, tried)
    // Where this call may not go again is no news for those that come after it.
    if (tried.size === 0) this.#state = state
    const { reason } = explanation
    const place = choice === undefined ? undefined : this.#places.get(choice)
    if (place === undefined) return { backend: undefined, reason }
    const { name } = place.settings
    assertResident(this.#options.settings, { name, region: place.region })
    const permit = place.breaker.tryAcquire(now)
    if (permit === undefined) return { backend: undefined, reason: `${name}: its breaker is open` }
    return {
      backend: name,
      region: place.region,
      reason,
      settle: observation => this.#settle(place, permit, observation),
    }
  }

  /** What would be chosen now, and why. Changes nothing. */
  explain(): Explanation {
    return this.#choose(this.#options.now(), nothingTried).explanation
  }

  breakerState(name: string): BreakerState | undefined {
    return this.#places.get(name)?.breaker.state(this.#options.now())
  }

  #choose(now: number, tried: ReadonlySet<string>): Choice {
    const { settings, random } = this.#options
    const candidates = [...this.#places.values()].map(place =>
      candidateOf(place, { settings, now, tried }),
    )
    return choose({ policy: settings, candidates, state: this.#state, now, random })
  }

  #settle({ breaker, stats }: Place, permit: Permit, observation: Observation): void {
    const now = this.#options.now()
    breaker.settle(permit, observation.outcome satisfies Outcome, now)
    stats.observe(observation, now)
  }
}

interface Moment {
  readonly settings: PlacementSettings
  readonly now: number
  readonly tried: ReadonlySet<string>
}

function candidateOf(place: Place, { settings: { encryption }, now, tried }: Moment): Candidate {
  const { settings, region, breaker, stats } = place
  const { name, kind, weight, price } = settings
  const local = kind === 'local'
  return {
    name,
    kind,
    region,
    local,
    encrypted: !local && encryption !== undefined,
    weight,
    price,
    breaker: breaker.state(now),
    estimate: stats.estimate(now),
    tried: tried.has(name),
  }
}

import type { ActiveEndpoint } from '../../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../../upstream/cluster.ts'
import type { SessionToken } from './session-token.ts'

/** Where a client is kept. */
export interface SessionPlace {
  readonly cluster: ActiveCluster
  readonly endpoint: ActiveEndpoint
}

/** Of one exchange on a route that keeps clients at their endpoints. */
export class Session {
  /** What the client brought, if it is good still; a session that is new has none. */
  readonly token: SessionToken | undefined
  #preferred: SessionPlace | undefined

  constructor(token: SessionToken | undefined, preferred: SessionPlace | undefined) {
    this.token = token
    this.#preferred = preferred
  }

  /**
   * The endpoint for the first try, if it may serve and is still there, for the exchange may have waited; further tries go
   * where the balancer says.
   */
  take(): ActiveEndpoint | undefined {
    const place = this.#preferred
    this.#preferred = undefined
    return place?.cluster.offers(place.endpoint) === true ? place.endpoint : undefined
  }
}

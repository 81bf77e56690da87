import type { ActiveEndpoint } from '../../upstream/active-endpoint.ts'
import type { SessionToken } from './session-token.ts'

/** Of one exchange on a route that keeps clients at their endpoints. */
export class Session {
  /** What the client brought, if it is good still; a session that is new has none. */
  readonly token: SessionToken | undefined
  #preferred: ActiveEndpoint | undefined

  constructor(token: SessionToken | undefined, preferred: ActiveEndpoint | undefined) {
    this.token = token
    this.#preferred = preferred
  }

  /** The endpoint for the first try, if it may serve; further tries go where the balancer says. */
  take(): ActiveEndpoint | undefined {
    const endpoint = this.#preferred
    this.#preferred = undefined
    return endpoint?.available === true ? endpoint : undefined
  }
}

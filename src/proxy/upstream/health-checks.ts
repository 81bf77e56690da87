import type { Random } from '../../base/random.ts'
import type { HealthCheckPolicy } from '../../model/cluster.ts'
import type { ActiveEndpoint } from './active-endpoint.ts'
import { startHealthCheck, type StopCheck } from './health-checker.ts'

/** The active checks of one cluster: of its endpoints outside the mesh, since those inside report for themselves. */
export class HealthChecks {
  readonly #random: Random
  readonly #running = new Map<ActiveEndpoint, StopCheck>()
  #policy: HealthCheckPolicy | undefined

  constructor(random: Random) {
    this.#random = random
  }

  /** Starts and ends checks so that they fit; a changed policy starts all of them anew. */
  update(policy: HealthCheckPolicy | undefined, endpoints: readonly ActiveEndpoint[]): void {
    if (JSON.stringify(policy) !== JSON.stringify(this.#policy)) this.close()
    this.#policy = policy
    const wanted = new Set(endpoints.filter(({ endpoint }) => endpoint.mesh === undefined))
    for (const state of this.#running.keys()) if (!wanted.has(state)) this.#stop(state)
    if (policy === undefined) return
    for (const state of wanted) if (!this.#running.has(state)) this.#start(state, policy)
  }

  close(): void {
    for (const state of this.#running.keys()) this.#stop(state)
  }

  #start(state: ActiveEndpoint, policy: HealthCheckPolicy): void {
    const { address, port } = state.endpoint
    const stop = startHealthCheck({
      target: { host: address, port },
      policy,
      random: this.#random,
      onChange: healthy => {
        state.healthy = healthy
      },
    })
    this.#running.set(state, stop)
  }

  /** Nobody would find out any more that it recovered. */
  #stop(state: ActiveEndpoint): void {
    this.#running.get(state)?.()
    this.#running.delete(state)
    state.healthy = true
  }
}

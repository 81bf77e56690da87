import type { AdaptiveConcurrencyPolicy } from '../../model/policy/adaptive-concurrency.ts'
import type { Configuration } from '../../model/configuration.ts'
import type { ServiceResource } from '../../model/kinds/service.ts'
import { qualify } from '../../model/qualified-name.ts'
import { PolicyScopes, type PolicyWorkload } from './authorization/policy-scope.ts'
import { compileAdaptiveConcurrency } from './cluster-compiler.ts'
import { meshPorts } from './matching/backend-index.ts'
import type { TrafficPolicies } from './traffic-policies.ts'

/** What limits calls of the ports of one workload's application, by their numbers. */
type PortLimits = Readonly<Record<string, AdaptiveConcurrencyPolicy>>

interface LimitedPort {
  readonly service: ServiceResource
  /** Of the Service. */
  readonly port: number
  readonly limit: AdaptiveConcurrencyPolicy
}

/**
 * The limits that sidecars hold for their own applications, as the workloads of a Service and not as its endpoints: one
 * that fails its health check under load, or is about to leave, is none of these and needs its limit most.
 */
export class InboundLimits {
  readonly #configuration: Configuration
  readonly #limited: readonly LimitedPort[]
  #scopes: PolicyScopes | undefined

  constructor(configuration: Configuration, policies: TrafficPolicies) {
    this.#configuration = configuration
    this.#limited = configuration.services.flatMap(service =>
      meshPorts(service).flatMap(({ port }) => {
        const limit = policies.ofService(qualify(service.metadata), port)?.adaptiveConcurrency
        return limit?.at === 'inbound'
          ? [{ service, port, limit: compileAdaptiveConcurrency(limit) }]
          : []
      }),
    )
  }

  /** Undefined: nothing of it is limited so. */
  of(workload: PolicyWorkload): PortLimits | undefined {
    if (this.#limited.length === 0) return undefined
    const scopes = (this.#scopes ??= new PolicyScopes(this.#configuration))
    const limits = this.#limited.flatMap(({ service, port, limit }) => {
      const scope = scopes.ofService(service, [port], workload)
      // Of a port whose number is not known yet there is nothing to limit.
      return scope === undefined || scope === 'all' ? [] : scope.map(target => [target, limit])
    })
    return limits.length === 0 ? undefined : Object.fromEntries(limits)
  }
}

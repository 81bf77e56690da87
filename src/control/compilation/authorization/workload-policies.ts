import { declaredProtocol } from '../../../model/app-protocol.ts'
import type { Configuration } from '../../../model/configuration.ts'
import { seesPaths, type InboundPolicies } from '../../../model/inbound.ts'
import type { RateLimitSettings } from '../../../model/kinds/traffic/rate-limits.ts'
import type { ServiceResource } from '../../../model/kinds/service.ts'
import type { TrafficPolicyResource } from '../../../model/kinds/traffic-policy.ts'
import type { RateLimit } from '../../../model/policy/rate-limit.ts'
import { qualify } from '../../../model/qualified-name.ts'
import { meshPorts } from '../matching/backend-index.ts'
import {
  compileAuthorization,
  compileJwtRules,
  defaultDeny,
  portsOf,
} from './authorization-compiler.ts'
import {
  PolicyScopes,
  type PolicyScope,
  type PolicyWorkload,
  type ScopedPolicy,
} from './policy-scope.ts'
import { compileRateLimits } from './rate-limit-compiler.ts'

/** The policies of a configuration, by the workloads that they hold for. */
export class WorkloadPolicies {
  /** Nothing is asked of any request, wherever it goes. */
  readonly isEmpty: boolean
  readonly #configuration: Configuration
  readonly #scopes: PolicyScopes
  readonly #limited: readonly LimitedPorts[]
  /** By all that policies can tell workloads apart by; as many as there are kinds of workloads. */
  readonly #compiled = new Map<string, InboundPolicies>()

  constructor(configuration: Configuration) {
    const { authorizationPolicies, requestAuthentications, mesh } = configuration
    this.#configuration = configuration
    this.#scopes = new PolicyScopes(configuration)
    this.#limited = limitedPorts(configuration)
    this.isEmpty =
      authorizationPolicies.length === 0 &&
      requestAuthentications.length === 0 &&
      mesh.defaultAuthorization === 'allow' &&
      this.#limited.length === 0
  }

  /** What the sidecar of a workload is told; the same object for the same policies. */
  of(workload: PolicyWorkload): InboundPolicies {
    if (this.isEmpty) return nothing
    const compiled = this.#compile(workload)
    const key = JSON.stringify(compiled)
    const known = this.#compiled.get(key)
    if (known === undefined) this.#compiled.set(key, compiled)
    return known ?? compiled
  }

  #compile(workload: PolicyWorkload): InboundPolicies {
    const { authorizationPolicies, requestAuthentications, mesh } = this.#configuration
    const authorization = this.#each(authorizationPolicies, workload, compileAuthorization)
    const rules = this.#each(requestAuthentications, workload, compileJwtRules)
    const rateLimits = this.#rateLimits(workload)
    if (mesh.defaultAuthorization === 'deny') authorization.push(defaultDeny)
    const authenticated = this.#each<ScopedPolicy, 'all' | number>(
      requestAuthentications,
      workload,
      (_policy, scope) => scope,
    )
    const isAuthenticated = authenticated.length > 0
    const { pathNormalization: normalization } = mesh
    const looksIntoRequests = isAuthenticated || rateLimits.length > 0
    const tcpPorts = looksIntoRequests ? this.#tcpPorts(workload) : []
    const looksAtPaths = normalization !== 'none' && seesPaths({ authorization, rateLimits })
    return {
      ...(authorization.length > 0 && { authorization }),
      ...(isAuthenticated && { authentication: { ...portsOf(unionOf(authenticated)), rules } }),
      ...(rateLimits.length > 0 && { rateLimits }),
      ...(tcpPorts.length > 0 && { tcpPorts }),
      ...(looksAtPaths && { pathNormalization: normalization }),
    }
  }

  #each<P extends ScopedPolicy, C>(
    policies: readonly P[],
    workload: PolicyWorkload,
    compile: (policy: P, scope: 'all' | readonly number[]) => C | readonly C[],
  ): C[] {
    return policies.flatMap(policy => {
      const scope = this.#scopes.of(policy, workload)
      return scope === undefined ? [] : compile(policy, scope)
    })
  }

  /** Of a port whose name says nothing it is not known that it carries no requests. */
  #tcpPorts(workload: PolicyWorkload): number[] {
    const ports = this.#configuration.services.flatMap(service => {
      const declared = meshPorts(service).filter(port => declaredProtocol(port) === 'tcp')
      const numbers = declared.map(({ port }) => port)
      const scope = this.#scopes.ofService(service, numbers, workload)
      return scope === undefined || scope === 'all' ? [] : scope
    })
    return [...new Set(ports)].toSorted((a, b) => a - b)
  }

  #rateLimits(workload: PolicyWorkload): RateLimit[] {
    return this.#limited.flatMap(({ service, ports, policy, limits }) => {
      const scope = this.#scopes.ofService(service, ports, workload)
      return scope === undefined ? [] : compileRateLimits(limits, titleOf(policy), scope)
    })
  }
}

const nothing: InboundPolicies = {}

/** @param scopes of policies: `all`, and numbers of ports. */
function unionOf(scopes: readonly ('all' | number)[]): PolicyScope {
  const ports = scopes.filter(scope => scope !== 'all')
  if (ports.length < scopes.length) return 'all'
  return [...new Set(ports)].toSorted((a, b) => a - b)
}

/** Ports of a Service, by their numbers there, for which a TrafficPolicy has limits. */
interface LimitedPorts {
  readonly service: ServiceResource
  readonly ports: readonly number[]
  readonly policy: TrafficPolicyResource
  readonly limits: readonly RateLimitSettings[]
}

/** A port goes by its own TrafficPolicy, else by that of its Service, as for everything that such a policy says. */
function limitedPorts({ services, trafficPolicies }: Configuration): LimitedPorts[] {
  if (trafficPolicies.every(({ spec }) => spec.rateLimits === undefined)) return []
  // Others are their callers' business.
  const policies = new Map(
    trafficPolicies
      .filter(({ spec }) => spec.targetRef.kind === 'Service')
      .map(policy => [targetOf(policy), policy]),
  )
  return services.flatMap(service => {
    const name = qualify(service.metadata)
    const byPolicy = Map.groupBy(
      meshPorts(service).map(({ port }) => port),
      port => policies.get(`${name}:${port}`) ?? policies.get(name),
    )
    return [...byPolicy].flatMap(([policy, ports]) => {
      const limits = policy?.spec.rateLimits
      return policy === undefined || limits === undefined
        ? []
        : [{ service, ports, policy, limits }]
    })
  })
}

function targetOf({ metadata, spec }: TrafficPolicyResource): string {
  const { name, port } = spec.targetRef
  const service = qualify({ name, namespace: metadata.namespace })
  return port === undefined ? service : `${service}:${port}`
}

function titleOf({ metadata }: TrafficPolicyResource): string {
  return `${metadata.namespace}/${metadata.name}`
}

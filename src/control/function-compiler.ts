import type { Cluster } from '../model/cluster.ts'
import type { Endpoint } from '../model/endpoint.ts'
import { functionDomain, functionLabel, type FunctionSpec } from '../model/function.ts'
import type { FunctionResource } from '../model/kinds/function.ts'
import type { Registration } from '../model/registration.ts'
import type { RetryPolicy } from '../model/route.ts'
import { compileCluster } from './cluster-compiler.ts'

/** The port that callers of `http://hello.fn.mesh/` mean. */
export const functionPort = 80

/** What the sidecar that hosts it is told. */
export function compileFunction({ metadata, spec }: FunctionResource): FunctionSpec {
  const { scale } = spec
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    command: spec.command ?? runtimeCommand(spec.runtime ?? '', spec.handler),
    handler: spec.handler,
    directory: spec.code,
    environment: spec.environment,
    secretFiles: spec.secrets,
    memoryMib: spec.memory,
    timeoutMs: spec.timeout,
    initTimeoutMs: spec.initTimeout,
    concurrency: spec.concurrency,
    scale: {
      min: scale.min,
      max: scale.max,
      keepAliveMs: scale.keepAlive,
      tier: scale.tier,
    },
  }
}

/** AWS's own runtime client for Python takes the handler as an argument; a `bootstrap` finds it in `_HANDLER`. */
function runtimeCommand(runtime: string, handler: string): string[] {
  if (runtime.startsWith('provided')) return ['./bootstrap']
  return [runtime, '-m', 'awslambdaric', handler]
}

/** As {@link Service.hosts}: the short name comes first, for callers of the same namespace only. */
export function functionHosts({ name, namespace }: FunctionResource['metadata']): string[] {
  return [`${name}.${functionDomain}`, `${name}.${namespace}.${functionDomain}`]
}

/** In the way of a Service's name, apart from all of them. */
export function functionServiceName({ name, namespace }: Named): string {
  return `${name}.${namespace}.fn`
}

interface Named {
  readonly name: string
  readonly namespace: string
}

/** A function may have run when an answer is lost: nothing but what provably never reached one is repeated. */
export const functionRetry: RetryPolicy = { attempts: 2, statuses: [], backoffMs: 25 }

/** One event that breaks a function says nothing of the next: failures of the code neither eject nor open. */
export function functionCluster(name: string): Cluster {
  return { ...compileCluster(name, undefined), judges: 'transport' }
}

/** The sidecars that host it, by the label that their join token carried. */
export function functionEndpoints(
  { name, namespace }: Named,
  registrations: readonly Registration[],
): Endpoint[] {
  return registrations
    .filter(
      host => host.ready && host.namespace === namespace && host.labels[functionLabel] === name,
    )
    .map(({ address, meshPort, identity, name: workload, zone }) => ({
      id: `${address}:${meshPort}`,
      address,
      port: meshPort,
      mesh: { port: meshPort, identity },
      weight: 1,
      workload,
      ...(zone !== undefined && { zone }),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

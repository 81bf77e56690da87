import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import {
  functionDomain,
  functionLabel,
  latestVersion,
  type FunctionSpec,
  type HostedFunction,
} from '../../model/function/function.ts'
import type { NatsQueue } from '../../model/function/function-events.ts'
import type { PlacementSettings } from '../../model/function/function-placement.ts'
import type { FunctionResource } from '../../model/kinds/function/function.ts'
import type { PlacementFields } from '../../model/kinds/function/function-placement.ts'
import type { TriggerFields } from '../../model/kinds/function/function-events.ts'
import type { FunctionVersion } from '../../model/kinds/function/function-versions.ts'
import type { Registration } from '../../model/registration.ts'
import type { RetryPolicy } from '../../model/route.ts'
import { qualify, type Named } from '../../model/qualified-name.ts'
import { compileCluster } from './cluster-compiler.ts'

/** The port that callers of `http://hello.fn.mesh/` mean. */
export const functionPort = 80

/** What the sidecar that hosts it is told. */
export function compileFunction(
  resource: FunctionResource,
  { queue, region }: MeshFacts,
): HostedFunction {
  const { metadata, spec } = resource
  const latest = compileVersion(resource, { name: latestVersion })
  const versions = spec.versions.map(version => [version.name, compileVersion(resource, version)])
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    versions: { [latestVersion]: latest, ...Object.fromEntries(versions) },
    aliases: Object.fromEntries(spec.aliases.map(({ name, backends }) => [name, backends])),
    ...compileEvents(spec, queue),
    ...(spec.placement !== undefined && { placement: compilePlacement(spec.placement, region) }),
  }
}

function compileVersion(resource: FunctionResource, own: VersionFields): FunctionSpec {
  const { metadata } = resource
  const spec = fieldsOf(resource, own)
  const { runtime, command, port, image, scale } = spec
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    version: own.name,
    driver: spec.driver,
    ...(runtime !== undefined && { runtime }),
    command: command ?? [],
    protocol: spec.protocol,
    ...(port !== undefined && { port }),
    ...(image !== undefined && { image }),
    handler: spec.handler,
    input: spec.input,
    directory: spec.code ?? '',
    environment: spec.environment,
    secretFiles: spec.secrets,
    memoryMib: spec.memory,
    timeoutMs: spec.timeout,
    initTimeoutMs: spec.initTimeout,
    concurrency: spec.concurrency,
    scale: {
      min: scale.min,
      max: scale.max,
      target: scale.target,
      keepAliveMs: scale.keepAlive,
      tier: scale.tier,
      pool: scale.pool,
      zero: scale.zero,
    },
  }
}

/** What functions have from the whole mesh. */
export interface MeshFacts {
  readonly queue: NatsQueue | undefined
  /** Where its machines are. */
  readonly region: string | undefined
}

type EventFields = 'asynchronous' | 'queue' | 'schedules' | 'directories'

function compileEvents(
  { asynchronous, triggers }: FunctionResource['spec'],
  queue: NatsQueue | undefined,
): Pick<HostedFunction, EventFields> {
  const { backoff, maxAge, onFailure, onSuccess, ...rest } = asynchronous
  return {
    asynchronous: {
      ...rest,
      backoffMs: backoff,
      maxAgeMs: maxAge,
      ...(onFailure !== undefined && { onFailure }),
      ...(onSuccess !== undefined && { onSuccess }),
    },
    ...(queue !== undefined && { queue }),
    schedules: triggers.flatMap(({ name, schedule }) =>
      schedule === undefined ? [] : [{ name, ...compileSchedule(schedule) }],
    ),
    directories: triggers.flatMap(({ name, directory }) => {
      if (directory === undefined) return []
      const { path, settle, after } = directory
      return [{ name, directory: path, after, ...(settle !== undefined && { settleMs: settle }) }]
    }),
  }
}

function compileSchedule({ timeZone, data, ...rest }: NonNullable<TriggerFields['schedule']>) {
  return {
    ...rest,
    ...(timeZone !== undefined && { timeZone }),
    ...(data !== undefined && { data }),
  }
}

type VersionFields = Pick<FunctionVersion, 'name'> & Partial<FunctionVersion>
type Fields = FunctionResource['spec']

/** A version has what it does not say from the function; a runtime or a command stands for either. */
function fieldsOf({ spec }: FunctionResource, own: VersionFields): Fields {
  const { runtime, command, ...rest } = spec
  const runs = own.runtime === undefined && own.command === undefined ? { runtime, command } : {}
  const said = Object.entries(own).filter(([, value]) => value !== undefined)
  return { ...rest, ...runs, ...(Object.fromEntries(said) as Partial<Fields>) }
}

/** The function as it is, its versions, its aliases. */
export function functionQualifiers({ spec }: FunctionResource): (string | undefined)[] {
  return [undefined, ...[...spec.versions, ...spec.aliases].map(({ name }) => name)]
}

/** As {@link Service.hosts}: the short name comes first, for callers of the same namespace only. */
export function functionHosts({ name, namespace }: Named): string[] {
  return [`${name}.${functionDomain}`, `${name}.${namespace}.${functionDomain}`]
}

/** In the way of a Service's name, apart from all of them. */
export function functionServiceName({ name, namespace }: Named): string {
  return `${qualify({ name, namespace })}.fn`
}

/** A function may have run when an answer is lost: nothing but what provably never reached one is repeated. */
export const functionRetry: RetryPolicy = { attempts: 2, statuses: [], backoffMs: 25 }

/** One event that breaks a function says nothing of the next: failures of the code neither eject nor open. */
export function functionCluster(name: string, { metadata, spec }: FunctionResource): Cluster {
  return {
    ...compileCluster(name, undefined),
    judges: 'transport',
    ...(spec.scale.zero === 'gone' && { activates: qualify(metadata) }),
  }
}

/** The sidecars that host it, by the label that their join token carried. */
export function functionEndpoints(
  { name, namespace }: Named,
  registrations: readonly Registration[],
  qualifier: string = latestVersion,
): Endpoint[] {
  return registrations
    .filter(
      host => host.ready && host.namespace === namespace && host.labels[functionLabel] === name,
    )
    .map(({ address, meshPort, identity, name: workload, zone }) => ({
      id: `${address}:${meshPort}`,
      address,
      port: meshPort,
      mesh: { port: meshPort, identity, qualifier },
      weight: 1,
      workload,
      ...(zone !== undefined && { zone }),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

function compilePlacement(
  { policy, cost, encryption, residency, requireEncryption, backends }: PlacementFields,
  homeRegion: string | undefined,
): PlacementSettings {
  const { weights, latencySlo, exploration, switchMargin, switchAfter } = cost
  return {
    policy:
      policy === 'cost'
        ? {
            kind: policy,
            weights,
            latencySloMs: latencySlo,
            exploration,
            switchMargin,
            switchAfterMs: switchAfter,
          }
        : { kind: policy },
    homeRegion,
    residency,
    encryption: encryption && {
      keyFile: encryption.keyFile,
      keyId: encryption.keyId,
      required: encryption.answers,
    },
    requireEncryption,
    backends,
  }
}

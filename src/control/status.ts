import type { Problem, Subscribed } from '../discovery/message.ts'
import {
  latestVersion,
  type FunctionSpec,
  type HostedFunction,
} from '../model/function/function.ts'
import type { FunctionResource } from '../model/kinds/function/function.ts'
import type { ConfigurationProblem } from '../model/problem.ts'
import type { Registration } from '../model/registration.ts'
import { compileFunction, functionEndpoints } from './compilation/function-compiler.ts'
import type { Fleet, Subscriber } from './sidecars/fleet.ts'
import { workloadKey } from './sidecars/workload-key.ts'

/** What `/status` answers and `weft status` shows. */
export interface MeshStatus {
  readonly trustDomain: string
  readonly configuration: ConfigurationStatus
  /** All that are connected or registered, by namespace and name. */
  readonly sidecars: readonly SidecarStatus[]
  readonly functions: readonly FunctionStatus[]
  /** What a cluster and a container engine say of themselves, by their names. */
  readonly platforms: Readonly<Record<string, object>>
}

/** A function of the configuration. */
export interface FunctionStatus extends Pick<
  FunctionSpec,
  'name' | 'namespace' | 'driver' | 'runtime' | 'command' | 'timeoutMs' | 'scale'
> {
  readonly versions: readonly string[]
  readonly aliases: HostedFunction['aliases']
  /** Addresses of the sidecars that run it and take traffic. */
  readonly hosts: readonly string[]
}

/** Which functions there are, and where. */
export function functionStatuses(
  resources: readonly FunctionResource[],
  registrations: readonly Registration[],
): FunctionStatus[] {
  return resources.map(resource => {
    const { name, namespace, versions, aliases } = compileFunction(resource, {
      queue: undefined,
      region: undefined,
    })
    const { driver, runtime, command, timeoutMs, scale } = versions[latestVersion]
    const hosts = functionEndpoints({ name, namespace }, registrations).map(({ id }) => id)
    return {
      name,
      namespace,
      driver,
      ...(runtime !== undefined && { runtime }),
      command,
      timeoutMs,
      scale,
      versions: Object.keys(versions),
      aliases,
      hosts,
    }
  })
}

export interface ConfigurationStatus {
  /** ISO 8601. */
  readonly loadedAt: string
  /** Of an edit that was not taken over; empty when what lies on disk is in use. */
  readonly problems: readonly ConfigurationProblem[]
  /** Single objects that cannot be used, while the rest is. Absent: none. */
  readonly leftOut?: readonly ConfigurationProblem[]
}

export interface SidecarStatus {
  readonly namespace: string
  readonly name: string
  readonly identity: string
  readonly connected: boolean
  /** Registered, and takes traffic. */
  readonly ready: boolean
  readonly address?: string
  /** The rest is known of connected ones only. */
  readonly connectedAt?: string
  readonly build?: string
  readonly services?: Subscribed
  /** On which it runs. */
  readonly ackedVersion?: string
  /** Pushed, and not answered yet. */
  readonly sentVersion?: string
  /** Whether it runs on the newest it was offered. */
  readonly synced?: boolean
  /** Its last nack, if nothing was acked since. */
  readonly rejection?: { readonly version: string; readonly problems: readonly Problem[] }
}

/** Joins what is registered with what is connected. */
export function sidecarStatuses(
  registrations: readonly Registration[],
  fleet: Fleet,
): SidecarStatus[] {
  const statuses = new Map<string, SidecarStatus>()
  for (const registration of registrations) {
    const { namespace, name, identity, ready, address } = registration
    const status = { namespace, name, identity, connected: false, ready, address }
    statuses.set(workloadKey(registration), status)
  }
  for (const subscriber of fleet.subscribers) {
    const key = workloadKey(subscriber.workload)
    statuses.set(key, { ready: false, ...statuses.get(key), ...subscriberStatus(subscriber) })
  }
  return [...statuses.entries()]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, status]) => status)
}

function subscriberStatus(subscriber: Subscriber): Omit<SidecarStatus, 'ready'> {
  const { workload, identity, connectedAt, build, services, subscription } = subscriber
  const { ackedVersion, sentVersion, rejection } = subscription
  return {
    ...workload,
    identity,
    connected: true,
    connectedAt: new Date(connectedAt).toISOString(),
    build,
    services,
    ...(ackedVersion !== undefined && { ackedVersion }),
    ...(sentVersion !== undefined && { sentVersion }),
    synced: subscription.newestOffer > 0 && subscription.ackedOffer === subscription.newestOffer,
    ...(rejection !== undefined && { rejection }),
  }
}

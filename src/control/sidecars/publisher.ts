import type { InboundPolicies } from '../../model/inbound.ts'
import type { Configuration } from '../../model/configuration.ts'
import type { Registration } from '../../model/registration.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { Fleet, Subscriber } from './fleet.ts'
import {
  compileMesh,
  snapshotFor,
  type CompiledMesh,
  type SnapshotTarget,
} from '../compilation/snapshot-builder.ts'
import { workloadKey } from './workload-key.ts'

export interface PublisherOptions {
  readonly fleet: Fleet
  readonly configuration: () => Configuration
  readonly registrations: () => readonly Registration[]
  /** Of the mesh, see {@link compileMesh}. */
  readonly sessionSecret: string
  /** From the first change to the push that has it and those that followed. Default 25. */
  readonly debounceMs?: number
}

/** Brings every connected sidecar the snapshot that configuration and registrations make for it now. */
export class Publisher {
  readonly #options: PublisherOptions
  #mesh: CompiledMesh | undefined
  /** For those who subscribe to all, as long as the mesh stays what it is. */
  readonly #whole = new SharedSnapshots()
  /** Who needs a look; all of them after a change of the mesh. */
  readonly #outdated = new Set<Subscriber>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** Configuration or registrations are not what they were. */
  meshChanged(): void {
    this.#mesh = undefined
    this.#whole.clear()
    this.#schedule()
  }

  /** The subscriber is new, or has changed its subscription. */
  refresh(subscriber: Subscriber): void {
    this.#outdated.add(subscriber)
    this.#schedule()
  }

  /** Offers all changes now. */
  publish(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { fleet, configuration, registrations, sessionSecret } = this.#options
    const everyone = this.#mesh === undefined
    this.#mesh ??= compileMesh(configuration(), registrations(), sessionSecret)
    for (const subscriber of fleet.subscribers)
      if (everyone || this.#outdated.has(subscriber))
        subscriber.subscription.offer(this.#snapshotFor(this.#mesh, subscriber))
    this.#outdated.clear()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #snapshotFor(mesh: CompiledMesh, subscriber: Subscriber): Snapshot {
    const { workload, services, hosts: hosted } = subscriber
    const { namespace, name } = workload
    const key = workloadKey(workload)
    // A pod's labels may have changed since its sidecar came.
    const labels = mesh.configuration.injectedPods?.get(key)?.labels ?? subscriber.labels
    const target = { namespace, name, labels, function: hosted, zone: mesh.zones.get(key) }
    // One whose application is limited has a snapshot of its own.
    const isShared = services === '*' && mesh.inboundLimits.of(target) === undefined
    return isShared ? this.#whole.of(mesh, target) : snapshotFor(mesh, target, services)
  }

  /** Counted from the first change: a mesh that never rests is published all the same. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => this.publish(), this.#options.debounceMs ?? 25)
  }
}

/** Snapshots of all services, by the namespace, the function that is hosted, the zone and the policies of the workload. */
class SharedSnapshots {
  readonly #snapshots = new Map<InboundPolicies, Map<string, Snapshot>>()

  of(mesh: CompiledMesh, target: SnapshotTarget): Snapshot {
    const policies = mesh.policies.of(target)
    const sharers = this.#snapshots.get(policies) ?? new Map<string, Snapshot>()
    this.#snapshots.set(policies, sharers)
    const key = `${target.namespace}/${target.function ?? ''}/${target.zone ?? ''}`
    const snapshot = sharers.get(key) ?? snapshotFor(mesh, target, '*')
    sharers.set(key, snapshot)
    return snapshot
  }

  clear(): void {
    this.#snapshots.clear()
  }
}

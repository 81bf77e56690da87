import type { Configuration } from '../../model/configuration.ts'
import type { Registration } from '../../model/registration.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { Fleet, Subscriber } from './fleet.ts'
import { workloadKey } from './workload-key.ts'
import { compileMesh, snapshotFor, type CompiledMesh } from '../snapshot-builder.ts'

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
  /**
   * For those who subscribe to all, by namespace and zone, and by function for its hosts: they share one, as long as the
   * mesh stays what it is.
   */
  readonly #whole = new Map<string, Snapshot>()
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

  #snapshotFor(mesh: CompiledMesh, { workload, services, hosts: hosted }: Subscriber): Snapshot {
    const zone = mesh.zones.get(workloadKey(workload))
    const target = { ...workload, workload: workload.name, function: hosted, zone }
    // Its application is limited: its snapshot is its own.
    const isOwn = mesh.inboundLimits.has(workloadKey(workload))
    if (services !== '*' || isOwn) return snapshotFor(mesh, target, services)
    const key = `${workload.namespace}/${hosted ?? ''}/${zone ?? ''}`
    const known = this.#whole.get(key)
    if (known !== undefined) return known
    const snapshot = snapshotFor(mesh, target, services)
    this.#whole.set(key, snapshot)
    return snapshot
  }

  /** Counted from the first change: a mesh that never rests is published all the same. */
  #schedule(): void {
    this.#timer ??= setTimeout(() => this.publish(), this.#options.debounceMs ?? 25)
  }
}

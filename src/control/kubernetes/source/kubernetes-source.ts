import { isDeepStrictEqual } from 'node:util'
import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import type { LoadResult } from '../../../model/configuration.ts'
import type { ConfigurationProblem } from '../../../model/problem.ts'
import { Batch } from '../../batch.ts'
import type { ConfigurationSource } from '../../configuration-source.ts'
import type { KubernetesApi } from '../api/kubernetes-api.ts'
import { ListWatch, type ListWatchStatus } from '../api/list-watch.ts'
import { statusUpdates, type StatusUpdate } from '../status/status-updates.ts'
import { assemble, type Assembled } from './assemble.ts'
import { Pods, podsFieldSelector, readPod, type WatchedPod } from './pods.ts'
import { readNamespace, type WatchedNamespace } from './watched-namespace.ts'
import { watchedKinds, type WatchedConfiguration, type WatchedKind } from './watched-kinds.ts'
import type { WatchedObject } from './watched-object.ts'

export interface KubernetesSourceOptions {
  readonly api: Pick<KubernetesApi, 'request' | 'watch'>
  /** Of the control plane (`weft-system`): where its Mesh stands. */
  readonly namespace: string
  /** Of identities. Absent: sidecars are known by their registrations alone, each replica's by those it has. */
  readonly trustDomain?: string | undefined
  readonly logger: Logger
  /** Monotonic. */
  readonly now: Now
  readonly random: Random
  /** Without a change for so long, changes are taken over. Default 50. */
  readonly quietMs?: number
  /** From the first change, whatever follows. Default 500. */
  readonly maxDelayMs?: number
  /** How long {@link KubernetesSource.load} waits for the first whole lists. Default 60,000. */
  readonly syncTimeoutMs?: number
}

/** For `/status` and metrics. */
export interface KubernetesSourceStatus {
  readonly kinds: readonly WatchedKindStatus[]
  readonly leftOut: readonly ConfigurationProblem[]
}

interface WatchedKindStatus extends ListWatchStatus {
  /** Since the last change; undefined: there was none. */
  readonly ageMs: number | undefined
}

type Field = keyof WatchedConfiguration
type Watches = Readonly<Record<Field, ListWatch<WatchedObject>>>

/** Configuration from the objects of a cluster, followed as they change. */
export class KubernetesSource implements ConfigurationSource {
  readonly pods: Pods
  readonly #options: KubernetesSourceOptions
  readonly #watches: Watches
  readonly #pods: ListWatch<WatchedPod>
  readonly #namespaces: ListWatch<WatchedNamespace>
  readonly #changes: Batch
  #assembled: Assembled | undefined
  #onChange: (result: LoadResult) => void = () => {}
  #onObjectsChange: () => void = () => {}
  #onNamespacesChange: () => void = () => {}

  static start(options: KubernetesSourceOptions): KubernetesSource {
    return new KubernetesSource(options)
  }

  private constructor(options: KubernetesSourceOptions) {
    this.#options = options
    const { quietMs = 50, maxDelayMs = 500 } = options
    this.#changes = new Batch({ quietMs, maxMs: maxDelayMs }, () => this.#takeOver())
    const watches = Object.entries(watchedKinds).map(([field, kind]) => [field, this.#follow(kind)])
    this.#watches = Object.fromEntries(watches) as Watches
    const { api, logger, now, random } = options
    const surroundings = { api, logger, now, random }
    this.#pods = ListWatch.start({
      ...surroundings,
      path: '/api/v1/pods',
      what: 'Pods',
      fieldSelector: podsFieldSelector,
      select: readPod,
      onChange: () => this.#podsChanged(),
    })
    this.#namespaces = ListWatch.start({
      ...surroundings,
      path: '/api/v1/namespaces',
      what: 'Namespaces',
      select: readNamespace,
      onChange: () => this.#onNamespacesChange(),
    })
    this.pods = new Pods(this.#pods)
  }

  /** By name. */
  get namespaces(): ReadonlyMap<string, WatchedNamespace> {
    return this.#namespaces.objects
  }

  get status(): KubernetesSourceStatus {
    const now = this.#options.now()
    return {
      kinds: this.#all.map(({ status }) => ({
        ...status,
        ageMs: status.lastChangeAt === undefined ? undefined : now - status.lastChangeAt,
      })),
      leftOut: this.#assembled?.leftOut ?? [],
    }
  }

  /** Waits for the first whole lists. @throws Error that says which did not come, and why. */
  async load(): Promise<LoadResult> {
    await this.#synced()
    return resultOf(this.#assemble())
  }

  async watch(onChange: (result: LoadResult) => void): Promise<void> {
    this.#onChange = onChange
  }

  /** After changes of objects, also of those that leave the configuration as it is: of a status, say. */
  onObjectsChange(listener: () => void): void {
    this.#onObjectsChange = listener
  }

  onNamespacesChange(listener: () => void): void {
    this.#onNamespacesChange = listener
  }

  /** The statuses that are not what they should be, by what is known now. */
  statusUpdates(): readonly StatusUpdate[] {
    const assembled = this.#assembled
    if (assembled === undefined) return []
    // Of Services and slices the status is the cluster's.
    const { services: _, endpointSlices: __, ...kinds } = this.#watches
    const targets = Object.values(kinds).flatMap(({ objects }) =>
      [...objects.values()].flatMap(({ target }) => target ?? []),
    )
    return statusUpdates(assembled, targets)
  }

  close(): void {
    this.#changes.close()
    this.#onChange = () => {}
    this.#onObjectsChange = () => {}
    this.#onNamespacesChange = () => {}
    for (const watch of this.#all)
      watch.close().catch((error: unknown) => {
        this.#options.logger.warn({ error }, 'a watch of the cluster could not be closed')
      })
  }

  get #all(): readonly Pick<ListWatch<unknown>, 'status' | 'synced' | 'close'>[] {
    return [...Object.values(this.#watches), this.#pods, this.#namespaces]
  }

  #follow({ path, what, optional, read }: WatchedKind): ListWatch<WatchedObject> {
    const { api, logger, now, random } = this.#options
    return ListWatch.start({
      api,
      logger,
      now,
      random,
      path,
      what,
      optional,
      select: read,
      onChange: () => this.#changes.call(),
    })
  }

  /** Who looks for a pod asks when he needs it. */
  #podsChanged(): void {
    if (this.#options.trustDomain !== undefined) this.#changes.call()
  }

  /** All lists: a configuration without one of them would take away what is merely not known yet. */
  async #synced(): Promise<void> {
    const { syncTimeoutMs = 60_000 } = this.#options
    const lists = Promise.all(this.#all.map(({ synced }) => synced))
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(this.#notSynced(syncTimeoutMs)), syncTimeoutMs)
    })
    try {
      await Promise.race([lists, timeout])
    } finally {
      clearTimeout(timer)
    }
  }

  #notSynced(waitedMs: number): Error {
    const missing = this.#all
      .map(({ status }) => status)
      .filter(({ synced }) => !synced)
      .map(({ what, lastError }) => `${what}: ${lastError ?? 'no answer yet'}`)
    return new Error(
      `the cluster's API has not answered within ${waitedMs / 1000} s; ${missing.join('; ')}`,
    )
  }

  #assemble(): Assembled {
    const lastMesh = this.#assembled?.configuration.mesh
    const { namespace, trustDomain } = this.#options
    const objects = Object.entries(this.#watches).map(([field, watch]) => [
      field,
      sortedValues(watch.objects),
    ])
    // Each watch holds what its own kind reads.
    const watched = Object.fromEntries(objects) as WatchedConfiguration
    const { configuration, leftOut } = assemble(watched, { namespace, lastMesh })
    const injectedPods = trustDomain !== undefined && {
      injectedPods: this.pods.injected(trustDomain),
    }
    this.#assembled = { configuration: { ...configuration, ...injectedPods }, leftOut }
    return this.#assembled
  }

  #takeOver(): void {
    const former = this.#assembled
    // What load() waits for is not whole yet.
    if (former === undefined) return
    const assembled = this.#assemble()
    if (!isDeepStrictEqual(former, assembled)) this.#onChange(resultOf(assembled))
    this.#onObjectsChange()
  }
}

function resultOf({ configuration, leftOut }: Assembled): LoadResult {
  return { configuration, problems: [], leftOut }
}

/** So that every replica hands out the same, whatever order events came in. */
function sortedValues<T>(objects: ReadonlyMap<string, T>): T[] {
  return [...objects.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
}

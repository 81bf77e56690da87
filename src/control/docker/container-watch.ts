import { pause } from '../../base/pause.ts'
import { backoff } from '../../base/backoff.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { Batch } from '../batch.ts'
import { isMeshLabel } from './container-labels.ts'
import type { ContainerEvent, ContainerList, EngineView } from './engine-view.ts'
import { meshContainer, type MeshContainer } from './mesh-container.ts'
import { Refreshing } from './refreshing.ts'
import type { SharedNetworks } from './shared-networks.ts'

export interface ContainerWatchOptions {
  readonly view: Pick<EngineView, 'list' | 'events'>
  readonly networks: SharedNetworks
  readonly random: Random
  readonly logger: Logger
  /** There is a new list, or one of the containers has ended. */
  readonly onChange: () => void
  /** It ran, and does not any more, or can't be reached: said at once, once for each end. */
  readonly onGone: (container: MeshContainer) => void
}

const reconnect = { baseMs: 200, maxMs: 10_000 }
const batch = { quietMs: 50, maxMs: 500 }
/** A list although nothing was told. */
const refreshMs = 60_000

/** After these it may answer again. */
const returns: ReadonlySet<string> = new Set(['start', 'unpause', 'connect'])

/**
 * Knows the containers of an engine that have labels of ours: by a list, and by the events since then, which only say
 * that there is to be another. But what an event says to be gone is gone at once, and though lists still show it: the
 * engine tells of a death before its list has it.
 */
export class ContainerWatch {
  readonly #options: ContainerWatchOptions
  readonly #closed = new AbortController()
  readonly #lists: Refreshing<ContainerList>
  readonly counters = { lists: 0, events: 0, outages: 0, gone: 0 }
  #containers: ReadonlyMap<string, MeshContainer> = new Map()
  /**
   * Those that events say to be gone, by id, until a list or another event settles it; with the network, where it is
   * one that they were taken out of.
   */
  readonly #gone = new Map<string, string | undefined>()
  /** From where events are wanted, by the engine's clock: seconds since 1970. */
  #since: number | undefined
  /** When the last list was made. What happened a second before it is no news. */
  #listedAt = 0
  #connected = false
  #following: Promise<void> | undefined

  constructor(options: ContainerWatchOptions) {
    this.#options = options
    const { signal } = this.#closed
    this.#lists = new Refreshing(async bound => {
      const list = await options.view.list(AbortSignal.any([signal, bound]))
      this.#take(list)
      return list
    })
  }

  get containers(): readonly MeshContainer[] {
    return [...this.#containers.values()]
  }

  /** Whether events come. */
  get connected(): boolean {
    return this.#connected
  }

  /** All containers, ours or not, as they are after this call. @throws EngineError */
  refresh(): Promise<ContainerList> {
    return this.#lists.get()
  }

  /** Resolves when it hears of changes, or has failed to for the first time; it never gives up. */
  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#following ??= this.#follow(resolve)
    await promise
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#lists.close()
    await this.#following
  }

  async #follow(onTried: () => void): Promise<void> {
    const { random, logger } = this.#options
    const { signal } = this.#closed
    for (let failures = 1; !signal.aborted; failures++) {
      const error = await this.#session(onTried).catch((reason: unknown) => reason)
      if (this.#connected) failures = 1
      this.#connected = false
      onTried()
      if (signal.aborted) return
      if (failures === 1) {
        this.counters.outages++
        logger.warn({ error }, 'the Docker Engine tells nothing, what is known of it stays')
      }
      await pause(backoff(failures, reconnect, random), signal)
    }
  }

  /** One stream of events, from its beginning to its end. */
  async #session(onTried: () => void): Promise<void> {
    if (this.#since === undefined) await this.refresh()
    const broken = new AbortController()
    const signal = AbortSignal.any([this.#closed.signal, broken.signal])
    const again = (): void => void this.refresh().catch((error: unknown) => broken.abort(error))
    const batched = new Batch(batch, again)
    const timer = setInterval(again, refreshMs)
    const { promise: opened, resolve: onOpen } = Promise.withResolvers<void>()
    this.#gone.clear()
    const reader = { onOpen, onEvent: (event: ContainerEvent) => this.#hear(event, batched) }
    const reading = this.#options.view.events(this.#since ?? 0, reader, signal)
    try {
      await Promise.race([opened, reading])
      // What the stream began with is older than this list, or news.
      await this.refresh()
      this.#connected = true
      onTried()
      this.#options.logger.info({}, 'follows the containers of the Docker Engine')
      await reading
      throw new Error('the stream of events ended')
    } finally {
      batched.close()
      clearInterval(timer)
      broken.abort()
      await reading.catch(() => {})
    }
  }

  #hear(event: ContainerEvent, batched: Batch): void {
    this.#since = Math.max(this.#since ?? 0, event.time)
    const known = this.#containers.get(event.container)
    if (known === undefined && !Object.keys(event.attributes).some(isMeshLabel)) return
    this.counters.events++
    if (returns.has(event.action)) this.#gone.delete(event.container)
    else if (known !== undefined && isEnd(event)) this.#end(known, event)
    batched.call()
  }

  #end(container: MeshContainer, { network, time }: ContainerEvent): void {
    if (network !== undefined && network !== container.place?.network) return
    this.#gone.set(container.id, network)
    // It is repeated, and may have been followed by a start: until the list has come, nothing is done.
    if (!this.#connected || time < this.#listedAt - 1) return
    this.#containers = new Map(this.#containers).set(container.id, stopped(container))
    if (!container.running) return
    this.#tellGone(container)
    this.#options.onChange()
  }

  #take({ containers, madeAt }: ContainerList): void {
    this.counters.lists++
    this.#listedAt = madeAt ?? 0
    this.#since = Math.max(this.#since ?? 0, this.#listedAt - 1)
    const networks = this.#options.networks.look()
    const found = containers.flatMap(listed => meshContainer(listed, networks) ?? [])
    const former = this.#containers
    this.#containers = new Map(found.map(container => [container.id, this.#settle(container)]))
    for (const id of this.#gone.keys()) if (!this.#containers.has(id)) this.#gone.delete(id)
    for (const container of former.values())
      if (container.running && this.#containers.get(container.id)?.running !== true)
        this.#tellGone(container)
    this.#options.onChange()
  }

  /** As it is, whichever knows better: the list, or an event. */
  #settle(container: MeshContainer): MeshContainer {
    const { id, running, place } = container
    if (!this.#gone.has(id)) return container
    const left = this.#gone.get(id)
    const isElsewhere = left !== undefined && place !== undefined && place.network !== left
    if (running && !isElsewhere) return stopped(container)
    this.#gone.delete(id)
    return container
  }

  #tellGone(container: MeshContainer): void {
    this.counters.gone++
    this.#options.onGone(container)
  }
}

function isEnd({ action, attributes }: ContainerEvent): boolean {
  // From other signals it may recover; of SIGKILL the death is told after it, some 50 ms later.
  if (action === 'kill') return ['9', 'KILL', 'SIGKILL'].includes(String(attributes['signal']))
  return ['die', 'pause', 'destroy', 'disconnect'].includes(action)
}

function stopped(container: MeshContainer): MeshContainer {
  return { ...container, running: false, place: undefined }
}

import { Worker } from 'node:worker_threads'
import { backoff } from '../../base/backoff.ts'
import { codeExtension } from '../../base/code-extension.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { ActivationEvent } from '../../discovery/subscription-client.ts'
import type { IdentityMaterial } from '../../identity/identity.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import type { ProxyBootstrap, SocketAddress } from '../../model/bootstrap.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { BreakerSetting } from '../../resilience/circuit-breaker.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import { sumFamilies } from '../../telemetry/metric-sum.ts'
import type { DataPlanePorts } from '../data-plane.ts'
import { PlaneHandle } from './plane-handle.ts'
import type { PlaneQuestion, PlaneStart } from './plane-message.ts'
import type { Breakers, PlaneClusters, TrafficPlane } from './traffic-plane.ts'

export interface SharedPlanesOptions {
  readonly identity: IdentityHolder
  readonly logger: Logger
  readonly writeAccessLog: (line: string) => void
  readonly random: Random
  /** As of a data plane. */
  readonly onRefusedByApplication?: (port: number) => void
  readonly activate?: (name: string, waiting: number) => void
  /** Default: a thread. */
  readonly spawn?: (start: PlaneStart) => Worker
}

const restartBounds = { baseMs: 100, maxMs: 10_000 }

function spawnThread(workerData: PlaneStart): Worker {
  return new Worker(new URL(`plane-thread${codeExtension}`, import.meta.url), { workerData })
}

/**
 * Several data planes on threads of their own. The kernel shares connections out among them (SO_REUSEPORT, which needs
 * Linux); each has its own pools, balancers and breakers. One that fails is started anew.
 */
export class SharedPlanes implements TrafficPlane {
  snapshot: Snapshot | undefined
  readonly #options: SharedPlanesOptions
  readonly #forgetIdentity: () => void
  #bootstrap: ProxyBootstrap
  #ports: DataPlanePorts = { outbound: 0, inbound: 0, upstreams: [] }
  #planes: PlaneHandle[] = []
  #link: ActivationEvent = { type: 'link', state: 'away' }
  /** Breakers that a person has set, of clusters that there are. */
  readonly #settings = new Map<string, BreakerSetting>()
  #restart: NodeJS.Timeout | undefined
  #failures = 0

  /** @throws Error that names the port which can't be bound, and the setting that moves it. */
  static async start(
    bootstrap: ProxyBootstrap,
    count: number,
    options: SharedPlanesOptions,
  ): Promise<SharedPlanes> {
    const shared = new SharedPlanes(bootstrap, options)
    try {
      // The first finds out which ports it gets where any will do; the others share them.
      shared.#ports = await shared.#add()
      shared.#bootstrap = onPorts(bootstrap, shared.#ports)
      await Promise.all(Array.from({ length: count - 1 }, () => shared.#add()))
    } catch (error) {
      shared.close()
      throw error
    }
    return shared
  }

  private constructor(bootstrap: ProxyBootstrap, options: SharedPlanesOptions) {
    this.#bootstrap = bootstrap
    this.#options = options
    this.#forgetIdentity = options.identity.onChange(identity => {
      for (const plane of this.#planes) plane.renew(materialOf(identity))
    })
  }

  get ports(): DataPlanePorts {
    return this.#ports
  }

  async apply(snapshot: Snapshot): Promise<void> {
    this.snapshot = snapshot
    for (const cluster of this.#settings.keys())
      if (!Object.hasOwn(snapshot.clusters, cluster)) this.#settings.delete(cluster)
    await Promise.all(this.#planes.map(plane => plane.apply(snapshot)))
  }

  activation(event: ActivationEvent): void {
    if (event.type === 'link') this.#link = event
    for (const plane of this.#planes) plane.activation(event)
  }

  async drainInbound(): Promise<void> {
    await Promise.all(this.#planes.map(plane => plane.drain('drainInbound')))
  }

  async drainOutbound(): Promise<void> {
    await Promise.all(this.#planes.map(plane => plane.drain('drainOutbound')))
  }

  async outboundConnections(): Promise<number> {
    const counts = (await this.#ask('outboundConnections')) as number[]
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return sumFamilies((await this.#ask('metrics')) as MetricFamily[][])
  }

  async clusters(): Promise<readonly PlaneClusters[]> {
    return ((await this.#ask('clusters')) as PlaneClusters[][]).flat()
  }

  async breakers(): Promise<readonly Breakers[]> {
    return ((await this.#ask('breakers')) as Breakers[][]).flat()
  }

  async setBreaker(cluster: string, setting: BreakerSetting): Promise<boolean> {
    const answers = await Promise.all(this.#planes.map(plane => plane.setBreaker(cluster, setting)))
    if (!answers.includes(true)) return false
    if (setting === 'auto') this.#settings.delete(cluster)
    else this.#settings.set(cluster, setting)
    return true
  }

  close(): void {
    clearTimeout(this.#restart)
    this.#forgetIdentity()
    for (const plane of this.#planes) plane.close()
    this.#planes = []
  }

  /** The answers of those that gave one. */
  async #ask(question: PlaneQuestion): Promise<unknown[]> {
    const answers = await Promise.all(this.#planes.map(plane => plane.ask(question)))
    return answers.filter(answer => answer !== undefined)
  }

  #add(): Promise<DataPlanePorts> {
    const { identity, logger, writeAccessLog, spawn = spawnThread } = this.#options
    const { onRefusedByApplication = () => {}, activate = () => {} } = this.#options
    const worker = spawn({
      bootstrap: this.#bootstrap,
      identity: materialOf(identity.current),
      snapshot: this.snapshot,
      link: this.#link,
    })
    const plane = new PlaneHandle(worker, {
      logger,
      writeAccessLog,
      onRefusedByApplication,
      activate,
      onLost: () => this.#replace(plane),
    })
    this.#planes.push(plane)
    return plane.listening
  }

  #replace(lost: PlaneHandle): void {
    this.#planes = this.#planes.filter(plane => plane !== lost)
    const waitMs = backoff(++this.#failures, restartBounds, this.#options.random)
    this.#options.logger.error({ failures: this.#failures, waitMs }, 'a thread is started anew')
    this.#restart = setTimeout(() => void this.#addAgain(), waitMs)
  }

  async #addAgain(): Promise<void> {
    const { snapshot } = this
    try {
      await this.#add()
    } catch (error) {
      // Its end calls for the next.
      return this.#options.logger.error({ error }, 'a thread could not be started anew')
    }
    this.#failures = 0
    // A snapshot may have come while it started.
    if (this.snapshot !== undefined && this.snapshot !== snapshot) await this.apply(this.snapshot)
    // To those that have it already it is no news.
    for (const [cluster, setting] of this.#settings) await this.setBreaker(cluster, setting)
  }
}

/** Without what the threads compute for themselves. */
function materialOf({ privateKey, chain, bundle }: IdentityMaterial): IdentityMaterial {
  return { privateKey, chain, bundle }
}

function onPorts(bootstrap: ProxyBootstrap, ports: DataPlanePorts): ProxyBootstrap {
  const at = (address: SocketAddress, port: number): SocketAddress => ({ ...address, port })
  return {
    ...bootstrap,
    outbound: at(bootstrap.outbound, ports.outbound),
    inbound: at(bootstrap.inbound, ports.inbound),
    upstreams: bootstrap.upstreams.map((upstream, index) => ({
      ...upstream,
      port: ports.upstreams[index] ?? upstream.port,
    })),
  }
}

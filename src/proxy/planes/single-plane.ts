import { monotonicNow } from '../../base/clock.ts'
import type { ActivationEvent } from '../../discovery/subscription-client.ts'
import type { ProxyBootstrap, SocketAddress } from '../../model/bootstrap.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { BreakerSetting } from '../../resilience/circuit-breaker.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import { breakersOf } from '../admin/breaker-pages.ts'
import { clusterStatus } from '../admin/cluster-status.ts'
import { planeMetrics } from '../admin/metrics.ts'
import { DataPlane, type DataPlaneOptions, type DataPlanePorts } from '../data-plane.ts'
import type { Listener } from '../listener/listener.ts'
import { loadOriginalDestination } from '../listener/original-destination.ts'
import type { Breakers, PlaneClusters, TrafficPlane } from './traffic-plane.ts'
import { loadPlugins } from '../plugins/load-plugins.ts'

/** One data plane, on the thread that asks for it. */
export class SinglePlane implements TrafficPlane {
  readonly #plane: DataPlane

  /** @throws Error that names the port which can't be bound, and the setting that moves it. */
  static async start(bootstrap: ProxyBootstrap, options: DataPlaneOptions): Promise<SinglePlane> {
    const originalDestination =
      bootstrap.transparent === undefined ? undefined : await loadOriginalDestination()
    const plugins = await loadPlugins(bootstrap.plugins ?? [], {
      logger: options.logger,
      now: monotonicNow,
    })
    const plane = new DataPlane(bootstrap, {
      ...options,
      plugins,
      ...(originalDestination !== undefined && { originalDestination }),
    })
    try {
      await plane.listen()
    } catch (error) {
      plane.close()
      throw error
    }
    return new SinglePlane(plane)
  }

  private constructor(plane: DataPlane) {
    this.#plane = plane
  }

  get ports(): DataPlanePorts {
    return this.#plane.ports
  }

  get snapshot(): Snapshot | undefined {
    return this.#plane.snapshot
  }

  async apply(snapshot: Snapshot): Promise<void> {
    this.#plane.apply(snapshot)
  }

  activation(event: ActivationEvent): void {
    this.#plane.activator.take(event)
  }

  /** As of the data plane. */
  createServiceListener(address: SocketAddress, service: string): Listener {
    return this.#plane.createServiceListener(address, service)
  }

  drainInbound(): Promise<void> {
    return this.#plane.drainInbound()
  }

  drainOutbound(): Promise<void> {
    return this.#plane.drainOutbound()
  }

  async outboundConnections(): Promise<number> {
    return this.#plane.outboundConnections
  }

  async metrics(): Promise<readonly MetricFamily[]> {
    return [...planeMetrics(this.#plane)]
  }

  async clusters(): Promise<readonly PlaneClusters[]> {
    const { outbound, inbound } = this.#plane
    return [
      {
        outbound: [...outbound.clusters.values()].map(clusterStatus),
        inbound: [...inbound.clusters.values()].map(clusterStatus),
      },
    ]
  }

  async breakers(): Promise<readonly Breakers[]> {
    return [breakersOf(this.#plane.outbound.clusters)]
  }

  async setBreaker(cluster: string, setting: BreakerSetting): Promise<boolean> {
    const breaker = this.#plane.outbound.clusters.get(cluster)?.breaker
    breaker?.set(setting)
    return breaker !== undefined
  }

  close(): void {
    this.#plane.close()
  }
}

import { networkInterfaces } from 'node:os'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { DockerBootstrap } from '../../model/bootstrap.ts'
import type { MetricFamily, Sample } from '../../telemetry/metric-family.ts'
import type { Platform, PlatformMesh } from '../platform.ts'
import type { WorkloadName } from '../sidecars/workload-key.ts'
import { ContainerAttestor } from './container-attestor.ts'
import { ContainerWatch } from './container-watch.ts'
import { DockerSource } from './docker-source.ts'
import { EngineView } from './engine-view.ts'
import type { MeshContainer } from './mesh-container.ts'
import { SharedNetworks, type SharedNetworksOptions } from './shared-networks.ts'

export interface DockerPlatformOptions {
  readonly logger: Logger
  readonly random: Random
  /** Default: this machine's. */
  readonly interfaces?: SharedNetworksOptions['interfaces']
}

/** A Docker Engine: its containers say by their labels which Services there are, and by their addresses who they are. */
export class DockerPlatform implements Platform {
  readonly source: DockerSource
  readonly attestors: readonly [ContainerAttestor]
  readonly metrics = (): Iterable<MetricFamily> => this.#metrics()
  readonly #view: EngineView
  readonly #watch: ContainerWatch
  readonly #socket: string
  #removeRegistration: (workload: WorkloadName) => void = () => {}

  constructor({ socket, network }: DockerBootstrap, options: DockerPlatformOptions) {
    const { logger, random, interfaces = networkInterfaces } = options
    const networks = new SharedNetworks({ network, interfaces })
    this.#socket = socket
    this.#view = new EngineView(socket)
    this.#watch = new ContainerWatch({
      view: this.#view,
      networks,
      random,
      logger,
      onChange: () => this.source.changed(),
      onGone: container => this.#gone(container),
    })
    this.source = new DockerSource(this.#watch)
    this.attestors = [new ContainerAttestor({ watch: this.#watch, networks, logger })]
  }

  status(): object {
    const { containers, connected } = this.#watch
    return { socket: this.#socket, connected, containers: containers.map(shown) }
  }

  async start(mesh: PlatformMesh): Promise<void> {
    this.#removeRegistration = workload => mesh.removeRegistration(workload)
    // What was registered before the control plane's own end may have ended meanwhile.
    for (const container of this.#watch.containers) if (!container.running) this.#gone(container)
  }

  async close(): Promise<void> {
    this.source.close()
    await this.#watch.close()
    await this.#view.close()
  }

  #gone({ shortId, word }: MeshContainer): void {
    if (word !== undefined) this.#removeRegistration({ namespace: word.namespace, name: shortId })
  }

  *#metrics(): Generator<MetricFamily> {
    const { containers, connected, counters } = this.#watch
    const [{ counters: answers }] = this.attestors
    const running = containers.filter(container => container.running).length
    yield gauge('connected', 'Whether the engine tells of events.', [
      { labels: {}, value: connected ? 1 : 0 },
    ])
    yield gauge('containers', 'Containers with labels of the mesh.', [
      { labels: { state: 'running' }, value: running },
      { labels: { state: 'other' }, value: containers.length - running },
    ])
    yield counter('lists', 'Lists of containers read.', [{ labels: {}, value: counters.lists }])
    yield counter('events', 'Events of containers with labels of the mesh.', [
      { labels: {}, value: counters.events },
    ])
    yield counter('outages', 'Times that the engine was lost.', [
      { labels: {}, value: counters.outages },
    ])
    yield counter('gone', 'Containers that ended, or were cut off.', [
      { labels: {}, value: counters.gone },
    ])
    yield counter(
      'attestations',
      'Sidecars that asked for an identity by their address.',
      Object.entries(answers).map(([outcome, value]) => ({ labels: { outcome }, value })),
    )
  }
}

function shown({ name, shortId, running, place, word }: MeshContainer): object {
  return {
    name,
    id: shortId,
    running,
    ...(place !== undefined && { address: place.address }),
    ...(word !== undefined && { service: `${word.service}.${word.namespace}` }),
  }
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { type: 'gauge', name: `weft_control_docker_${name}`, help, samples }
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { type: 'counter', name: `weft_control_docker_${name}_total`, help, samples }
}

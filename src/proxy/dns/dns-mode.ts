import type { Logger } from '../../base/log.ts'
import type { ProxyBootstrap, SocketAddress } from '../../model/bootstrap.ts'
import { isWildcard, type Service } from '../../model/service.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { Listener } from '../listener/listener.ts'
import type { NameServer } from './name-server.ts'
import { ServiceListeners } from './service-listeners.ts'
import { buildZone, serviceNameOf } from './zone.ts'

export interface DnsModeOptions {
  readonly nameServer: NameServer
  readonly bootstrap: Pick<ProxyBootstrap, 'application' | 'controlPlane' | 'drainTimeoutMs'>
  /** A listener, not yet bound, all of whose requests go to the service (`orders.default:80`). */
  readonly createListener: (address: SocketAddress, service: string) => Listener
  readonly logger: Logger
}

/** The application calls `http://orders/`: the name leads to a loopback address on which we listen for that service. */
export class DnsMode {
  readonly #nameServer: NameServer
  readonly #controlPlane: string
  readonly #listeners: ServiceListeners
  /** Of the snapshot in force; undefined before the first. */
  #services: readonly Service[] | undefined

  constructor({ nameServer, bootstrap, createListener, logger }: DnsModeOptions) {
    this.#nameServer = nameServer
    this.#controlPlane = bootstrap.controlPlane.host.toLowerCase()
    this.#listeners = new ServiceListeners({
      create: createListener,
      reservedPorts: reservedPortsOf(bootstrap.application),
      drainTimeoutMs: bootstrap.drainTimeoutMs,
      logger,
      onSettled: services => this.#publish(services),
    })
  }

  /** Connections of the application to services. */
  get connections(): number {
    return this.#listeners.listeners.reduce((sum, { connections }) => sum + connections, 0)
  }

  /** Names and listeners of a checked snapshot, within moments. */
  apply(snapshot: Snapshot): void {
    // The control plane's own name leads past the mesh: once it has moved, the way to it that the last snapshot knows is a
    // dead end, and no further snapshot would come.
    const services = Object.values(snapshot.services)
    // One address can't stand for the hosts of a wildcard.
    const named = services.filter(({ hosts }) => !hosts.some(isWildcard))
    this.#listeners.apply(named.filter(({ hosts }) => !hosts.includes(this.#controlPlane)))
  }

  /** Whether the names of a first snapshot are answered. */
  get ready(): boolean {
    return this.#services !== undefined
  }

  /** Names are answered to the end. */
  drain(): Promise<void> {
    return this.#listeners.drain()
  }

  close(): void {
    this.#listeners.close()
    this.#nameServer.close()
  }

  /** For people and metrics. */
  get status(): DnsStatus {
    const { address, resolvers, responder } = this.#nameServer
    const groups = Map.groupBy(this.#services ?? [], serviceNameOf)
    return {
      address,
      resolvers,
      queries: responder.counts,
      bindFailures: this.#listeners.failures,
      services: [...groups].map(([service, ports]) => this.#statusOf(service, ports)),
    }
  }

  #statusOf(service: string, ports: readonly Service[]): ServiceStatus {
    const failures = this.#listeners.failuresOf(service)
    return {
      service,
      names: ports[0]?.hosts ?? [],
      address: this.#listeners.addressOf(service),
      ports: ports.map(({ port }) => ({ port, ...(failures.get(port) ?? { code: 'bound' }) })),
    }
  }

  #publish(services: readonly Service[]): void {
    this.#services = services
    this.#nameServer.responder.zone = buildZone(services, service =>
      this.#listeners.addressOf(service),
    )
  }
}

export interface DnsStatus {
  readonly address: SocketAddress
  readonly resolvers: readonly SocketAddress[]
  readonly queries: NameServer['responder']['counts']
  /** Attempts to bind a port of a service that failed. */
  readonly bindFailures: number
  readonly services: readonly ServiceStatus[]
}

interface ServiceStatus {
  /** `orders.default`. */
  readonly service: string
  readonly names: readonly string[]
  readonly address: string | undefined
  /** `code` is `bound`, or why it is not, with what to do. */
  readonly ports: readonly { readonly port: number; readonly code: string; advice?: string }[]
}

/** On another machine's or its own address the application is not in our way. */
function reservedPortsOf({ host, ports }: ProxyBootstrap['application']): ReadonlySet<number> {
  return new Set(isLoopback(host) ? ports : [])
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

import type { Logger } from '../../base/log.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import type { Service } from '../../model/service.ts'
import type { Listener } from '../listener/listener.ts'
import { describeBindFailure, type BindFailure } from './bind-failure.ts'
import { ServiceAddresses } from './service-addresses.ts'
import { serviceNameOf } from './zone.ts'

export interface ServiceListenersOptions {
  /** A listener, not yet bound, all of whose requests go to the service (`orders.default:80`). */
  readonly create: (address: SocketAddress, service: string) => Listener
  /**
   * Ports where the application itself listens. They are left alone: if it listens on all addresses, it could not start
   * while we hold the port on one of them.
   */
  readonly reservedPorts: ReadonlySet<number>
  /** After it, connections to a service that has gone are cut. */
  readonly drainTimeoutMs: number
  readonly logger: Logger
  /** Called when a snapshot's ports are bound as far as they can be, before those that went are closed. */
  readonly onSettled: (services: readonly Service[]) => void
  /** Default 4096. */
  readonly maxListeners?: number
}

/** One service, all its ports. */
interface Group {
  /** Of each port that is bound. */
  readonly listeners: Map<number, Listener>
  /** Of each port that is not. */
  readonly failures: Map<number, BindFailure>
}

/** Addresses that are tried for a service on which other programs, such as another sidecar, hold a port. */
const maxAddresses = 4
const maxPortsInLog = 10

/** Listens for each service of the snapshot on its own loopback address and its own ports. */
export class ServiceListeners {
  /** Attempts to bind a port that failed. */
  failures = 0
  readonly #options: ServiceListenersOptions
  readonly #addresses = new ServiceAddresses()
  readonly #groups = new Map<string, Group>()
  /** Of services that have gone, while their connections end. */
  readonly #draining = new Map<Listener, Promise<void>>()
  readonly #unreported = new Map<string, { readonly advice: string; readonly ports: string[] }>()
  #bound = 0
  #next: readonly Service[] | undefined
  #working: Promise<void> | undefined
  #closed = false

  constructor(options: ServiceListenersOptions) {
    this.#options = options
  }

  /** Follows this list of services; if more lists come meanwhile, the newest wins. */
  apply(services: readonly Service[]): void {
    this.#next = services
    this.#working ??= this.#work()
  }

  /** When there is nothing left to follow. */
  async settled(): Promise<void> {
    await this.#working
  }

  /** Undefined while no port of the service is bound. */
  addressOf(service: string): string | undefined {
    const bound = (this.#groups.get(service)?.listeners.size ?? 0) > 0
    return bound ? this.#addresses.get(service) : undefined
  }

  /** Ports that are not bound, and why. */
  failuresOf(service: string): ReadonlyMap<number, BindFailure> {
    return this.#groups.get(service)?.failures ?? new Map()
  }

  /** Those that are bound, and those whose connections end. */
  get listeners(): readonly Listener[] {
    const bound = [...this.#groups.values()].flatMap(({ listeners }) => [...listeners.values()])
    return [...bound, ...this.#draining.keys()]
  }

  /** Follows no more lists and lets all connections finish. */
  async drain(): Promise<void> {
    this.#closed = true
    await this.#working
    for (const { listeners } of this.#groups.values())
      for (const [port, listener] of listeners) {
        this.#drop(listeners, port)
        this.#retire(listener)
      }
    await Promise.all(this.#draining.values())
  }

  close(): void {
    this.#closed = true
    for (const listener of this.listeners) listener.close()
  }

  async #work(): Promise<void> {
    for (let services = this.#next; services !== undefined; services = this.#next) {
      this.#next = undefined
      await this.#follow(services)
    }
    this.#working = undefined
  }

  /** Make before break: names lead to new ports before old ones go. */
  async #follow(services: readonly Service[]): Promise<void> {
    const wanted = new Map<string, Map<number, string>>()
    // In the order of the names, so that where hashes meet all sidecars decide alike.
    for (const service of services.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const ports = wanted.get(serviceNameOf(service)) ?? new Map<number, string>()
      wanted.set(serviceNameOf(service), ports.set(service.port, service.name))
    }
    for (const [name, ports] of wanted) {
      if (this.#closed) return
      await this.#bindService(name, ports)
    }
    if (this.#closed) return
    const gone = [...this.#groups].flatMap(([name, group]) =>
      this.#forgetGone(name, group, wanted.get(name)),
    )
    this.#options.onSettled(services)
    this.#report()
    for (const listener of gone) this.#retire(listener)
  }

  /** @returns the listeners that are no longer wanted. */
  #forgetGone(
    name: string,
    { listeners, failures }: Group,
    ports: ReadonlyMap<number, string> = new Map(),
  ): Listener[] {
    const gone: Listener[] = []
    for (const [port, listener] of listeners) {
      if (ports.has(port)) continue
      this.#drop(listeners, port)
      gone.push(listener)
    }
    for (const port of failures.keys()) if (!ports.has(port)) failures.delete(port)
    if (ports.size === 0) {
      this.#groups.delete(name)
      this.#addresses.release(name)
    }
    return gone
  }

  #drop(listeners: Group['listeners'], port: number): void {
    if (listeners.delete(port)) this.#bound--
  }

  /** Lets its connections finish, within the bound. */
  #retire(listener: Listener): void {
    const cut = setTimeout(() => listener.close(), this.#options.drainTimeoutMs)
    const drained = listener.drain().then(() => {
      clearTimeout(cut)
      this.#draining.delete(listener)
    })
    this.#draining.set(listener, drained)
  }

  /** Binds what is not bound yet. A service that is new may move to an address where all its ports are free. */
  async #bindService(name: string, ports: ReadonlyMap<number, string>): Promise<void> {
    const group = this.#groups.get(name) ?? { listeners: new Map(), failures: new Map() }
    this.#groups.set(name, group)
    const before = new Map(group.failures)
    const isNew = group.listeners.size + group.failures.size === 0
    const avoided = new Set<string>()
    for (let attempt = 1; ; attempt++) {
      const address = this.#addresses.get(name) ?? this.#addresses.assign(name, avoided)
      if (address === undefined) {
        for (const port of ports.keys()) group.failures.set(port, describeBindFailure('limit'))
        break
      }
      const fresh = await this.#bindPorts(address, group, ports)
      const taken = [...group.failures.values()].some(({ code }) => code === 'EADDRINUSE')
      if (!taken || !isNew || attempt === maxAddresses || this.#closed) break
      for (const port of fresh) {
        group.listeners.get(port)?.close()
        this.#drop(group.listeners, port)
      }
      avoided.add(address)
      this.#addresses.release(name)
    }
    this.#note(name, group, before)
  }

  /** @returns the ports that it could bind. */
  async #bindPorts(
    host: string,
    group: Group,
    ports: ReadonlyMap<number, string>,
  ): Promise<number[]> {
    const bound: number[] = []
    for (const [port, service] of ports) {
      if (group.listeners.has(port)) continue
      const result = await this.#bind({ host, port }, service)
      if ('code' in result) {
        group.failures.set(port, result)
        continue
      }
      group.failures.delete(port)
      group.listeners.set(port, result)
      this.#bound++
      bound.push(port)
    }
    return bound
  }

  async #bind(address: SocketAddress, service: string): Promise<Listener | BindFailure> {
    const { create, reservedPorts, maxListeners = 4096 } = this.#options
    if (reservedPorts.has(address.port)) return describeBindFailure('reserved')
    if (this.#bound >= maxListeners) return describeBindFailure('limit')
    const listener = create(address, service)
    try {
      await listener.listen()
    } catch (error) {
      this.failures++
      listener.close()
      return describeBindFailure(error)
    }
    // It was closed while it waited: nobody knows of this listener.
    if (this.#closed) listener.close()
    return listener
  }

  /** Notes each port and reason once, not with each snapshot again. */
  #note(service: string, group: Group, before: ReadonlyMap<number, BindFailure>): void {
    for (const [port, { code, advice }] of group.failures) {
      if (before.get(port)?.code === code) continue
      const noted = this.#unreported.get(code) ?? { advice, ports: [] }
      this.#unreported.set(code, noted)
      noted.ports.push(`${service}:${port}`)
    }
  }

  /** One line for each reason: it often holds for all services alike. */
  #report(): void {
    for (const [reason, { advice, ports }] of this.#unreported)
      this.#options.logger.warn(
        { reason, advice, count: ports.length, ports: ports.slice(0, maxPortsInLog) },
        'ports of services cannot be bound, so their names do not lead there',
      )
    this.#unreported.clear()
  }
}

import { ExchangeError } from '../../base/errors.ts'
import type { ClientConnection, ClientConnectionEvents } from '../../http/stream.ts'

/** Somebody who needs a connection; told exactly once unless it cancels. */
export interface Waiter {
  onConnection(connection: ClientConnection): void
  onConnectFailed(error: ExchangeError): void
}

export interface ConnectionPoolOptions {
  /** `address:port`, for messages. */
  readonly name: string
  /** Opens one connection. Rejects with an ExchangeError; bounded by the connect timeout. */
  readonly dial: (events: ClientConnectionEvents) => Promise<ClientConnection>
  readonly maxConnections: number
  /** Waiters beyond it are refused with `overloaded`. */
  readonly maxPending: number
  /**
   * Absent for HTTP/1.1: one request a connection. For HTTP/2: requests on the least busy connection from
   * which on another is opened beside it.
   */
  readonly growAt?: number
  /** Connections over which requests are spread so; more are opened only when those are full. Default: all. */
  readonly spread?: number
}

interface Pooled {
  readonly connection: ClientConnection
  /** It stands among the free ones. */
  free: boolean
}

/** The connections to one address. Hands out what is free at once, opens more within its bound, else queues. */
export class ConnectionPool implements ClientConnectionEvents {
  readonly #options: ConnectionPoolOptions
  readonly #connections = new Map<ClientConnection, Pooled>()
  /** Those that can take a request; the last one was used last, so the others can grow old. */
  readonly #free: Pooled[] = []
  readonly #pending: Waiter[] = []
  #dialing = 0
  #closed = false
  /** Since the start, for metrics. */
  opened = 0
  failed = 0

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#connections.size
  }

  get pending(): number {
    return this.#pending.length
  }

  /** Calls back at once when a connection is free. @param now monotonic ms. */
  acquire(waiter: Waiter, now: number): void {
    const connection = this.#take(now)
    if (connection !== undefined) return waiter.onConnection(connection)
    if (this.#closed || this.#pending.length >= this.#options.maxPending) {
      const why = this.#closed ? 'is closed' : `has ${this.#pending.length} requests waiting`
      return waiter.onConnectFailed(
        new ExchangeError('overloaded', `the pool of ${this.#options.name} ${why}`),
      )
    }
    this.#pending.push(waiter)
    this.#grow()
  }

  /** Sees to it that a connection is there, for somebody who will come soon. */
  warm(): void {
    if (this.#free.length === 0 && this.#dialing === 0 && this.#pending.length === 0) this.#grow(1)
  }

  cancel(waiter: Waiter): void {
    const index = this.#pending.indexOf(waiter)
    if (index >= 0) this.#pending.splice(index, 1)
  }

  onCapacity(connection: ClientConnection): void {
    const pooled = this.#connections.get(connection)
    if (pooled === undefined) return
    let { capacity } = connection
    while (capacity > 0) {
      const waiter = this.#pending.shift()
      if (waiter === undefined) break
      waiter.onConnection(connection)
      ;({ capacity } = connection)
    }
    if (capacity === 0 || pooled.free) return
    pooled.free = true
    this.#free.push(pooled)
  }

  onRetired(connection: ClientConnection): void {
    const pooled = this.#connections.get(connection)
    this.#connections.delete(connection)
    if (pooled?.free === true) this.#free.splice(this.#free.indexOf(pooled), 1)
    // A waiter may have counted on this connection.
    if (this.#pending.length > 0) this.#grow()
  }

  onClosed(connection: ClientConnection): void {
    this.onRetired(connection)
  }

  /** Lets idle connections end before the application ends them. */
  sweep(now: number): void {
    for (const connection of this.#connections.keys()) connection.sweep(now)
  }

  /** New requests get new connections, with the identity of now; those in flight finish on the old ones. */
  renew(): void {
    for (const connection of this.#connections.keys()) {
      this.onRetired(connection)
      connection.drain()
    }
  }

  /** The endpoint is gone: waiters are refused, requests in flight finish. */
  close(): void {
    this.#closed = true
    this.#failPending(new ExchangeError('connect_failed', `${this.#options.name} was removed`))
    this.renew()
  }

  #take(now: number): ClientConnection | undefined {
    if (this.#options.growAt !== undefined) return this.#takeLeastBusy(this.#options.growAt)
    for (let pooled = this.#free.pop(); pooled !== undefined; pooled = this.#free.pop()) {
      const { connection } = pooled
      pooled.free = false
      if (connection.capacity > 0 && !connection.isStale(now)) return connection
      connection.drain()
    }
    return undefined
  }

  #takeLeastBusy(growAt: number): ClientConnection | undefined {
    let best: ClientConnection | undefined
    for (const { connection } of this.#free) {
      if (connection.capacity === 0) continue
      if (best === undefined || connection.active < best.active) best = connection
    }
    const { spread = Number.POSITIVE_INFINITY } = this.#options
    if (best !== undefined && best.active >= growAt && this.#connections.size < spread) this.#grow()
    return best
  }

  #grow(wanted = this.#pending.length): void {
    const { maxConnections, growAt, dial } = this.#options
    if (this.#closed || this.#connections.size + this.#dialing >= maxConnections) return
    // A multiplexed connection will serve all waiters; HTTP/1.1 needs one for each.
    if (this.#dialing >= (growAt === undefined ? wanted : 1)) return
    this.#dialing++
    dial(this).then(
      connection => this.#onDialed(connection),
      (error: ExchangeError) => this.#onDialFailed(error),
    )
  }

  #onDialed(connection: ClientConnection): void {
    if (this.#closed || connection.closed) {
      connection.destroy()
      const message = `${this.#options.name} closed the connection at once`
      return this.#onDialFailed(new ExchangeError('connect_failed', message))
    }
    this.#dialing--
    this.opened++
    this.#connections.set(connection, { connection, free: false })
    this.onCapacity(connection)
    // More waited than it takes.
    if (this.#pending.length > 0) this.#grow()
  }

  #onDialFailed(error: ExchangeError): void {
    this.#dialing--
    this.failed++
    if (this.#options.growAt !== undefined && this.#connections.size === 0)
      return this.#failPending(error)
    if (this.#options.growAt === undefined) this.#pending.shift()?.onConnectFailed(error)
    if (this.#pending.length > 0 && this.#connections.size === 0) this.#grow()
  }

  #failPending(error: ExchangeError): void {
    for (const waiter of this.#pending.splice(0)) waiter.onConnectFailed(error)
  }
}

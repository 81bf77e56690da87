import type { Consumer, JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection, Status } from '@nats-io/transport-node'
import { backoff } from '../../../base/backoff.ts'
import type { Logger } from '../../../base/log.ts'
import { jitter, type Random } from '../../../base/random.ts'
import { WakeUp } from '../wake-up.ts'
import { authenticatorFor, type NatsCredentials } from './credentials.ts'
import { prepareStream, type StreamPlan } from './stream.ts'

export interface LinkOptions {
  /** `host:port`, one or more of a cluster; with TLS by name, as the client checks no addresses. */
  readonly servers: readonly string[]
  readonly credentials?: NatsCredentials | undefined
  /** TLS, against the authorities in `caFile`; without it those of Node. */
  readonly tls?: { readonly caFile?: string } | undefined
  readonly plan: StreamPlan
  readonly logger: Logger
  readonly random: Random
}

/** A connection that works, with stream and consumer at hand. */
export interface Live {
  readonly connection: NatsConnection
  readonly client: JetStreamClient
  readonly manager: JetStreamManager
  readonly consumer: Consumer
  /** Aborted when the connection is lost: what was asked on it gets no answer. */
  readonly lost: AbortSignal
}

const rest = { baseMs: 200, maxMs: 10_000 }
const reconnectMs = 750
/** A server that says nothing for twice as long is gone. */
const pingMs = 5000
const connectMs = 5000

/** A connection to NATS that comes back for as long as it is wanted. */
export class Link {
  readonly #options: LinkOptions
  readonly #change = new WakeUp()
  readonly #closing = new AbortController()
  #connection: NatsConnection | undefined
  #live: Live | undefined
  #loss = new AbortController()
  #failures = 0
  readonly #ended: Promise<void>

  constructor(options: LinkOptions) {
    this.#options = options
    this.#ended = this.#run()
  }

  /** Undefined while there is none. */
  get live(): Live | undefined {
    return this.#live
  }

  /** Resolves with the connection, or with what there is after `ms`. */
  async waitLive(ms: number, signal: AbortSignal): Promise<Live | undefined> {
    if (this.#live === undefined) await this.#change.next().within(ms, signal)
    return this.#live
  }

  /** Connects anew, and makes again what somebody has removed from the server. */
  async renew(): Promise<void> {
    await this.#connection?.close()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#setLive(undefined)
    await this.renew()
    await this.#ended
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#connect()
      } catch (error) {
        this.#options.logger.warn({ error }, 'cannot use NATS; trying again')
      }
      this.#setLive(undefined)
      const restMs = backoff(++this.#failures, rest, this.#options.random)
      await new WakeUp().next().within(restMs, this.#closing.signal)
    }
  }

  #setLive(live: Live | undefined): void {
    if (live === undefined) this.#loss.abort()
    else this.#failures = 0
    this.#live = live
    this.#change.all()
  }

  /** Resolves when the connection is over for good. */
  async #connect(): Promise<void> {
    // Here, so that who does not use NATS does not load it.
    const transport = await import('@nats-io/transport-node')
    const { servers, credentials, tls } = this.#options
    const connection = await transport.connect({
      servers: [...servers],
      name: 'weft',
      ...(credentials && { authenticator: authenticatorFor(transport, credentials) }),
      ...(tls && { tls }),
      timeout: connectMs,
      pingInterval: pingMs,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      // A password that was changed here and there one after the other fails in between.
      ignoreAuthErrorAbort: true,
      // Asked several times for one try: it must not grow with each.
      reconnectDelayHandler: () => jitter(reconnectMs, 0.5, this.#options.random),
    })
    this.#connection = connection
    // Before anything else: what happens meanwhile must not be missed.
    const statuses = connection.status()
    try {
      if (this.#closing.signal.aborted) return
      await this.#prepare(connection)
      await this.#follow(connection, statuses)
    } finally {
      await connection.close()
      this.#connection = undefined
    }
  }

  async #prepare(connection: NatsConnection): Promise<void> {
    const { jetstreamManager } = await import('@nats-io/jetstream')
    const { plan } = this.#options
    const manager = await jetstreamManager(connection)
    const client = manager.jetstream()
    await prepareStream(manager, plan)
    const consumer = await client.consumers.get(plan.stream, plan.consumer)
    if (connection.isClosed() || this.#closing.signal.aborted) return
    this.#loss = new AbortController()
    this.#setLive({ connection, client, manager, consumer, lost: this.#loss.signal })
  }

  async #follow(connection: NatsConnection, statuses: AsyncIterable<Status>): Promise<void> {
    const { logger } = this.#options
    for await (const status of statuses) {
      if (status.type === 'disconnect') {
        this.#setLive(undefined)
        logger.warn({ server: status.server }, 'NATS is gone; connecting again')
      } else if (status.type === 'reconnect') {
        // A failure ends this connection, and the next begins from scratch.
        await this.#prepare(connection)
        logger.info({ server: status.server }, 'NATS is back')
      } else if (status.type === 'error') logger.warn({ error: status.error }, 'NATS has refused')
    }
  }
}

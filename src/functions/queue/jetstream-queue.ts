import type { JsMsg, MsgRequest, PubAck } from '@nats-io/jetstream'
import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { maxEventBytes, type EventQueue, type GiveBack, type Lease } from './event-queue.ts'
import type { NewEvent, PutResult, QueueDepth, QueuedEvent, TakeOptions } from './event-queue.ts'
import type { NatsCredentials } from './jetstream/credentials.ts'
import { Link, type Live } from './jetstream/link.ts'
import { encodeFields, eventHeader, idOfKey, readEvent } from './jetstream/message.ts'
import { readFields, remainingMs, type MessageFields } from './jetstream/message.ts'
import { refusalOf } from './jetstream/refusal.ts'
import type { StreamPlan } from './jetstream/stream.ts'
import { settleWithin } from './settle-within.ts'

export interface JetStreamQueueOptions {
  /** `host:port`, one or more of a cluster; with TLS by name, as the client checks no addresses. */
  readonly servers: readonly string[]
  readonly credentials?: NatsCredentials
  readonly tls?: { readonly caFile?: string }
  readonly namespace: string
  readonly functionName: string
  /** Shared by all functions of the mesh. Default `weft-events`. */
  readonly stream?: string
  /** A message is somebody else's after so long. Default 60 s. */
  readonly leaseMs?: number
  /** Of this function. Default 100,000. */
  readonly maxEvents?: number
  /** Of the stream, should it have to be made. Default 1 GiB. */
  readonly maxBytes?: number
  readonly logger: Logger
  /** Monotonic. */
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

const keyWindowMs = 24 * 3_600_000
const depthEveryMs = 15_000
/** The client takes no shorter wait. */
const shortestWaitMs = 1000
/** A server from which two are missing has forgotten the question. */
const heartbeatMs = 2000
const publishMs = 5000
const acknowledgeMs = 5000

/**
 * The queue of one function in a stream of NATS JetStream, for functions on several machines. Needs nats-server 2.9 or
 * later, and a `max_payload` that exceeds the largest event by 64 KiB. What the server calls stored is as durable as it
 * has been set up to be: by default it flushes its files every two minutes, and relies on replicas
 * (docs.nats.io, `sync_interval`).
 */
export class JetStreamQueue implements EventQueue {
  readonly #options: JetStreamQueueOptions
  readonly #plan: StreamPlan
  readonly #link: Link
  readonly #closing = new AbortController()
  readonly #measure: NodeJS.Timeout
  #depth: QueueDepth = { events: 0, bytes: undefined, oldestAgeMs: 0 }

  constructor(options: JetStreamQueueOptions) {
    this.#options = options
    this.#plan = planFor(options)
    const { servers, credentials, tls, logger, random } = options
    this.#link = new Link({ servers, credentials, tls, plan: this.#plan, logger, random })
    this.#measure = setInterval(() => void this.measure().catch(() => {}), depthEveryMs)
    this.#measure.unref()
  }

  get depth(): QueueDepth {
    return this.#depth
  }

  /** Whether it is connected, after `ms` at most. Until then puts are refused, and takes wait. */
  async connected(ms: number): Promise<boolean> {
    return (await this.#link.waitLive(ms, this.#closing.signal)) !== undefined
  }

  /** Asks the server for the depth, as happens every 15 seconds by itself. */
  async measure(): Promise<QueueDepth> {
    const live = this.#link.live
    if (live === undefined) return this.#depth
    const { num_pending: waiting, num_ack_pending: taken } = await live.consumer.info()
    const events = waiting + taken
    const oldestAgeMs = events === 0 ? 0 : await this.#oldestAgeMs(live)
    this.#depth = { events, bytes: undefined, oldestAgeMs }
    return this.#depth
  }

  async put(event: NewEvent): Promise<PutResult> {
    if (event.payload.length > maxEventBytes)
      return refused('too-large', `an event has at most ${maxEventBytes} bytes`)
    const { subject } = this.#plan
    const { qualifier, clientContext, traceId, payload, idempotencyKey: key } = event
    const id = key === undefined ? event.id : idOfKey(subject, key)
    const enqueuedAt = this.#options.wallNow()
    const fields = { id, qualifier, clientContext, traceId, enqueuedAt, attempts: 0, throttles: 0 }
    const published = await this.#publish(
      fields,
      payload,
      key === undefined ? undefined : `${subject}:${id}`,
    )
    if ('kind' in published) return published
    return { kind: published.duplicate ? 'duplicate' : 'stored', id }
  }

  /** One at a time: each is asked for when there is room for it, so that nobody holds what another could run. */
  async take({ waitMs, signal }: TakeOptions): Promise<readonly Lease[]> {
    const { now } = this.#options
    const until = now() + waitMs
    const over = AbortSignal.any([signal, this.#closing.signal])
    for (;;) {
      const restMs = until - now()
      const live = over.aborted ? undefined : await this.#link.waitLive(restMs, over)
      if (live === undefined || over.aborted) return []
      const leftMs = Math.max(shortestWaitMs, Math.ceil(until - now()))
      const message = await this.#next(live, leftMs, over)
      const lease = message && this.#accept(message)
      if (lease !== undefined) return [lease]
      if (now() >= until) return []
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearInterval(this.#measure)
    await this.#link.close()
  }

  async #publish(
    fields: MessageFields,
    body: Buffer,
    messageId: string | undefined,
  ): Promise<PubAck | Extract<PutResult, { kind: 'refused' }>> {
    const live = this.#link.live
    if (live === undefined) return refused('unavailable', 'NATS is not connected')
    const encoded = encodeFields(fields)
    const most = live.connection.info?.max_payload ?? Number.POSITIVE_INFINITY
    if (body.length + encoded.length + headerBytes > most)
      return refused(
        'too-large',
        `the server of NATS takes ${most} bytes a message; raise its max_payload to 2 MB`,
      )
    try {
      const { headers } = await import('@nats-io/transport-node')
      const lines = headers()
      lines.set(eventHeader, encoded)
      const published = live.client.publish(this.#plan.subject, body, {
        headers: lines,
        timeout: publishMs,
        ...(messageId !== undefined && { msgID: messageId }),
      })
      const answer = await settleWithin(published, live.lost)
      return answer ?? refused('unavailable', 'NATS was lost before it answered')
    } catch (error) {
      const { reason, detail } = refusalOf(error)
      return refused(reason, detail)
    }
  }

  /** Undefined after `waitMs`, when the connection is lost, or when nobody waits any more. */
  async #next(live: Live, waitMs: number, over: AbortSignal): Promise<JsMsg | undefined> {
    const messages = await live.consumer.fetch({
      max_messages: 1,
      expires: waitMs,
      bind: true,
      idle_heartbeat: Math.min(heartbeatMs, waitMs / 2),
    })
    const end = AbortSignal.any([over, live.lost])
    const stop = (): void => messages.stop()
    end.addEventListener('abort', stop)
    try {
      for await (const message of messages) return message
      return undefined
    } catch (error) {
      await this.#link.renew()
      throw error
    }
  }

  #accept(message: JsMsg): Lease | undefined {
    const { wallNow, logger } = this.#options
    const fields = readFields(message)
    if (fields === undefined) {
      logger.error({ subject: message.subject }, 'a message that is no event was taken out')
      // Not `term`: servers before 2.10 keep such a message for ever.
      message.ack()
      return undefined
    }
    const restMs = remainingMs(message, fields, wallNow())
    if (restMs > 0) {
      message.nak(Math.ceil(restMs))
      return undefined
    }
    const event = readEvent(message, fields, wallNow())
    return {
      event,
      acknowledge: () => this.#acknowledge(message),
      giveBack: change => this.#giveBack(message, event, change),
      extend: async () => {
        message.working()
        return this.#link.live !== undefined
      },
    }
  }

  /** Only the server's word counts: an acknowledgement may be lost on its way. */
  async #acknowledge(message: JsMsg): Promise<boolean> {
    try {
      const lost = this.#link.live?.lost ?? AbortSignal.abort()
      return (await settleWithin(message.ackAck({ timeout: acknowledgeMs }), lost)) ?? false
    } catch (error) {
      this.#options.logger.warn(
        { error },
        'NATS did not confirm the end of an event; it may run again',
      )
      return false
    }
  }

  /**
   * A message can't be changed: where something is to be noted with the event, another takes its place. First the new
   * one, then the old: who dies in between leaves both, and the id of the new one keeps it from being made twice.
   */
  async #giveBack(message: JsMsg, event: QueuedEvent, change: GiveBack): Promise<boolean> {
    const { delayMs, attempts, verdict } = change
    const noted = attempts !== event.attempts || verdict !== event.verdict
    if (noted && (await this.#replace(event, change))) return this.#acknowledge(message)
    message.nak(Math.ceil(delayMs))
    return this.#link.live !== undefined
  }

  async #replace(event: QueuedEvent, change: GiveBack): Promise<boolean> {
    const { id, qualifier, clientContext, traceId, enqueuedAt, payload } = event
    const { attempts, throttles, delayMs, verdict } = change
    const dueAt = this.#options.wallNow() + delayMs
    const published = await this.#publish(
      {
        id,
        qualifier,
        clientContext,
        traceId,
        enqueuedAt,
        attempts,
        throttles,
        ...(delayMs > 0 && { dueAt, delayMs }),
        ...(verdict !== undefined && { payloadBytes: payload.length }),
      },
      verdict === undefined ? payload : Buffer.concat([payload, Buffer.from(verdict)]),
      `${this.#plan.subject}:${id}:${attempts}${verdict === undefined ? '' : ':verdict'}`,
    )
    if (!('kind' in published)) return true
    this.#options.logger.warn(
      { requestId: id, detail: published.detail },
      'what became of an event could not be noted; it will be run once more',
    )
    return false
  }

  async #oldestAgeMs({ manager }: Live): Promise<number> {
    const { stream, subject } = this.#plan
    // The server takes it, as for direct access; the client's types leave it out.
    const query = { next_by_subj: subject, seq: 1 } as unknown as MsgRequest
    const first = await manager.streams.getMessage(stream, query)
    if (first === null) return 0
    const enqueuedAt = readFields({ headers: first.header })?.enqueuedAt ?? first.time.getTime()
    return Math.max(0, this.#options.wallNow() - enqueuedAt)
  }
}

/** Names of headers, and what the protocol puts around them. */
const headerBytes = 512

function refused(
  reason: Extract<PutResult, { kind: 'refused' }>['reason'],
  detail: string,
): Extract<PutResult, { kind: 'refused' }> {
  return { kind: 'refused', reason, detail }
}

/** @throws Error for names that can't be part of a subject. */
function planFor(options: JetStreamQueueOptions): StreamPlan {
  const { namespace, functionName, stream = 'weft-events' } = options
  const { leaseMs = 60_000, maxEvents = 100_000, maxBytes = 1024 ** 3 } = options
  for (const name of [namespace, functionName, stream])
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(name))
      throw new Error(
        `${JSON.stringify(name)} can't be part of a subject of NATS: use letters, digits, - and _`,
      )
  return {
    stream,
    leaseMs,
    maxEvents,
    maxBytes,
    keyWindowMs,
    subjects: `${stream}.>`,
    subject: `${stream}.${namespace}.${functionName}`,
    // No name of Kubernetes has an underscore: a-b.c and a.b-c stay apart.
    consumer: `${namespace}_${functionName}`,
  }
}

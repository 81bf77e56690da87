import { existsSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { functionArn, type HostedFunction } from '../model/function/function.ts'
import { createDestinations } from './event-destination.ts'
import { EventRun } from './event-run.ts'
import type { FunctionVersions } from './function-versions.ts'
import { structuredType, toJson } from './payload/cloud-event.ts'
import { Delivery } from './queue/delivery.ts'
import type { DeliveryPolicy } from './queue/delivery-policy.ts'
import type { EventQueue, NewEvent, PutResult, QueuedEvent } from './queue/event-queue.ts'
import { JetStreamQueue } from './queue/jetstream-queue.ts'
import type { Outcome } from './queue/outcome.ts'
import { SqliteQueue } from './queue/sqlite-queue.ts'
import { EventDirectory } from './triggers/event-directory.ts'
import { Schedule } from './triggers/schedule.ts'
import type { Emit, Trigger } from './triggers/trigger.ts'

export interface FunctionEventsOptions {
  readonly versions: FunctionVersions
  /** Of the queue on this machine's disk. */
  readonly path: string
  /** Base URL of the Invoke API of this sidecar. */
  readonly invokeUrl: () => string
  readonly logger: Logger
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

/** What runs while the sidecar ends; then it is left to come again. */
const drainMs = 20_000
const notYet: PutResult = {
  kind: 'refused',
  reason: 'unavailable',
  detail: 'nothing is known of the function yet',
}

interface OpenQueue {
  readonly queue: EventQueue
  readonly delivery: Delivery
  /** Of the function that it was opened for. */
  readonly fields: QueueFields
}

/** Events of the hosted function that nobody waits for: their queue, what fills it, and what empties it. */
export class FunctionEvents {
  readonly #options: FunctionEventsOptions
  readonly #destinations: ReturnType<typeof createDestinations>
  #hosted: HostedFunction | undefined
  #open: OpenQueue | undefined
  /** Of queues that are to be no more, while what they run is finished. */
  readonly #ending = new Set<Delivery>()
  #triggers: readonly Trigger[] = []
  /** Whose triggers they are. */
  #triggering: object | undefined
  #changes: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: FunctionEventsOptions) {
    this.#options = options
    this.#destinations = createDestinations(options.invokeUrl)
  }

  /** Of the queue and of each trigger; undefined while the queue is not open. */
  get counters(): Delivery['counters'] | undefined {
    return this.#open?.delivery.counters
  }

  get triggers(): readonly Trigger[] {
    return this.#triggers
  }

  /** One change after the other. */
  apply(hosted: HostedFunction | undefined): void {
    this.#hosted = hosted
    if (this.#closed) return
    if (hosted !== undefined && this.#open !== undefined)
      this.#open.delivery.policy = policyOf(hosted)
    this.#changes = this.#changes
      .then(() => this.#change(hosted))
      .catch((error: unknown) => this.#options.logger.error({ error }, 'events: change failed'))
  }

  /** Resolves when the event is durable, or is refused. */
  async put(event: NewEvent): Promise<PutResult> {
    const hosted = this.#hosted
    if (hosted === undefined || this.#closed) return notYet
    return this.#openFor(hosted).delivery.put(event)
  }

  /** Triggers end; what runs is finished, within a bound. */
  async drain(): Promise<void> {
    this.#closed = true
    await this.#changes
    await this.#endTriggers()
    await this.#open?.delivery.drain(drainMs)
  }

  async close(): Promise<void> {
    this.#closed = true
    // What a change waits for is not waited for now.
    await Promise.all([...this.#ending].map(delivery => delivery.drain(0)))
    await this.#changes
    await this.#endTriggers()
    await this.#endQueue(0)
    await this.#destinations.close()
  }

  async #change(hosted: HostedFunction | undefined): Promise<void> {
    if (this.#closed) return
    // What waits stays in its queue: the function may come back.
    if (hosted === undefined) return this.#endTriggers()
    const open = this.#open
    if (open !== undefined && differ(open.fields, queueFields(hosted))) {
      // Two can't have the same disk: the old one takes what comes until it closes.
      const shared = open.fields.queue === undefined && hosted.queue === undefined
      if (!shared) this.#open = undefined
      await this.#drainQueue(open, drainMs)
    }
    if (this.#closed) return
    // A thread is spared where there is nothing to wait for.
    if (hosted.queue !== undefined || existsSync(this.#options.path)) this.#openFor(hosted)
    const triggering = triggerFields(hosted)
    if (!differ(this.#triggering, triggering)) return
    await this.#endTriggers()
    this.#startTriggers(hosted)
    this.#triggering = triggering
  }

  #openFor(hosted: HostedFunction): OpenQueue {
    if (this.#open !== undefined) return this.#open
    const { logger, now, wallNow, random } = this.#options
    const queue = this.#createQueue(hosted)
    const delivery = new Delivery({
      queue,
      functionArn: functionArn(hosted.name),
      policy: policyOf(hosted),
      invoke: (event, signal) => this.#invoke(event, signal),
      deliver: this.#destinations.deliver,
      logger,
      now,
      wallNow,
      random,
    })
    delivery.start()
    this.#open = { queue, delivery, fields: queueFields(hosted) }
    return this.#open
  }

  #createQueue({ name, namespace, queue, asynchronous }: HostedFunction): EventQueue {
    const { path, logger, now, wallNow, random } = this.#options
    const { maxEvents, maxBytes } = asynchronous
    if (queue === undefined)
      return new SqliteQueue({ path, limits: { maxEvents, maxBytes }, logger, now })
    const clocks = { logger, now, wallNow, random }
    return new JetStreamQueue({ ...queue, namespace, functionName: name, maxEvents, ...clocks })
  }

  async #endQueue(boundMs: number): Promise<void> {
    const open = this.#open
    if (open !== undefined) await this.#drainQueue(open, boundMs)
  }

  async #drainQueue(open: OpenQueue, boundMs: number): Promise<void> {
    const { delivery, queue } = open
    this.#ending.add(delivery)
    await delivery.drain(boundMs)
    this.#ending.delete(delivery)
    if (this.#open === open) this.#open = undefined
    await queue.close()
  }

  async #endTriggers(): Promise<void> {
    const triggers = this.#triggers
    this.#triggers = []
    this.#triggering = undefined
    await Promise.all(triggers.map(trigger => trigger.close()))
  }

  #startTriggers({ name, namespace, schedules, directories }: HostedFunction): void {
    const { logger, now, wallNow, random } = this.#options
    const emit: Emit = (event, key) => this.#emit(toJson(event), key)
    const common = { namespace, functionName: name, emit, logger, now, wallNow, random }
    this.#triggers = [
      ...schedules.map(spec => new Schedule({ ...common, spec })),
      ...directories.map(spec => new EventDirectory({ ...common, spec })),
    ]
    for (const trigger of this.#triggers) trigger.start()
  }

  async #emit(payload: Buffer, idempotencyKey: string): Promise<void> {
    const id = randomUUID()
    const put = await this.put({
      id,
      payload,
      idempotencyKey,
      qualifier: undefined,
      clientContext: undefined,
      traceId: undefined,
    })
    if (put.kind === 'refused')
      throw new Error(`the queue refused it (${put.reason}): ${put.detail}`)
  }

  async #invoke(event: QueuedEvent, signal: AbortSignal): Promise<Outcome> {
    const { versions } = this.#options
    const { id, payload, qualifier, traceId, clientContext } = event
    const resolved = versions.resolve(qualifier)
    if (resolved === undefined)
      return { kind: 'unavailable', detail: `there is no version ${qualifier ?? ''} now` }
    const invocation = {
      id,
      payload,
      ...(isCloudEvent(payload) && { contentType: structuredType }),
      functionArn: functionArn(versions.function?.name ?? '', qualifier),
      traceId,
      clientContext,
      deadlineAt: Number.POSITIVE_INFINITY,
    }
    const { invoker, spec } = resolved
    return EventRun.run(invoker, invocation, { version: spec.version, signal })
  }
}

function policyOf({ asynchronous }: HostedFunction): DeliveryPolicy {
  const { retries, backoffMs, maxAgeMs, concurrency, onFailure, onSuccess } = asynchronous
  return { retries, backoffMs, maxAgeMs, concurrency, onFailure, onSuccess }
}

/** Another of these is another queue. */
type QueueFields = Pick<HostedFunction, 'queue'> & {
  readonly maxEvents: number
  readonly maxBytes: number
}

function queueFields({
  queue,
  asynchronous: { maxEvents, maxBytes },
}: HostedFunction): QueueFields {
  return { ...(queue !== undefined && { queue }), maxEvents, maxBytes }
}

function triggerFields({ schedules, directories }: HostedFunction): object {
  return { schedules, directories }
}

function differ(a: object | undefined, b: object): boolean {
  return JSON.stringify(a) !== JSON.stringify(b)
}

/** In its JSON form it has this field, and ours begin with it. */
function isCloudEvent(payload: Buffer): boolean {
  return payload.subarray(0, 200).includes('"specversion"')
}

import { backoff } from '../../base/backoff.ts'
import type { Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { retryDelayMs, throttleDelayMs, type DeliveryPolicy } from './delivery-policy.ts'
import type { EventQueue, Lease, NewEvent, PutResult } from './event-queue.ts'
import { completeRecord, createVerdict, readVerdict, writeVerdict } from './invocation-record.ts'
import type { InvocationRecord, RecordCondition, Verdict } from './invocation-record.ts'
import type { Invoke, Outcome } from './outcome.ts'
import { settleWithin } from './settle-within.ts'
import { WakeUp } from './wake-up.ts'

/** Brings a record to its destination. It should end when `signal` is aborted; it is not waited for after that. */
export type Deliver = (
  destination: string,
  record: InvocationRecord,
  signal: AbortSignal,
) => Promise<void>

export interface DeliveryOptions {
  readonly queue: EventQueue
  readonly functionArn: string
  readonly policy: DeliveryPolicy
  readonly invoke: Invoke
  readonly deliver: Deliver
  readonly logger: Logger
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

export const deliveryLimits = {
  leaseMs: 60_000,
  /** A lease is extended so often while its event runs. */
  extendMs: 20_000,
  /** A run that has not come to an end by then is taken for lost: functions have at most 15 minutes. */
  maxInvocationMs: 16 * 60_000,
  maxDeliveryMs: 30_000,
  waitMs: 30_000,
} as const

/** Records of success are kept until their event is so many times as old as events may become. */
const tellFor = 2

/** Waited where the queue could not be read, and where the function took nothing. */
const queueRest = { baseMs: 1000, maxMs: 30_000 }
const throttleRest = { baseMs: 100, maxMs: 5000 }

type Ended = Extract<Outcome, { kind: 'success' | 'function-error' }>

/**
 * Runs what is in a queue, as AWS Lambda does
 * (docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html): what a function fails at is tried again,
 * then given up; what could not be run waits until it is too old; destinations hear of both. An event leaves the queue
 * only when all of that is done.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #running = new Map<Promise<void>, AbortController>()
  readonly #stop = new AbortController()
  readonly #room = new WakeUp()
  readonly #counters = {
    enqueued: 0,
    duplicates: 0,
    refused: 0,
    delivered: 0,
    retried: 0,
    throttled: 0,
    deadLettered: 0,
    expired: 0,
    dropped: 0,
    destinationFailures: 0,
  }
  #policy: DeliveryPolicy
  #loop: Promise<void> | undefined
  /** Runs in a row that found no room. */
  #turnedAway = 0

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#policy = options.policy
  }

  /**
   * Since the start. `deadLettered`, `expired`: told to the destination of failures; `dropped`: given up where there is
   * none; `throttled`: given back without having run.
   */
  get counters() {
    const { events: depth, oldestAgeMs } = this.#options.queue.depth
    return { ...this.#counters, depth, oldestAgeMs, running: this.#running.size }
  }

  /** Holds for all that is decided from now on. */
  set policy(policy: DeliveryPolicy) {
    this.#policy = policy
    this.#room.all()
  }

  async put(event: NewEvent): Promise<PutResult> {
    const result = await this.#options.queue.put(event)
    if (result.kind === 'stored') this.#counters.enqueued++
    else if (result.kind === 'duplicate') this.#counters.duplicates++
    else this.#counters.refused++
    return result
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Takes nothing more; resolves when nothing runs, or after `boundMs`: what runs then is abandoned, to come again. */
  async drain(boundMs: number): Promise<void> {
    this.#stop.abort()
    const idle = (async () => {
      await this.#loop
      await Promise.all(this.#running.keys())
    })()
    const bound = new AbortController()
    const timer = setTimeout(() => bound.abort(), boundMs)
    await settleWithin(idle, bound.signal)
    clearTimeout(timer)
    for (const abandoned of this.#running.values()) abandoned.abort()
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#stop.signal.aborted) {
      const room = this.#policy.concurrency - this.#running.size
      if (room <= 0) {
        await this.#room.next().within(deliveryLimits.waitMs, this.#stop.signal)
        continue
      }
      try {
        await this.#takeSome(room)
        failures = 0
      } catch (error) {
        failures++
        this.#options.logger.warn({ error }, 'cannot take events; trying again')
        await this.#rest(backoff(failures, queueRest, this.#options.random))
      }
    }
  }

  async #takeSome(max: number): Promise<void> {
    // A function without room would be asked in vain for each event that waits, and each would be written again.
    if (this.#turnedAway > 0)
      await this.#rest(backoff(this.#turnedAway, throttleRest, this.#options.random))
    const { leaseMs, waitMs } = deliveryLimits
    const leases = await this.#options.queue.take({
      max,
      leaseMs,
      waitMs,
      signal: this.#stop.signal,
    })
    for (const lease of leases) this.#begin(lease)
  }

  #rest(ms: number): Promise<void> {
    return new WakeUp().next().within(ms, this.#stop.signal)
  }

  #begin(lease: Lease): void {
    if (this.#stop.signal.aborted) {
      const { attempts, throttles, verdict } = lease.event
      this.#track(lease.giveBack({ delayMs: 0, attempts, throttles, verdict }))
      return
    }
    const abandoned = new AbortController()
    const over = new AbortController()
    const extending = setInterval(() => {
      void this.#extend(lease, over.signal)
    }, deliveryLimits.extendMs)
    const work = this.#handle(lease, abandoned.signal).finally(() => {
      clearInterval(extending)
      over.abort()
    })
    this.#track(work, abandoned)
  }

  #track(work: Promise<unknown>, abandoned = new AbortController()): void {
    const { logger } = this.#options
    const tracked = work
      .catch((error: unknown) =>
        // Its lease runs out, and it comes again.
        logger.error({ error }, 'an event could not be dealt with; it comes again'),
      )
      .then(() => {
        this.#running.delete(tracked)
        this.#room.all()
      })
    this.#running.set(tracked, abandoned)
  }

  async #extend(lease: Lease, over: AbortSignal): Promise<void> {
    const { logger } = this.#options
    const held = await lease.extend(deliveryLimits.leaseMs).catch(() => false)
    // One that ended meanwhile is no loss.
    if (!held && !over.aborted)
      logger.warn({ requestId: lease.event.id }, 'a lease was lost: its event may run twice')
  }

  async #handle(lease: Lease, abandoned: AbortSignal): Promise<void> {
    const { event } = lease
    const since = this.#options.now()
    const ageMs = () => event.ageMs + this.#options.now() - since
    if (event.verdict !== undefined) return this.#tell(lease, readVerdict(event.verdict))
    if (ageMs() >= this.#policy.maxAgeMs)
      return this.#conclude(lease, 'EventAgeExceeded', undefined)
    const outcome = await this.#invoke(lease, abandoned)
    // Who abandoned it has no queue to give it back to.
    if (abandoned.aborted) return
    this.#turnedAway = outcome.kind === 'throttled' ? this.#turnedAway + 1 : 0
    if (outcome.kind === 'success') await this.#conclude(lease, 'Success', outcome)
    else if (outcome.kind === 'function-error') await this.#failed(lease, outcome, ageMs())
    else await this.#notRun(lease, outcome, ageMs())
  }

  async #invoke({ event }: Lease, abandoned: AbortSignal): Promise<Outcome> {
    const { invoke } = this.#options
    const overdue = new AbortController()
    const timer = setTimeout(() => overdue.abort(), deliveryLimits.maxInvocationMs)
    const signal = AbortSignal.any([abandoned, overdue.signal])
    try {
      const outcome = await settleWithin(invoke(event, signal), signal)
      return outcome ?? { kind: 'system-error', detail: 'the invocation came to no end' }
    } catch (error) {
      return { kind: 'system-error', detail: (error as Error).message }
    } finally {
      clearTimeout(timer)
    }
  }

  async #failed(lease: Lease, outcome: Ended, ageMs: number): Promise<void> {
    const { attempts, throttles } = lease.event
    if (attempts >= this.#policy.retries) return this.#conclude(lease, 'RetriesExhausted', outcome)
    this.#counters.retried++
    const delayMs = this.#untilTooOld(retryDelayMs(this.#policy, attempts), ageMs)
    await lease.giveBack({ delayMs, attempts: attempts + 1, throttles })
  }

  async #notRun(lease: Lease, outcome: Outcome, ageMs: number): Promise<void> {
    const { attempts, throttles, id } = lease.event
    const { logger, random } = this.#options
    this.#counters.throttled++
    if (outcome.kind === 'system-error')
      logger.warn({ requestId: id, detail: outcome.detail }, 'an event could not be run')
    const delayMs = this.#untilTooOld(throttleDelayMs(throttles, random), ageMs)
    await lease.giveBack({ delayMs, attempts, throttles: throttles + 1 })
  }

  /** Nothing waits for longer than until it is given up. */
  #untilTooOld(delayMs: number, ageMs: number): number {
    return Math.max(0, Math.min(delayMs, this.#policy.maxAgeMs - ageMs))
  }

  async #conclude(
    lease: Lease,
    condition: RecordCondition,
    outcome: Ended | undefined,
  ): Promise<void> {
    const { functionArn, wallNow } = this.#options
    const { id: requestId, attempts } = lease.event
    const invokeCount = attempts + (outcome === undefined ? 0 : 1)
    const at = wallNow()
    if (condition === 'Success') this.#counters.delivered++
    await this.#tell(
      lease,
      createVerdict({ requestId, functionArn, condition, invokeCount, at, outcome }),
    )
  }

  async #tell(lease: Lease, verdict: Verdict): Promise<void> {
    const { condition } = verdict.requestContext
    const succeeded = condition === 'Success'
    const destination = succeeded ? this.#policy.onSuccess : this.#policy.onFailure
    if (destination === undefined) {
      if (!succeeded) this.#drop(lease, condition)
    } else if (await this.#deliver(destination, completeRecord(verdict, lease.event.payload))) {
      if (!succeeded) this.#counters.deadLettered++
      if (condition === 'EventAgeExceeded') this.#counters.expired++
    } else if (succeeded && this.#tellsInVain(lease)) this.#dropUntold(lease, destination)
    else return this.#tellLater(lease, verdict)
    await lease.acknowledge()
  }

  #drop({ event }: Lease, condition: RecordCondition): void {
    this.#counters.dropped++
    if (condition === 'EventAgeExceeded') this.#counters.expired++
    this.#options.logger.warn(
      { requestId: event.id, condition },
      'an event was given up; set a destination for failures to keep such events',
    )
  }

  /** Events that failed are kept until somebody takes them; those that are done must not fill the queue. */
  #tellsInVain({ event }: Lease): boolean {
    return event.ageMs >= tellFor * this.#policy.maxAgeMs
  }

  #dropUntold({ event }: Lease, destination: string): void {
    this.#counters.dropped++
    this.#options.logger.error(
      { requestId: event.id, destination },
      'a destination has taken no record of a success for too long: it is dropped',
    )
  }

  /** What was decided goes back into the queue with the event, so that the function does not run again. */
  async #tellLater(lease: Lease, verdict: Verdict): Promise<void> {
    const { event } = lease
    const { attempts } = event
    // Times that the function was busy are no measure for how long its destination is away.
    const throttles = event.verdict === undefined ? 0 : event.throttles
    const delayMs = throttleDelayMs(throttles, this.#options.random)
    const stored = writeVerdict(verdict)
    await lease.giveBack({ delayMs, attempts, throttles: throttles + 1, verdict: stored })
  }

  async #deliver(destination: string, record: InvocationRecord): Promise<boolean> {
    const overdue = new AbortController()
    const timer = setTimeout(() => overdue.abort(), deliveryLimits.maxDeliveryMs)
    const { deliver, logger } = this.#options
    try {
      const delivered = deliver(destination, record, overdue.signal).then(() => true)
      if (await settleWithin(delivered, overdue.signal)) return true
      throw new Error(`no answer within ${deliveryLimits.maxDeliveryMs} ms`)
    } catch (error) {
      this.#counters.destinationFailures++
      const { requestId } = record.requestContext
      logger.warn({ error, destination, requestId }, 'a destination did not take a record')
      return false
    } finally {
      clearTimeout(timer)
    }
  }
}

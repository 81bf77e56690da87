import { backoff } from '../../base/backoff.ts'
import { CronSchedule } from '../../base/cron.ts'
import type { ScheduleSpec } from '../../model/function/function-events.ts'
import type { CloudEvent } from '../payload/cloud-event.ts'
import { Alarm } from './alarm.ts'
import { FiredRuns } from './fired-runs.ts'
import {
  askQueue,
  TriggerEnd,
  triggerSource,
  type Trigger,
  type TriggerOptions,
} from './trigger.ts'

export interface ScheduleOptions extends TriggerOptions {
  readonly spec: ScheduleSpec
}

/** A run that is later than this was missed. */
const punctualMs = 60_000
/** Timers don't follow the wall clock, nor a machine's sleep: it is looked at so often. */
const longestSleepMs = 30_000
/** So many missed runs are counted one by one, beyond them the count is too low. */
const maxCountedRuns = 100
const retryWait = { baseMs: 250, maxMs: 60_000 }

/** Emits an event for each run of a cron expression, one at a time: a slow queue makes late runs into missed ones. */
export class Schedule implements Trigger {
  readonly counters = { fired: 0, failed: 0, missed: 0 }
  readonly #options: ScheduleOptions
  readonly #schedule: CronSchedule
  readonly #fired: FiredRuns
  readonly #alarm = new Alarm()
  readonly #end = new TriggerEnd()
  #running: Promise<void> = Promise.resolve()
  #seenAt = 0
  #next: number | undefined

  /** @throws for what `cronProblem` reports. */
  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#schedule = new CronSchedule(options.spec.cron, options.spec.timeZone)
    this.#fired = new FiredRuns(this.#schedule)
  }

  /** Runs from before are not made up for: another host may have had them. */
  start(): void {
    this.#seenAt = this.#options.wallNow()
    this.#next = this.#fired.nextAfter(this.#seenAt)
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#alarm.close()
    await this.#end.wait(this.#running)
  }

  async #run(): Promise<void> {
    while (!this.#end.begun) {
      const now = this.#look()
      if (this.#next === undefined) return
      if (now < this.#next) await this.#alarm.wait(Math.min(this.#next - now, longestSleepMs))
      else await this.#onDue(this.#next, now)
    }
  }

  /** The time. Set back, runs that were emitted are left out, and those that were not are due again. */
  #look(): number {
    const now = this.#options.wallNow()
    if (now < this.#seenAt) this.#next = this.#fired.nextAfter(now)
    this.#seenAt = now
    return now
  }

  async #onDue(first: number, now: number): Promise<void> {
    const { last, before } = this.#lastDue(first, now)
    this.#next = this.#fired.nextAfter(last)
    this.counters.missed += before
    const isLate = now - last > punctualMs && this.#options.spec.missed !== 'once'
    if (isLate || this.#fired.has(last)) {
      this.counters.missed++
      this.#log('warn', last, isLate ? 'schedule: run missed' : 'schedule: run left out')
      return
    }
    if (before > 0) this.#log('warn', last, 'schedule: runs before this one were missed')
    await this.#deliver(last)
  }

  /** Of the runs that are due, and how many were before it. */
  #lastDue(first: number, now: number): { readonly last: number; readonly before: number } {
    let last = first
    for (let before = 0; before < maxCountedRuns; before++) {
      const following = this.#fired.nextAfter(last)
      if (following === undefined || following > now) return { last, before }
      last = following
    }
    return { last: this.#schedule.upTo(now) ?? last, before: maxCountedRuns }
  }

  /** Until the queue has it, or the next run is due. */
  async #deliver(run: number): Promise<void> {
    const { emit, random, logger, spec } = this.#options
    const event = scheduleEvent(this.#options, run)
    this.#fired.add(run)
    for (let failures = 1; !this.#end.begun; failures++) {
      try {
        await askQueue(async signal => emit(event, event.id, signal), this.#end.signal)
        this.counters.fired++
        return
      } catch (error) {
        if (this.#end.begun) return
        if (failures === 1)
          logger.warn({ error, trigger: spec.name, id: event.id }, 'schedule: queue refused')
      }
      if (await this.#nextIsDue(backoff(failures, retryWait, random))) {
        this.counters.failed++
        return this.#log('error', run, 'schedule: run given up, the next is due')
      }
    }
  }

  /** After this wait, or as soon as it is. */
  async #nextIsDue(waitMs: number): Promise<boolean> {
    const leftMs = (): number => (this.#next ?? Number.POSITIVE_INFINITY) - this.#look()
    if (leftMs() > 0) await this.#alarm.wait(Math.min(waitMs, leftMs(), longestSleepMs))
    return leftMs() <= 0
  }

  #log(level: 'warn' | 'error', run: number, message: string): void {
    const { functionName, spec, logger } = this.#options
    const scheduled = new Date(run).toISOString()
    logger[level]({ function: functionName, trigger: spec.name, scheduled }, message)
  }
}

/** Of the same run it is the same on every host, and after a restart. */
function scheduleEvent(options: ScheduleOptions, run: number): CloudEvent {
  const { name, data } = options.spec
  const time = new Date(run).toISOString()
  return {
    specversion: '1.0',
    id: `${name}-${time}`,
    source: triggerSource(options),
    type: 'dev.weft.schedule',
    subject: name,
    time,
    extensions: new Map(),
    ...(data !== undefined && {
      datacontenttype: 'application/json',
      data: { kind: 'json', value: data } as const,
    }),
  }
}

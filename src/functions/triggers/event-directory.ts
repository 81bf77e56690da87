import { mkdir } from 'node:fs/promises'
import { backoff } from '../../base/backoff.ts'
import type { EventDirectorySpec } from '../../model/function/function-events.ts'
import { eventProblem, toJson, type CloudEvent } from '../payload/cloud-event.ts'
import { Alarm } from './alarm.ts'
import { maxEventBytes } from '../queue/event-queue.ts'
import { fileEvent, readEventFile } from './event-file.ts'
import { finishFile, hasCode, refuseFile } from './file-exits.ts'
import { FileWatch } from './file-watch.ts'
import { SettlingFiles, type Batch, type SeenFile } from './settling-files.ts'
import {
  askQueue,
  TriggerEnd,
  triggerSource,
  type Trigger,
  type TriggerOptions,
} from './trigger.ts'

export interface EventDirectoryOptions extends TriggerOptions {
  readonly spec: EventDirectorySpec
}

const defaultSettleMs = 100
const defaultRescanMs = 5000
/** Files that come together are looked at together. */
const gatherMs = 10
const retryWait = { baseMs: 500, maxMs: 60_000 }

/**
 * Emits an event for each file of a folder, then takes the file away. A crash between the two repeats the event, with
 * the same idempotency key. Write files under another name (`.name`, `name.tmp`, `name.part`) and rename them: who
 * pauses while writing would be overtaken otherwise. In no particular order.
 */
export class EventDirectory implements Trigger {
  readonly counters = { fired: 0, failed: 0, missed: 0 }
  readonly #options: EventDirectoryOptions
  readonly #files: SettlingFiles
  readonly #watch: FileWatch
  readonly #alarm = new Alarm()
  readonly #rest = new Alarm()
  readonly #end = new TriggerEnd()
  #running: Promise<void> = Promise.resolve()
  /** The folder was there once; if it goes, it was taken away and is not made again. */
  #found = false
  #isAway = false
  #reportedNames: ReadonlySet<string> = new Set()
  /** Attempts in a row that the queue has refused. */
  #refusals = 0
  #lookMs = 0

  constructor(options: EventDirectoryOptions) {
    const { spec, now } = options
    this.#options = options
    this.#files = new SettlingFiles(spec.directory, spec.settleMs ?? defaultSettleMs, now)
    this.#watch = new FileWatch(spec.directory, () => this.#alarm.wake())
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#alarm.close()
    this.#rest.close()
    await this.#end.wait(this.#running)
    this.#watch.close()
  }

  async #run(): Promise<void> {
    while (!this.#end.begun) {
      const waitMs = await this.#scan()
      // A folder in which something always happens may have half of our time.
      if (await this.#alarm.wait(waitMs)) await this.#rest.wait(Math.max(gatherMs, this.#lookMs))
    }
  }

  /** How long nothing is to be done, unless the watch says otherwise. */
  async #scan(): Promise<number> {
    const { spec, now, random } = this.#options
    const rescanMs = spec.rescanMs ?? defaultRescanMs
    try {
      const { files, nextAt, unusable } = await this.#look()
      this.#reportNames(unusable)
      for (const file of files) {
        if (this.#end.begun) return 0
        if (!(await this.#take(file))) {
          // Whatever comes in the meantime, the queue gets time to recover.
          await this.#rest.wait(backoff(this.#refusals, retryWait, random))
          return 0
        }
      }
      return Math.min(rescanMs, Math.max(0, nextAt - now()))
    } catch (error) {
      if (!this.#isAway) this.#log('error', { error }, 'can not be read, looking again')
      this.#isAway = true
      return rescanMs
    }
  }

  async #look(): Promise<Batch> {
    const { spec, now } = this.#options
    const startedAt = now()
    if (!this.#found) await mkdir(spec.directory, { recursive: true })
    await this.#watch.renew()
    this.#found = true
    const batch = await this.#files.look()
    if (this.#isAway) this.#log('info', {}, 'is back')
    this.#isAway = false
    this.#lookMs = now() - startedAt
    return batch
  }

  /** False: the queue has refused it, others are better not tried now. */
  async #take(file: SeenFile): Promise<boolean> {
    try {
      const event = file.emitted ? undefined : await this.#read(file)
      if (event !== undefined && !(await this.#emit(file, event))) return false
      if (file.emitted) await this.#finish(file)
    } catch (error) {
      // Gone, or become a link: not ours to take.
      if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ELOOP'))
        this.#postpone(file, error, 'can not take this file, trying again')
    }
    return true
  }

  /** Undefined: there is no event in it, or not yet. */
  async #read(file: SeenFile): Promise<CloudEvent | undefined> {
    const { directory } = this.#options.spec
    if (file.size > maxEventBytes) {
      await this.#refuse(file, `the file has more than ${maxEventBytes} bytes`)
      return undefined
    }
    const content = await readEventFile(directory, file.name, file.fingerprint)
    if (content === undefined) return undefined
    const event = fileEvent(content, this.#keyOf(file), triggerSource(this.#options))
    const problem = 'problem' in event ? event.problem : problemOf(event)
    if (problem !== undefined) await this.#refuse(file, problem)
    return problem === undefined ? (event as CloudEvent) : undefined
  }

  async #emit(file: SeenFile, event: CloudEvent): Promise<boolean> {
    const { emit } = this.#options
    try {
      const key = this.#keyOf(file)
      await askQueue(async signal => emit(event, key, signal), this.#end.signal)
    } catch (error) {
      this.counters.failed++
      this.#refusals++
      this.#postpone(file, error, 'queue refused this file, trying again')
      return false
    }
    file.emitted = true
    file.failures = 0
    this.#refusals = 0
    this.counters.fired++
    return true
  }

  async #finish(file: SeenFile): Promise<void> {
    const { directory, after } = this.#options.spec
    await finishFile(directory, file.name, after ?? 'remove', file.fingerprint)
  }

  async #refuse(file: SeenFile, reason: string): Promise<void> {
    await refuseFile(this.#options.spec.directory, file.name, file.fingerprint, reason)
    this.counters.missed++
    this.#log('warn', { file: file.name, reason }, 'file moved to .refused')
  }

  /** Said once of each file. */
  #postpone(file: SeenFile, error: unknown, message: string): void {
    const { now, random } = this.#options
    file.failures++
    file.readyAt = now() + backoff(file.failures, retryWait, random)
    if (file.failures === 1) this.#log('warn', { error, file: file.name }, message)
  }

  #reportNames(names: readonly string[]): void {
    for (const name of names)
      if (!this.#reportedNames.has(name))
        this.#log('warn', { file: name }, 'file has a name that no event can have, rename it')
    this.#reportedNames = new Set(names)
  }

  /** Of the same file it is the same after a restart; see `fingerprint`. */
  #keyOf(file: SeenFile): string {
    return `${this.#options.spec.name}-${file.fingerprint}`
  }

  #log(level: 'info' | 'warn' | 'error', fields: object, message: string): void {
    const { functionName, spec, logger } = this.#options
    const place = { function: functionName, trigger: spec.name, directory: spec.directory }
    logger[level]({ ...place, ...fields }, `event directory: ${message}`)
  }
}

/** A queue takes no larger event, and base64 makes more of a file. */
function problemOf(event: CloudEvent): string | undefined {
  const problem = eventProblem(event)
  if (problem !== undefined || toJson(event).length <= maxEventBytes) return problem
  return `its event has more than ${maxEventBytes} bytes`
}

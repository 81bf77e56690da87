import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { codeExtension } from '../../../base/code-extension.ts'
import type { Logger } from '../../../base/log.ts'
import type { QueueDepth } from '../event-queue.ts'
import { failedResult, type StoreCommand, type StoreReply } from './protocol.ts'
import type { StoreResult, StoreResults, StoreStart, ThreadRequest } from './protocol.ts'

interface Pending {
  readonly command: StoreCommand
  readonly resolve: (result: StoreResult) => void
}

/** Of what waits while the disk works; it is bounded by leases, but for puts. */
const maxWaitingPuts = 4096
const maxWaitingBytes = 64 * 1024 * 1024
/** Of one transaction. */
const maxBatch = 512
const maxBatchBytes = 8 * 1024 * 1024
/** A disk that takes longer is not waited for by those who put. */
const stallMs = 10_000
const stopMs = 5000

const ignore = (): void => {}

/** A disk that is slow must not stop what else the sidecar does: SQLite runs on a thread of its own. */
function spawnThread(start: StoreStart): Worker {
  // Whatever flags this process was started with are none of the thread's.
  return new Worker(new URL(`thread${codeExtension}`, import.meta.url), {
    workerData: start,
    execArgv: [],
  })
}

/** The near end of a store's thread. Commands that come while another batch is under way go together. */
export class StoreThread {
  readonly #worker: Worker
  readonly #logger: Logger
  readonly #exited: Promise<unknown>
  readonly #waiting: Pending[] = []
  #waitingPuts = 0
  #waitingBytes = 0
  #flight: readonly Pending[] | undefined
  #scheduled = false
  #stall: NodeJS.Timeout | undefined
  #stalled = false
  #ended = false
  #onIdle: (() => void) | undefined
  depth: QueueDepth = { events: 0, bytes: 0, oldestAgeMs: 0 }

  constructor(
    start: StoreStart,
    logger: Logger,
    spawn: (start: StoreStart) => Worker = spawnThread,
  ) {
    this.#logger = logger
    this.#worker = spawn(start)
    this.#worker.on('message', (reply: StoreReply) => this.#onReply(reply))
    this.#worker.on('error', error =>
      logger.error({ error, path: start.path }, 'the thread of the queue of events has failed'),
    )
    this.#exited = once(this.#worker, 'exit').then(ignore, ignore)
    this.#worker.on('exit', () => this.#onExit())
  }

  /** Never rejects: what the store can't do has a result that says so. */
  send<K extends StoreCommand['kind']>(
    command: Extract<StoreCommand, { kind: K }>,
  ): Promise<StoreResults[K]> {
    return new Promise(resolve => {
      const pending: Pending = { command, resolve: resolve as (result: StoreResult) => void }
      const refusal = this.#refusal(command)
      if (refusal !== undefined) return pending.resolve(refusal)
      this.#add(pending, 1)
      this.#waiting.push(pending)
      this.#schedule()
    })
  }

  /** Resolves when all is done and the file is closed, or the thread was given up. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#stop()
    await this.#exited
  }

  async #stop(): Promise<void> {
    const bound = setTimeout(() => void this.#worker.terminate(), stopMs)
    if (this.#flight !== undefined || this.#waiting.length > 0)
      await new Promise<void>(resolve => (this.#onIdle = resolve))
    this.#post('stop')
    await this.#exited
    clearTimeout(bound)
  }

  #refusal(command: StoreCommand): StoreResult | undefined {
    if (this.#ended) return failedResult(command, 'unavailable', 'the queue of events has ended')
    if (command.kind !== 'put') return undefined
    if (this.#stalled) return failedResult(command, 'unavailable', 'the disk does not answer')
    const bytes = this.#waitingBytes + command.event.payload.length
    if (this.#waitingPuts < maxWaitingPuts && bytes <= maxWaitingBytes) return undefined
    return { kind: 'refused', reason: 'count', detail: 'too many events wait for the disk' }
  }

  #add({ command }: Pending, sign: 1 | -1): void {
    if (command.kind !== 'put') return
    this.#waitingPuts += sign
    this.#waitingBytes += sign * command.event.payload.length
  }

  /** At the end of this turn, so that all that it brings goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#flight !== undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#sendBatch()
    })
  }

  #sendBatch(): void {
    if (this.#ended || this.#waiting.length === 0) return
    let bytes = 0
    let count = 0
    for (const { command } of this.#waiting.slice(0, maxBatch)) {
      bytes += command.kind === 'put' ? command.event.payload.length : 0
      if (count > 0 && bytes > maxBatchBytes) break
      count++
    }
    const batch = this.#waiting.splice(0, count)
    for (const pending of batch) this.#add(pending, -1)
    this.#flight = batch
    this.#stall = setTimeout(() => this.#onStall(), stallMs)
    this.#stall.unref()
    this.#post(batch.map(({ command }) => command))
  }

  #post(request: ThreadRequest): void {
    this.#worker.postMessage(request)
  }

  #onReply({ results, depth, notices }: StoreReply): void {
    clearTimeout(this.#stall)
    this.#stalled = false
    this.depth = depth
    for (const { fields, message } of notices) this.#logger.error(fields, message)
    const batch = this.#flight ?? []
    this.#flight = undefined
    results.forEach((result, index) => batch[index]?.resolve(result))
    if (this.#waiting.length > 0) this.#sendBatch()
    else this.#onIdle?.()
  }

  /** Those who put hear so now. What is under way may still be stored: an event may run that nobody was promised. */
  #onStall(): void {
    this.#stalled = true
    this.#logger.error({ stallMs }, 'the disk of the queue of events does not answer')
    for (const pending of [...(this.#flight ?? []), ...this.#waiting])
      if (pending.command.kind === 'put') this.#fail(pending, 'the disk does not answer')
    const rest = this.#waiting.filter(({ command }) => command.kind !== 'put')
    this.#waiting.splice(0, this.#waiting.length, ...rest)
    this.#waitingPuts = 0
    this.#waitingBytes = 0
  }

  #fail({ command, resolve }: Pending, detail: string): void {
    resolve(failedResult(command, 'unavailable', detail))
  }

  #onExit(): void {
    this.#ended = true
    clearTimeout(this.#stall)
    for (const pending of [...(this.#flight ?? []), ...this.#waiting.splice(0)])
      this.#fail(pending, 'the queue of events has ended')
    this.#flight = undefined
    this.#onIdle?.()
  }
}

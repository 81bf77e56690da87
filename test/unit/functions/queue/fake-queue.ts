import type { EventQueue, GiveBack, Lease } from '../../../../src/functions/queue/event-queue.ts'
import type {
  PutResult,
  QueuedEvent,
  TakeOptions,
} from '../../../../src/functions/queue/event-queue.ts'
import { newEvent } from './events.ts'

/** What a delivery did with a lease. */
export type Deed =
  | { readonly id: string; readonly did: 'acknowledge' }
  | { readonly id: string; readonly did: 'extend'; readonly leaseMs: number }
  | ({ readonly id: string; readonly did: 'give-back' } & GiveBack)

/** A queue that hands out what a test gives it, and writes down what becomes of it. */
export class FakeQueue implements EventQueue {
  readonly depth = { events: 3, bytes: 9, oldestAgeMs: 77 }
  readonly deeds: Deed[] = []
  readonly takes: TakeOptions[] = []
  readonly #ready: QueuedEvent[] = []
  readonly #changes = new Set<() => void>()
  putResult: PutResult = { kind: 'stored', id: 'x' }
  /** What the next takes reject with. */
  readonly failures: Error[] = []

  add(fields: Partial<QueuedEvent> = {}): void {
    const { idempotencyKey: _, ...event } = newEvent({ id: 'e1', payload: Buffer.from('{"n":1}') })
    const untried = { enqueuedAt: 0, ageMs: 0, attempts: 0, throttles: 0, verdict: undefined }
    this.#ready.push({ ...event, ...untried, ...fields })
    this.#changed()
  }

  async put(): Promise<PutResult> {
    return this.putResult
  }

  async take(options: TakeOptions): Promise<readonly Lease[]> {
    this.takes.push(options)
    this.#changed()
    const failure = this.failures.shift()
    if (failure !== undefined) throw failure
    options.signal.addEventListener('abort', () => this.#changed())
    await this.until(() => this.#ready.length > 0 || options.signal.aborted)
    return this.#ready.splice(0, options.max).map(event => this.#lease(event))
  }

  async close(): Promise<void> {}

  /** Resolves when a condition on what was done holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>(resolve => this.#changes.add(resolve))
  }

  /** The first thing of that kind that is done. */
  async deed(did: Deed['did']): Promise<Deed> {
    const find = (): Deed | undefined => this.deeds.find(deed => deed.did === did)
    await this.until(() => find() !== undefined)
    return find() as Deed
  }

  #lease(event: QueuedEvent): Lease {
    const { id } = event
    return {
      event,
      acknowledge: () => this.#do({ id, did: 'acknowledge' }),
      giveBack: change => this.#do({ id, did: 'give-back', ...change }),
      extend: leaseMs => this.#do({ id, did: 'extend', leaseMs }),
    }
  }

  async #do(deed: Deed): Promise<boolean> {
    this.deeds.push(deed)
    this.#changed()
    return true
  }

  #changed(): void {
    for (const wake of this.#changes) wake()
    this.#changes.clear()
  }
}

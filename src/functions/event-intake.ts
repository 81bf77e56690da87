import { createFault, type FunctionFault } from './fault.ts'
import type { FunctionEvents } from './function-events.ts'
import type { Invocation, Invoked, Invoker } from './invocation.ts'
import type { PutRefusal, PutResult } from './queue/event-queue.ts'

export interface EventIntakeOptions {
  /** Version or alias that is asked for. */
  readonly qualifier: string | undefined
  readonly idempotencyKey: string | undefined
}

const queued: Invoked = { execution: undefined, logTail: undefined, cancel() {} }

/** Takes an invocation for later: its result is the id of the queued event, as soon as that is durable. */
export class EventIntake implements Invoker {
  readonly #events: FunctionEvents
  readonly #options: EventIntakeOptions

  constructor(events: FunctionEvents, options: EventIntakeOptions) {
    this.#events = events
    this.#options = options
  }

  invoke(invocation: Invocation): Invoked {
    void this.#put(invocation)
    return queued
  }

  async #put({ id, payload, clientContext, traceId, receiver }: Invocation): Promise<void> {
    const event = { id, payload, clientContext, traceId, ...this.#options }
    const put = await this.#events.put(event).catch(failedPut)
    if (put.kind === 'refused') receiver.onFault(refusalFault(put.reason, put.detail))
    else receiver.onResult(Buffer.from(put.id), 'text/plain')
  }
}

/** A queue that can't even be opened leaves its caller without an answer otherwise. */
function failedPut(error: unknown): PutResult {
  return { kind: 'refused', reason: 'unavailable', detail: (error as Error).message }
}

function refusalFault(reason: PutRefusal, detail: string): FunctionFault {
  if (reason === 'too-large')
    return createFault('event-too-large', 'RequestTooLargeException', detail)
  if (reason === 'count' || reason === 'bytes')
    return createFault('throttled', 'TooManyRequestsException', `the queue is full: ${detail}`)
  return createFault('not-stored', 'ServiceException', `the queue takes nothing: ${detail}`)
}

import type { HttpParts } from './cloud/backend.ts'
import type { FunctionFault } from './fault.ts'

/** One event on its way to an instance of a function. */
export interface Invocation {
  /** UUID: the request id of AWS Lambda. */
  readonly id: string
  /** The event, as JSON; at most `maxPayloadBytes`. */
  readonly payload: Buffer
  /** Of the payload, for programs that are servers of HTTP. Default: `application/json`. */
  readonly contentType?: string
  readonly functionArn: string
  /** `X-Amzn-Trace-Id` for the function. */
  readonly traceId: string | undefined
  /** JSON, decoded. */
  readonly clientContext: string | undefined
  /** Until when the caller waits, monotonic ms; Infinity where it did not say. */
  readonly deadlineAt: number
  /** It may run twice. Default false. */
  readonly idempotent?: boolean
  /** The request by HTTP that it came as, for functions elsewhere that take such. */
  readonly http?: HttpParts
  readonly receiver: InvocationReceiver
}

/** Whom an invocation tells its outcome: `onResult`, `onFault`, or `onStreamHead` … `onStreamEnd`. Each once. */
export interface InvocationReceiver {
  onResult(result: Buffer, contentType: string): void
  onStreamHead(contentType: string): void
  /** The chunk is lent for the call. @returns false: stop until {@link Execution.resume}. */
  onStreamChunk(chunk: Buffer): boolean
  /** `fault`: it broke off. */
  onStreamEnd(fault: FunctionFault | undefined): void
  onFault(fault: FunctionFault): void
  /**
   * Where the function is a server of HTTP, and the receiver has a request of its own for it: `onFault` may follow,
   * nothing else. Absent: the payload is posted, and comes back as a result.
   */
  onServer?(server: AssignedServer): void
}

/** A program's share of itself for one request. */
export interface AssignedServer {
  readonly host: string
  readonly port: number
  /** The request is over. `brokeOff`: not as it should; the program may be about to end. */
  done(brokeOff: boolean): void
}

/** What runs invocations. */
export interface Invoker {
  /** The outcome goes to the invocation's receiver, never before this call has returned. */
  invoke(invocation: Invocation): Invoked
}

/** What became of an invocation that was handed in. */
export interface Invoked {
  /** Set when an instance works on it. */
  readonly execution: Execution | undefined
  /** The end of what that instance wrote since. */
  readonly logTail: Buffer | undefined
  /** The caller has gone: what waits is dropped, what runs runs on. */
  cancel(): void
}

/** What a runtime's connection lets an execution do to the answer that it streams. */
export interface ResponseFlow {
  pause(): void
  resume(): void
}

/** An invocation that an instance works on. */
export class Execution {
  readonly invocation: Invocation
  /** Monotonic ms. */
  readonly startedAt: number
  #flow: ResponseFlow | undefined
  #state: 'running' | 'streaming' | 'done' = 'running'
  #failed = false
  readonly #onDone: (execution: Execution) => void

  constructor(invocation: Invocation, startedAt: number, onDone: (execution: Execution) => void) {
    this.invocation = invocation
    this.startedAt = startedAt
    this.#onDone = onDone
  }

  /** It ended with a fault. */
  get failed(): boolean {
    return this.#failed
  }

  get state(): 'running' | 'streaming' | 'done' {
    return this.#state
  }

  result(result: Buffer, contentType: string): void {
    if (this.#finish('running')) this.invocation.receiver.onResult(result, contentType)
  }

  fault(fault: FunctionFault): void {
    if (this.#state === 'streaming') return this.streamEnd(fault)
    this.#failed = true
    if (this.#finish('running')) this.invocation.receiver.onFault(fault)
  }

  streamHead(contentType: string, flow: ResponseFlow): void {
    if (this.#state !== 'running') return
    this.#state = 'streaming'
    this.#flow = flow
    this.invocation.receiver.onStreamHead(contentType)
  }

  streamChunk(chunk: Buffer): void {
    if (this.#state !== 'streaming') return
    if (!this.invocation.receiver.onStreamChunk(chunk)) this.#flow?.pause()
  }

  streamEnd(fault: FunctionFault | undefined): void {
    this.#failed = fault !== undefined
    if (!this.#finish('streaming')) return
    this.invocation.receiver.onStreamEnd(fault)
    // What the runtime still writes is for nobody, and it has to come to its end all the same.
    this.#flow?.resume()
  }

  /** The receiver takes bytes again. */
  resume(): void {
    this.#flow?.resume()
  }

  #finish(from: 'running' | 'streaming'): boolean {
    if (this.#state !== from) return false
    this.#state = 'done'
    this.#onDone(this)
    return true
  }
}

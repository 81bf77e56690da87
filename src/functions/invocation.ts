import type { FunctionFault } from './fault.ts'

/** One event on its way to an instance of a function. */
export interface Invocation {
  /** UUID: the request id of AWS Lambda. */
  readonly id: string
  /** The event, as JSON; at most `maxPayloadBytes`. */
  readonly payload: Buffer
  readonly functionArn: string
  /** `X-Amzn-Trace-Id` for the function. */
  readonly traceId: string | undefined
  /** JSON, decoded. */
  readonly clientContext: string | undefined
  /** Until when the caller waits, monotonic ms; Infinity where it did not say. */
  readonly deadlineAt: number
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
  readonly #onDone: (execution: Execution) => void

  constructor(invocation: Invocation, startedAt: number, onDone: (execution: Execution) => void) {
    this.invocation = invocation
    this.startedAt = startedAt
    this.#onDone = onDone
  }

  get state(): 'running' | 'streaming' | 'done' {
    return this.#state
  }

  result(result: Buffer, contentType: string): void {
    if (this.#finish('running')) this.invocation.receiver.onResult(result, contentType)
  }

  fault(fault: FunctionFault): void {
    if (this.#state === 'streaming') return this.streamEnd(fault)
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
    if (this.#finish('streaming')) this.invocation.receiver.onStreamEnd(fault)
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

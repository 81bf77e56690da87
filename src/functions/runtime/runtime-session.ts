import type { Now } from '../../base/clock.ts'
import { exitFault, timeoutFault, type FunctionFault } from '../fault.ts'
import { Execution, type Invocation } from '../invocation.ts'

/** A runtime's question for its next event, which waits for as long as there is none. */
export interface RuntimePoll {
  /** `deadline`: wall clock, ms. Called at most once. */
  answer(invocation: Invocation, deadline: number): void
}

export interface SessionEvents {
  /** The first question: the runtime has loaded its function. */
  onReady(): void
  /** An event can be taken now. */
  onRoom(): void
  onInitError(fault: FunctionFault): void
  /** An invocation has its answer, or never will. */
  onDone(execution: Execution): void
  /** An invocation took longer than the function may, and may go on taking. */
  onTimeout(): void
  /** It has nothing to do, and has not asked for an event for as long as one may take: it hangs. */
  onSilence(): void
}

export interface SessionLimits {
  readonly concurrency: number
  readonly timeoutMs: number
  /** The runtime may end and come back without the session: one that asks anew has lost what it had. */
  readonly outlivesRuntime?: boolean
}

/**
 * What one instance of a function and the sidecar have said to each other: the state behind the AWS Lambda Runtime API
 * (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). A question for the next event is the sign of readiness and
 * of room; nothing is ever polled from this side.
 */
export class RuntimeSession {
  readonly #limits: SessionLimits
  readonly #events: SessionEvents
  readonly #now: Now
  readonly #wallNow: Now
  readonly #polls: RuntimePoll[] = []
  readonly #executions = new Map<string, Execution>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #silence: NodeJS.Timeout | undefined
  #ready = false
  #ended = false
  #initFault: FunctionFault | undefined
  #lastDone: string | undefined

  constructor(
    limits: SessionLimits,
    events: SessionEvents,
    clocks: { readonly now: Now; readonly wallNow: Now },
  ) {
    this.#limits = limits
    this.#events = events
    this.#now = clocks.now
    this.#wallNow = clocks.wallNow
  }

  get ready(): boolean {
    return this.#ready
  }

  /** Why the function could not be loaded, as far as the runtime has said. */
  get initFault(): FunctionFault | undefined {
    return this.#initFault
  }

  get hasRoom(): boolean {
    return this.#polls.length > 0 && this.#executions.size < this.#limits.concurrency
  }

  /** Invocations under way. */
  get active(): number {
    return this.#executions.size
  }

  poll(poll: RuntimePoll): void {
    const { concurrency, outlivesRuntime = false } = this.#limits
    clearTimeout(this.#silence)
    this.#silence = undefined
    this.#polls.push(poll)
    if (outlivesRuntime) {
      // Those of a runtime that is gone can look as if they waited still.
      if (this.#polls.length > concurrency) this.#polls.shift()
      // Which of several was lost can't be told.
      if (concurrency === 1) this.#lose()
    }
    if (!this.#ready) {
      this.#ready = true
      this.#events.onReady()
    }
    if (this.hasRoom) this.#events.onRoom()
  }

  /** Its connection has gone: an event handed to it would be lost. */
  dropPoll(poll: RuntimePoll): void {
    const index = this.#polls.indexOf(poll)
    if (index < 0) return
    this.#polls.splice(index, 1)
    this.#expectPoll()
  }

  /** Hands an invocation to the runtime. Only when it {@link hasRoom}. */
  dispatch(invocation: Invocation): Execution {
    const poll = this.#polls.shift()
    if (poll === undefined) throw new Error('dispatched to a runtime that asked for nothing')
    const now = this.#now()
    const allowedMs = Math.min(this.#limits.timeoutMs, invocation.deadlineAt - now)
    const execution = new Execution(invocation, now, done => this.#forget(done))
    this.#executions.set(invocation.id, execution)
    this.#timers.set(
      invocation.id,
      setTimeout(() => this.#timeOut(execution, allowedMs), allowedMs),
    )
    poll.answer(invocation, Math.round(this.#wallNow() + allowedMs))
    return execution
  }

  /** The invocation that a runtime's answer is for, or why there is none: never given out, or answered already. */
  execution(id: string): Execution | 'unknown' | 'answered' {
    const execution = this.#executions.get(id)
    if (execution !== undefined) return execution.state === 'running' ? execution : 'answered'
    return id === this.#lastDone ? 'answered' : 'unknown'
  }

  /** @returns false once the runtime has asked for an event, or has failed before. */
  failInit(fault: FunctionFault): boolean {
    if (this.#ready || this.#initFault !== undefined) return false
    this.#initFault = fault
    this.#events.onInitError(fault)
    return true
  }

  /** No connection of the runtime is left, and it is one that keeps them while it works. */
  disconnected(): void {
    if (this.#limits.outlivesRuntime === true) this.#lose()
  }

  /** The runtime is no more: what it worked on fails. */
  end(faultFor: (invocation: Invocation) => FunctionFault): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#silence)
    this.#polls.length = 0
    for (const execution of this.#executions.values())
      execution.fault(faultFor(execution.invocation))
  }

  #lose(): void {
    for (const execution of this.#executions.values())
      execution.fault(exitFault(execution.invocation.id, 0, null))
  }

  #timeOut(execution: Execution, allowedMs: number): void {
    // Before all else: what is about to be ended must be given nothing more. Who waits for less than the function may
    // take gets no answer, and that is all: a caller in a hurry must not cost an instance at each call.
    if (allowedMs >= this.#limits.timeoutMs) this.#events.onTimeout()
    execution.fault(timeoutFault(execution.invocation.id, allowedMs))
  }

  #forget(execution: Execution): void {
    const { id } = execution.invocation
    this.#executions.delete(id)
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#lastDone = id
    this.#events.onDone(execution)
    if (this.hasRoom) this.#events.onRoom()
    else this.#expectPoll()
  }

  /** What a runtime does behind its answer belongs to its invocation, as with AWS: it may take as long. */
  #expectPoll(): void {
    if (this.#ended || this.#polls.length > 0 || this.#executions.size > 0) return
    this.#silence ??= setTimeout(() => this.#events.onSilence(), this.#limits.timeoutMs).unref()
  }
}

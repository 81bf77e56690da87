import { Readable } from 'node:stream'
import type { Now } from '../../base/clock.ts'
import {
  BackendError,
  healthOf,
  healthOfFailure,
  type Backend,
  type BackendAnswer,
  type BackendCall,
  type BackendFailure,
} from '../cloud/backend.ts'
import { createFault, timeoutFault, type FunctionFault } from '../fault.ts'
import { Execution, type Invocation, type Invoked, type Invoker } from '../invocation.ts'
import { relayHttp, relayStream } from '../relay-answer.ts'
import type { Outcome } from './backend-breaker.ts'
import { ObservedReceiver } from './observed-receiver.ts'
import type { Lease, PlacedBackends } from './placed-backends.ts'

/** Of one call that went to a backend, for the log. */
export interface CallRecord {
  readonly requestId: string
  readonly backend: string
  readonly region: string | undefined
  readonly outcome: string
  readonly ms: number
}

export interface PlacedRunOptions {
  readonly places: PlacedBackends
  /** Instances of this host. */
  readonly local: Invoker
  /** Undefined for the local one. */
  readonly backend: (name: string) => Backend | undefined
  /** Of one invocation, where the caller does not set a shorter limit. */
  readonly timeoutMs: number
  readonly audit: (record: CallRecord) => void
  readonly now: Now
}

type Settle = (outcome: Outcome, bytes: number) => void

/** An invocation on its way through the places where its function may run, until one of them has run it. */
export class PlacedRun implements Invoked {
  readonly #invocation: Invocation
  readonly #options: PlacedRunOptions
  readonly #tried = new Set<string>()
  readonly #cancelled = new AbortController()
  #execution: Execution | undefined
  #local: Invoked | undefined
  /** Of the local lease. */
  #settleLocal: Settle | undefined
  #fault: FunctionFault | undefined

  constructor(invocation: Invocation, options: PlacedRunOptions) {
    this.#invocation = invocation
    this.#options = options
  }

  get execution(): Execution | undefined {
    return this.#execution ?? this.#local?.execution
  }

  get logTail(): Buffer | undefined {
    return this.#local?.logTail
  }

  cancel(): void {
    this.#cancelled.abort()
    this.#local?.cancel()
    // What waited is dropped, and nobody tells of it.
    if (this.#local?.execution === undefined) this.#settleLocal?.('ignored', 0)
  }

  /** Goes to the best place that has not been tried. */
  next(): void {
    const lease = this.#take()
    if (lease === undefined) return
    this.#tried.add(lease.backend)
    const backend = this.#options.backend(lease.backend)
    if (backend === undefined) this.#runLocally(lease)
    else void this.#runRemotely(lease, backend)
  }

  /** Undefined: there is none, and the receiver has heard why. */
  #take(): Lease | undefined {
    try {
      const lease = this.#options.places.take(this.#tried)
      if (lease.backend !== undefined) return lease
      this.#end(this.#fault ?? createFault('not-placed', 'ServiceException', lease.reason))
    } catch (error) {
      // Where data may not be is the one thing that a bug of ours must not decide.
      this.#end(createFault('not-placed', 'ServiceException', (error as Error).message))
    }
    return undefined
  }

  #end(fault: FunctionFault): void {
    // Not before `invoke` has returned.
    setImmediate(() => this.#invocation.receiver.onFault(fault))
  }

  #runLocally(lease: Lease): void {
    const settle = this.#settler(lease)
    this.#settleLocal = settle
    const receiver = new ObservedReceiver(this.#invocation.receiver, {
      onEnd: settle,
      // It has not run: another place may have room.
      onRefused: fault => {
        settle('ignored', 0)
        this.#fault = fault
        if (this.#cancelled.signal.aborted) this.#end(fault)
        else this.next()
      },
    })
    this.#local = this.#options.local.invoke({ ...this.#invocation, receiver })
  }

  async #runRemotely(lease: Lease, backend: Backend): Promise<void> {
    const startedAt = this.#options.now()
    const settle = this.#settler(lease)
    const result = await backend.invoke(this.#call(startedAt), this.#cancelled.signal)
    if (result.kind === 'backend-failure') {
      settle(healthOf(result), 0)
      return this.#failed(result)
    }
    const execution = new Execution(this.#invocation, startedAt, () => {})
    this.#execution = execution
    if (result.kind === 'result') return this.#relay(execution, result, settle)
    settle('function-error', result.document.length)
    const { errorType, document } = result
    execution.fault({ stage: 'handler', errorType, message: errorType, document })
  }

  #call(now: number): BackendCall {
    const { payload, id, traceId, deadlineAt, http, idempotent = false } = this.#invocation
    const common = {
      payload,
      requestId: id,
      traceId,
      deadlineAt: Math.min(deadlineAt, now + this.#options.timeoutMs),
      idempotent,
    }
    return http === undefined
      ? { ...common, payloadFormat: 'invoke' }
      : { ...common, payloadFormat: 'http', http }
  }

  #failed(failure: BackendFailure): void {
    this.#fault = this.#faultOf(failure)
    if (failure.retryable && !this.#cancelled.signal.aborted) return this.next()
    this.#end(this.#fault)
  }

  #faultOf({ code, message }: Pick<BackendFailure, 'code' | 'message'>): FunctionFault {
    if (code === 'throttled' || code === 'overloaded')
      return createFault('throttled', 'TooManyRequestsException', message)
    if (code === 'timeout') return timeoutFault(this.#invocation.id, this.#options.timeoutMs)
    return createFault('backend', 'ServiceException', message)
  }

  #relay(execution: Execution, answer: BackendAnswer, settle: Settle): void {
    const { form, status, contentType, body } = answer
    const options = {
      faultOf: (error: Error) => this.#brokenOff(error),
      onEnd: (bytes: number, error: Error | undefined): void => {
        const code = error instanceof BackendError ? error.code : 'reset'
        settle(error === undefined ? 'success' : healthOfFailure(code), bytes)
      },
    }
    if (form === 'http' && this.#invocation.http !== undefined)
      return relayHttp(execution, answer, options)
    // Nobody is there who could make something of it.
    if (status >= 300) {
      if (body instanceof Readable) body.destroy()
      settle('function-error', 0)
      const message = `the function answered ${status}`
      return execution.fault(createFault('handler', 'Function.BadStatus', message))
    }
    if (body instanceof Readable) return relayStream(execution, { contentType, body }, options)
    settle('success', body.length)
    execution.result(body, contentType)
  }

  #brokenOff(error: Error): FunctionFault {
    const code = error instanceof BackendError ? error.code : 'reset'
    return code === 'function_failed'
      ? createFault('handler', 'Function.Unknown', error.message)
      : this.#faultOf({ code, message: error.message })
  }

  /** What a lease is given back with, from now on; once, however often it is called. */
  #settler(lease: Lease): Settle {
    const { now, audit } = this.#options
    const startedAt = now()
    let settled = false
    return (outcome, bytes) => {
      if (settled) return
      settled = true
      const ms = now() - startedAt
      lease.settle({ outcome, ms, bytes })
      const { backend, region } = lease
      audit({ requestId: this.#invocation.id, backend, region, outcome, ms })
    }
  }
}

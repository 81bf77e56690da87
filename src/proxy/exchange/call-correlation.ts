/** A request that the application works on, as far as its own calls depend on it. */
export interface InboundCall {
  readonly requestId: string
  /** Monotonic ms; Infinity without one. */
  readonly deadlineAt: number
  /** From 2 on it is a repetition. */
  readonly attempt: number
}

/** A call that the application made. */
interface OutboundFailure {
  /** As the application gave it. */
  readonly requestId: string | undefined
  readonly traceId: string | undefined
}

export interface CorrelationLimits {
  /** Calls whose deadline or attempt is known. Beyond it further ones are not remembered. */
  readonly calls: number
  /** Failures that were retried; the oldest is forgotten. */
  readonly failures: number
}

const defaultLimits: CorrelationLimits = { calls: 16_384, failures: 4096 }

/** How long after its deadline an application is kept from going on with what nobody waits for any more. */
const lingerMs = 10_000

/**
 * Which of the application's calls belong to which of its callers: by the request id or the trace that it passes on.
 * One that passes on neither is known by time alone: the failure of its call is every caller's who waits just then.
 * Each data plane of a sidecar knows its own calls only.
 */
export class CallCorrelation {
  readonly #limits: CorrelationLimits
  readonly #calls = new Map<string, InboundCall>()
  /** When, by request id or trace id. */
  readonly #failures = new Map<string, number>()
  /** Over for their callers, perhaps not for the application; in the order of their end. */
  readonly #abandoned: InboundCall[] = []
  #lastUnknownFailure = Number.NEGATIVE_INFINITY

  constructor(limits = defaultLimits) {
    this.#limits = limits
  }

  /** Nothing has a deadline, and nothing is a repetition. */
  get isIdle(): boolean {
    return this.#calls.size === 0
  }

  begin(call: InboundCall): void {
    if (this.#calls.size < this.#limits.calls) this.#calls.set(call.requestId, call)
  }

  /** @param abandoned without an answer of the application, which may go on: its deadline still holds. */
  end(call: InboundCall, abandoned: boolean, now: number): void {
    const { deadlineAt } = call
    const isKnown = this.#calls.get(call.requestId) === call
    const lingers = isKnown && abandoned && deadlineAt !== Number.POSITIVE_INFINITY
    if (lingers) this.#abandoned.push(call)
    else this.#forget(call)
    // Callers who leave long before far deadlines must not take the room of all others.
    if (this.#abandoned.length > this.#limits.calls / 2) this.#forgetOldest()
    for (let first = this.#abandoned[0]; first !== undefined; first = this.#abandoned[0]) {
      if (now < first.deadlineAt + lingerMs) return
      this.#forgetOldest()
    }
  }

  callOf(requestId: string): InboundCall | undefined {
    return this.#calls.get(requestId)
  }

  /** A call of the application failed after retries, its own or those of hops below. */
  failed({ requestId, traceId }: OutboundFailure, now: number): void {
    if (requestId === undefined && traceId === undefined) {
      this.#lastUnknownFailure = now
      return
    }
    if (requestId !== undefined) this.#remember(requestId, now)
    if (traceId !== undefined) this.#remember(traceId, now)
  }

  /** Whether a call has failed so that belongs to a caller who has waited since then. */
  hasFailed({ requestId, traceId }: OutboundFailure, since: number): boolean {
    return (
      this.#lastUnknownFailure >= since ||
      this.#failedAt(requestId) >= since ||
      this.#failedAt(traceId) >= since
    )
  }

  #forgetOldest(): void {
    const oldest = this.#abandoned.shift()
    if (oldest !== undefined) this.#forget(oldest)
  }

  /** Another request may have come with the same id meanwhile. */
  #forget(call: InboundCall): void {
    if (this.#calls.get(call.requestId) === call) this.#calls.delete(call.requestId)
  }

  #failedAt(id: string | undefined): number {
    return (id === undefined ? undefined : this.#failures.get(id)) ?? Number.NEGATIVE_INFINITY
  }

  #remember(id: string, now: number): void {
    // Deleted first, so that the order is that of the last failure.
    this.#failures.delete(id)
    this.#failures.set(id, now)
    if (this.#failures.size <= this.#limits.failures) return
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined) this.#failures.delete(oldest)
  }
}

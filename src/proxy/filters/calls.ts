import type { HeaderList } from '../../http/headers.ts'
import type { ResponseHead } from '../../http/message.ts'
import { parseTraceparent } from '../../telemetry/trace-context.ts'
import type { CallCorrelation } from '../exchange/call-correlation.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { attemptHeader, retriedHeader, timeoutHeader } from '../mesh-headers.ts'
import { requestIdHeader } from './request-id.ts'

/** Of the callers of the application: what they say of deadline and attempt, and what they are told of retries. */
export class InboundCallsFilter implements Filter {
  /** Behind the policies: whoever is refused must not decide about calls that are made for another, by its request id. */
  readonly admitted: Filter = {
    onRequest: ({ call }) => {
      if (call !== undefined) this.#correlation.begin(call)
      return true
    },
  }
  readonly #correlation: CallCorrelation

  constructor(correlation: CallCorrelation) {
    this.#correlation = correlation
  }

  onRequest(exchange: Exchange): boolean {
    const { headers } = exchange.request
    const timeout = headers.get(timeoutHeader)
    const attempt = headers.get(attemptHeader)
    // perf: bench pair-100B. Almost every request has neither.
    if (timeout === undefined && attempt === undefined) return true
    headers.delete(timeoutHeader)
    headers.delete(attemptHeader)
    // Only a sidecar may say so.
    if (exchange.stream.connection.peerIdentity === undefined) return true
    const timeoutMs = parseCount(timeout)
    if (timeoutMs !== undefined) exchange.deadlineAt = exchange.startedAt + timeoutMs
    const requestId = headers.get(requestIdHeader)
    if (requestId === undefined) return true
    const { deadlineAt } = exchange
    exchange.call = { requestId, deadlineAt, attempt: parseCount(attempt) ?? 1 }
    return true
  }

  /** What the application answers only because its own call failed, after retries, need not be tried again above. */
  onResponse(exchange: Exchange, { headers }: ResponseHead): void {
    if (exchange.outcome < 500) return
    headers.delete(retriedHeader)
    // Outside the mesh it would mean nothing.
    const isPeer = exchange.stream.connection.peerIdentity !== undefined
    if (exchange.reason !== undefined || !isPeer) return
    const own = exchange.request.headers
    const call = { requestId: own.get(requestIdHeader), traceId: traceIdOf(own) }
    if (this.#correlation.hasFailed(call, exchange.startedAt)) headers.append(retriedHeader, '1')
  }

  onComplete({ call, reason, endedAt }: Exchange): void {
    if (call !== undefined) this.#correlation.end(call, reason !== undefined, endedAt)
  }
}

/** Of the application's own calls: what they take over from the request that it makes them for. */
export class OutboundCallsFilter implements Filter {
  readonly #correlation: CallCorrelation

  constructor(correlation: CallCorrelation) {
    this.#correlation = correlation
  }

  onRequest(exchange: Exchange): boolean {
    if (this.#correlation.isIdle || exchange.hasOwnRequestId) return true
    const call = this.#correlation.callOf(exchange.request.headers.get(requestIdHeader) ?? '')
    if (call === undefined) return true
    exchange.deadlineAt = call.deadlineAt
    exchange.upperAttempt = call.attempt
    return true
  }

  /** Before the application hears of it, for its own answer may follow at once. */
  onResponse(exchange: Exchange, { headers }: ResponseHead): void {
    if (exchange.outcome < 500) return
    headers.delete(retriedHeader)
    if (!exchange.retriedOut && exchange.attempts < 2) return
    const own = exchange.request.headers
    const requestId = exchange.hasOwnRequestId ? undefined : own.get(requestIdHeader)
    this.#correlation.failed({ requestId, traceId: traceIdOf(own) }, exchange.chain.now())
  }
}

function traceIdOf(headers: HeaderList): string | undefined {
  const value = headers.get('traceparent')
  return value === undefined ? undefined : parseTraceparent(value)?.traceId
}

/** What is no number is as if it were not there. */
function parseCount(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined
}

import type { ErrorCode } from '../base/errors.ts'
import { errorTable } from '../base/errors.ts'
import { LatencyHistogram } from './histogram.ts'

/** In the order of the table; the index of a code in the arrays below. */
export const errorCodes = Object.keys(errorTable) as ErrorCode[]

const codeIndex = Object.fromEntries(errorCodes.map((code, index) => [code, index])) as Readonly<
  Record<ErrorCode, number>
>

/** WebSockets, CONNECT and opaque TCP, which are counted while they last. */
export class TunnelStats {
  opened = 0
  closed = 0
  /** From the client. */
  receivedBytes = 0
  /** To the client. */
  sentBytes = 0
  /** Of those that are closed, in sum. */
  durationMs = 0
}

/** What a route or cluster counts: plain numbers, turned into metrics when scraped. */
export class RequestStats {
  /** Requests that ended well for the mesh, by the hundreds digit of their status. */
  readonly byStatusClass = new Float64Array(6)
  /** Requests that failed in the mesh, by {@link errorCodes}; they are in no status class. */
  readonly byReason = new Float64Array(errorCodes.length)
  readonly duration = new LatencyHistogram()
  retries = 0
  /** Bodies only. */
  requestBytes = 0
  responseBytes = 0
  readonly tunnels = new TunnelStats()

  /** @param reason why this sidecar answered for the upstream, or broke an answer off. */
  observe(status: number, reason: ErrorCode | undefined, durationMs: number): void {
    if (reason === undefined) increment(this.byStatusClass, statusClass(status))
    else increment(this.byReason, codeIndex[reason])
    this.duration.observe(durationMs)
  }
}

/** 1–5, and 0 for what is no HTTP status. */
function statusClass(status: number): number {
  const hundreds = Math.floor(status / 100)
  return hundreds >= 1 && hundreds <= 5 ? hundreds : 0
}

function increment(counters: Float64Array, index: number): void {
  counters[index] = (counters[index] ?? 0) + 1
}

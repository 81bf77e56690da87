import type { ErrorCode } from '../base/errors.ts'
import { LatencyHistogram } from './histogram.ts'
import { OutcomeCounts } from './outcome-counts.ts'

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
export class RequestStats extends OutcomeCounts {
  readonly duration = new LatencyHistogram()
  /** What was sent upstream, before retries and hedging hid any of it; what was given up from outside is not in it. */
  readonly attempts = new OutcomeCounts()
  retries = 0
  /** Tries beside one that had not been answered. */
  hedges = 0
  /** Requests whose fault it was to be delayed. */
  delayed = 0
  /** Bodies only. */
  requestBytes = 0
  responseBytes = 0
  readonly tunnels = new TunnelStats()

  /** @param reason why this sidecar answered for the upstream, or broke an answer off. */
  observe(status: number, reason: ErrorCode | undefined, durationMs: number): void {
    this.count(status, reason)
    this.duration.observe(durationMs)
  }
}

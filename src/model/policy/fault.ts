import type { HeaderMatch } from '../route.ts'

/** A fault that is injected on purpose (Envoy's HTTP fault filter). */
export interface FaultPolicy {
  /** All must match. Absent: every request does. */
  readonly headers?: readonly HeaderMatch[]
  /** Share of the requests that match, 0–100. */
  readonly percent: number
  /** Wait before the request goes on, at most {@link longestFaultDelayMs}. */
  readonly delayMs?: number
  /** Answer in the service's place. */
  readonly abort?: FaultAbort
}

/** An HTTP status, or one of gRPC; for the other protocol it is the one that says the same. */
export type FaultAbort = { readonly httpStatus: number } | { readonly grpcStatus: number }

export const longestFaultDelayMs = 60_000

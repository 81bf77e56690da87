import { grpcCode, grpcPushbackHeader, grpcStatusOf } from '../../http/grpc.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { ResponseHead } from '../../http/message.ts'

/** Of one that says that it has too much to do, and not for how long; Linkerd's load biaser has the same. */
const defaultPushbackMs = 5000
/** No word of a server counts for more. */
const maxPushbackMs = 300_000

/**
 * For how long an answer asks to be left alone, which a balancer takes for its latency: 429 always, 503 with
 * `retry-after` (RFC 9110 §10.2.3; a date there is as good as no time). Undefined: it does not ask.
 */
export function httpPushbackMs({
  status,
  headers,
}: Pick<ResponseHead, 'status' | 'headers'>): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const retryAfter = headers.get('retry-after')
  if (retryAfter === undefined && status === 503) return undefined
  return pushbackMs(retryAfter, 1000)
}

/**
 * The same of the end of a gRPC call that failed: RESOURCE_EXHAUSTED always, others with `grpc-retry-pushback-ms`
 * (gRFC A6).
 */
export function grpcPushbackMs(fields: HeaderList | undefined): number | undefined {
  const grpcStatus = grpcStatusOf(fields)
  if (grpcStatus === undefined || grpcStatus === grpcCode.ok) return undefined
  const pushback = fields?.get(grpcPushbackHeader)
  if (pushback === undefined && grpcStatus !== grpcCode.resourceExhausted) return undefined
  return pushbackMs(pushback, 1)
}

function pushbackMs(value: string | undefined, unitMs: number): number {
  if (value === undefined || !/^\d{1,9}$/.test(value)) return defaultPushbackMs
  return Math.min(Number(value) * unitMs, maxPushbackMs)
}

import { formatGrpcTimeout, grpcTimeoutHeader, parseGrpcTimeout } from '../../http/grpc.ts'
import type { HeaderList } from '../../http/headers.ts'
import { expectedTimeoutHeader, timeoutHeader } from '../mesh-headers.ts'
import type { Exchange } from './exchange.ts'

/** A timer of more than this fires at once. */
const longestTimerMs = 2 ** 31 - 1

/**
 * Time for an exchange from its start, in ms: the shortest of what the route gives, what the caller asks for and what is
 * left of the request that it is made for. Undefined: there is no limit.
 */
export function timeoutOf(
  { isGrpc, request, deadlineAt, startedAt }: Exchange,
  routeMs: number | undefined,
): number | undefined {
  const callerMs = isGrpc
    ? parseGrpcTimeout(request.headers.get(grpcTimeoutHeader))
    : parseExpected(request.headers.get(expectedTimeoutHeader))
  // perf: bench pair-100B. Most have none.
  if (callerMs === undefined && deadlineAt === Number.POSITIVE_INFINITY) return routeMs
  return Math.min(
    callerMs ?? Number.POSITIVE_INFINITY,
    deadlineAt - startedAt,
    longestTimerMs,
    routeMs ?? Number.POSITIVE_INFINITY,
  )
}

/** Tells the next hop what is left. @param inMesh it has a sidecar. */
export function setDeadline(
  headers: HeaderList,
  leftMs: number,
  { isGrpc, inMesh }: { readonly isGrpc: boolean; readonly inMesh: boolean },
): void {
  const left = String(Math.max(1, Math.floor(leftMs)))
  if (isGrpc) headers.set(grpcTimeoutHeader, formatGrpcTimeout(leftMs))
  else headers.set(expectedTimeoutHeader, left)
  if (inMesh) headers.set(timeoutHeader, left)
  // Another try may have been for somebody who has one.
  else headers.delete(timeoutHeader)
}

/** What is no number is ignored, as Envoy does; 0 means no limit. */
function parseExpected(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,10}$/.test(value)) return undefined
  return Number(value) || undefined
}

import type { HeaderList } from './headers.ts'

/** What gRPC adds to HTTP/2 (gRPC over HTTP2, doc/PROTOCOL-HTTP2.md), as far as a proxy has to know it. */

export const grpcContentType = 'application/grpc'
/** Trailer with which a server says when, or that it does not want, to be asked again (gRFC A6). */
export const grpcPushbackHeader = 'grpc-retry-pushback-ms'

export const grpcTimeoutHeader = 'grpc-timeout'
const statusField = 'grpc-status'
const messageField = 'grpc-message'

/** Status codes (doc/statuscodes.md) that a proxy gives itself, or looks for. */
export const grpcCode = {
  ok: 0,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** `application/grpc`, `application/grpc+proto`, `application/grpc;…`; not gRPC-Web, which needs no trailers. */
export function isGrpc(headers: HeaderList): boolean {
  const type = headers.get('content-type')
  if (type === undefined || !type.startsWith(grpcContentType)) return false
  const next = type[grpcContentType.length]
  return next === undefined || next === '+' || next === ';'
}

/** Of trailers, or of a head that is the whole answer. Undefined where there is none, or no number. */
export function grpcStatusOf(fields: HeaderList | undefined): number | undefined {
  const value = fields?.get(statusField)
  return value !== undefined && /^\d{1,3}$/.test(value) ? Number(value) : undefined
}

/** Adds status and message, as trailers or as an answer without body carry them. */
export function appendGrpcStatus(fields: HeaderList, status: number, message: string): void {
  fields.append(statusField, String(status))
  fields.append(messageField, percentEncode(message))
}

/** doc/http-grpc-status-mapping.md. */
const grpcStatuses: Readonly<Record<number, number>> = {
  400: grpcCode.internal,
  401: grpcCode.unauthenticated,
  403: grpcCode.permissionDenied,
  404: grpcCode.unimplemented,
  429: grpcCode.unavailable,
  502: grpcCode.unavailable,
  503: grpcCode.unavailable,
  504: grpcCode.unavailable,
}

/** What a client makes of an answer that is not gRPC's. */
export function grpcStatusOfHttp(status: number): number {
  return grpcStatuses[status] ?? grpcCode.unknown
}

/** Index: status code. google.rpc.Code names these HTTP statuses, but for 12, where it says 501. */
const httpStatuses = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400,
  // A method that the server lacks is the caller's mistake, and no reason to stop asking for others.
  404,
  500, 503, 500, 401,
]

/** The HTTP status of the same meaning, by which success is measured. */
export function httpStatusOfGrpc(status: number): number {
  return httpStatuses[status] ?? 500
}

const millisecondsPerUnit: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
}

/** ms of a `grpc-timeout`; undefined for what is none, which servers ignore as well. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(value ?? '') ?? []
  return digits === undefined ? undefined : Number(digits) * (millisecondsPerUnit[unit] ?? 0)
}

const mostDigits = 99_999_999

/** The time that is left, in ms and never none, rounded down. */
export function formatGrpcTimeout(ms: number): string {
  const whole = Math.max(1, Math.floor(ms))
  return whole <= mostDigits ? `${whole}m` : `${Math.min(mostDigits, Math.floor(whole / 1000))}S`
}

/** Percent-encoding of `grpc-message`: all but printable ASCII, and the percent sign. */
function percentEncode(message: string): string {
  let encoded = ''
  for (const byte of Buffer.from(message))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return encoded
}

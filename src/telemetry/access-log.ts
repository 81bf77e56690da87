import type { ErrorCode } from '../base/errors.ts'
import { errorTable } from '../base/errors.ts'
import { LogLimit } from '../base/log-limit.ts'

/** `errors`: what the mesh failed, every 5xx, and what a policy audits or would refuse. */
export type AccessLogMode = 'off' | 'errors' | 'all'

export interface AccessLogEntry {
  /** Milliseconds since 1970, when the request's head came. */
  readonly time: number
  readonly direction: 'inbound' | 'outbound'
  readonly method: string
  readonly authority: string
  readonly path: string
  readonly status: number
  /** Of a gRPC call that was answered. */
  readonly grpcStatus?: number | undefined
  readonly reason: ErrorCode | undefined
  /** Policy that has something to say of it, and what. */
  readonly policy?: string | undefined
  readonly verdict?: 'denied' | 'would_deny' | 'audited' | undefined
  /** SPIFFE ID by the certificate of the connection that it came on. */
  readonly caller?: string | undefined
  readonly durationMs: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly route: string
  /** Endpoint of the last attempt. */
  readonly endpoint: string | undefined
  readonly attempts: number
}

export interface AccessLogOptions {
  /** Default `errors`. */
  readonly mode?: AccessLogMode
  /** Default 100. Lines beyond are counted, and the next one tells how many. */
  readonly linesPerSecond?: number
  /** Takes one line, without its end. */
  readonly write: (line: string) => void
}

/** Longest text of a peer that goes into a line. */
const maxTextLength = 256

/** Writes one JSON object per exchange. */
export class AccessLog {
  readonly #mode: AccessLogMode
  readonly #limit: LogLimit
  readonly #write: (line: string) => void

  constructor(options: AccessLogOptions) {
    this.#mode = options.mode ?? 'errors'
    this.#limit = new LogLimit(options.linesPerSecond ?? 100)
    this.#write = options.write
  }

  /**
   * Asked before an entry is put together. `outcome` as an HTTP status, `now` in monotonic ms.
   * @param isNoted a policy wants it to be seen.
   */
  wants(outcome: number, reason: ErrorCode | undefined, now: number, isNoted = false): boolean {
    if (this.#mode === 'off') return false
    if (this.#mode === 'errors' && reason === undefined && outcome < 500 && !isNoted) return false
    return this.#limit.admit(now)
  }

  write(entry: AccessLogEntry): void {
    this.#write(formatEntry(entry, this.#limit.takeSuppressed()))
  }
}

function formatEntry(entry: AccessLogEntry, suppressed: number): string {
  return JSON.stringify({
    time: new Date(entry.time).toISOString(),
    direction: entry.direction,
    method: shorten(entry.method),
    authority: shorten(entry.authority),
    path: shorten(withoutQuery(entry.path)),
    status: entry.status,
    grpcStatus: entry.grpcStatus,
    reason: entry.reason,
    policy: entry.policy,
    verdict: entry.verdict,
    caller: entry.caller,
    flag: entry.reason === undefined ? undefined : errorTable[entry.reason].envoyFlag,
    durationMs: Math.round(entry.durationMs * 1000) / 1000,
    requestBytes: entry.requestBytes,
    responseBytes: entry.responseBytes,
    route: entry.route,
    endpoint: entry.endpoint,
    attempts: entry.attempts,
    suppressed: suppressed === 0 ? undefined : suppressed,
  })
}

/** Queries carry tokens and personal data. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}

function shorten(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}…`
}

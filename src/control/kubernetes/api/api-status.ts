/** What a `Status` of the API says (Kubernetes API reference, "Status"). Everything in it is optional. */
export interface ApiStatus {
  readonly message: string | undefined
  /** As `Conflict`; of its causes the one that has to be handled otherwise. */
  readonly reason: string | undefined
  readonly code: number | undefined
  readonly retryAfterMs: number | undefined
}

/** Of a `Status` with the reason Timeout: the version that was asked for lies in the server's future. */
export const versionTooLarge = 'ResourceVersionTooLarge'

/** Takes anything: what comes from between us and the server is no Status at all. */
export function readStatus(value: unknown): ApiStatus {
  const { message, reason, code, details } = fieldsOf(value)
  const { causes, retryAfterSeconds } = fieldsOf(details)
  const tooLarge =
    Array.isArray(causes) && causes.some(cause => fieldsOf(cause).reason === versionTooLarge)
  const said = typeof reason === 'string' ? reason : undefined
  const seconds = typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 0
  return {
    message: typeof message === 'string' ? message.slice(0, 2000) : undefined,
    reason: tooLarge ? versionTooLarge : said,
    code: typeof code === 'number' ? code : undefined,
    retryAfterMs: seconds > 0 ? seconds * 1000 : undefined,
  }
}

/** Of a Status, its details and its causes. */
interface Fields {
  readonly message?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly details?: unknown
  readonly causes?: unknown
  readonly retryAfterSeconds?: unknown
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? value : {}
}

/** Where a failure arose, seen from this sidecar. */
type ErrorSource = 'downstream' | 'upstream' | 'local'

/**
 * Whether an attempt that failed so may be repeated:
 * - `always`: the application provably never saw the request, any method may be repeated;
 * - `idempotent`: it may have seen it, so only idempotent methods are repeated;
 * - `if-reused`: as `idempotent`, but any method when the connection came from the pool and the peer's
 *   kernel refused the bytes (RST, not FIN) before a byte of an answer: the keep-alive race;
 * - `never`.
 */
type Retryable = 'always' | 'idempotent' | 'if-reused' | 'never'

interface ErrorTraits {
  readonly status: number
  readonly source: ErrorSource
  readonly retryable: Retryable
  /** The response flag that Envoy's access log would show for the same event. */
  readonly envoyFlag: string
}

/** The closed table of reasons; `x-weft-reason`, metrics and access logs carry these codes. */
export const errorTable = {
  no_route: { status: 404, source: 'local', retryable: 'never', envoyFlag: 'NR' },
  no_backend: { status: 500, source: 'local', retryable: 'never', envoyFlag: 'NC' },
  no_healthy_endpoint: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'UH' },
  circuit_open: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'UO' },
  overloaded: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'UO' },
  draining: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'LH' },
  not_ready: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'LH' },
  connect_failed: { status: 503, source: 'upstream', retryable: 'always', envoyFlag: 'UF' },
  dns_failed: { status: 503, source: 'upstream', retryable: 'never', envoyFlag: 'DF' },
  connect_timeout: { status: 504, source: 'upstream', retryable: 'always', envoyFlag: 'UF' },
  tls_failed: { status: 503, source: 'upstream', retryable: 'always', envoyFlag: 'UF' },
  identity_mismatch: { status: 503, source: 'upstream', retryable: 'always', envoyFlag: 'UF' },
  upstream_refused: { status: 503, source: 'upstream', retryable: 'always', envoyFlag: 'UR' },
  upstream_reset: { status: 502, source: 'upstream', retryable: 'if-reused', envoyFlag: 'UC' },
  upstream_closed: { status: 502, source: 'upstream', retryable: 'idempotent', envoyFlag: 'UC' },
  upstream_protocol: { status: 502, source: 'upstream', retryable: 'never', envoyFlag: 'UPE' },
  upstream_timeout: { status: 504, source: 'upstream', retryable: 'idempotent', envoyFlag: 'UT' },
  retry_budget_spent: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'URX' },
  denied: { status: 403, source: 'local', retryable: 'never', envoyFlag: 'UAEX' },
  fault_injected: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'FI' },
  unauthenticated: { status: 401, source: 'local', retryable: 'never', envoyFlag: 'UAEX' },
  plugin_answered: { status: 403, source: 'local', retryable: 'never', envoyFlag: 'UAEX' },
  plugin_failed: { status: 500, source: 'local', retryable: 'never', envoyFlag: '-' },
  rate_limited: { status: 429, source: 'local', retryable: 'never', envoyFlag: 'RL' },
  function_not_found: { status: 404, source: 'local', retryable: 'never', envoyFlag: 'NR' },
  function_throttled: { status: 429, source: 'local', retryable: 'never', envoyFlag: 'UO' },
  function_failed: { status: 502, source: 'upstream', retryable: 'never', envoyFlag: '-' },
  function_timeout: { status: 504, source: 'upstream', retryable: 'never', envoyFlag: 'UT' },
  function_not_placed: { status: 503, source: 'local', retryable: 'never', envoyFlag: 'UH' },
  function_backend_failed: {
    status: 502,
    source: 'upstream',
    retryable: 'never',
    envoyFlag: 'UF',
  },
  event_not_stored: { status: 500, source: 'local', retryable: 'never', envoyFlag: '-' },
  payload_not_json: { status: 400, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  payload_too_large: { status: 413, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  loop_detected: { status: 508, source: 'local', retryable: 'never', envoyFlag: 'NR' },
  bad_request: { status: 400, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  request_timeout: { status: 408, source: 'downstream', retryable: 'never', envoyFlag: 'DT' },
  uri_too_long: { status: 414, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  expectation_failed: { status: 417, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  headers_too_large: { status: 431, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  not_implemented: { status: 501, source: 'downstream', retryable: 'never', envoyFlag: 'DPE' },
  version_not_supported: {
    status: 505,
    source: 'downstream',
    retryable: 'never',
    envoyFlag: 'DPE',
  },
  downstream_closed: { status: 499, source: 'downstream', retryable: 'never', envoyFlag: 'DC' },
} as const satisfies Record<string, ErrorTraits>

export type ErrorCode = keyof typeof errorTable

/** A failed exchange. The message says what happened and where; `cause` keeps the error below. */
export class ExchangeError extends Error {
  readonly code: ErrorCode
  /** Header fields of the answer, beside those that every answer has; names in lower case. */
  fields: Readonly<Record<string, string>> | undefined

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ExchangeError'
    this.code = code
  }

  /** Of the answer that is made of it. */
  get status(): number {
    return errorTable[this.code].status
  }
}

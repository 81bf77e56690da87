import type { Readable } from 'node:stream'

export type BackendKind = 'aws-lambda' | 'cloud-run' | 'azure-function' | 'http'

export type Header = readonly [name: string, value: string]

/** A request as it came, for backends that take HTTP. */
export interface HttpParts {
  readonly method: string
  /** Undecoded, without the query. Begins with `/`. */
  readonly path: string
  /** Without `?`. */
  readonly query: string
  /** Names in lower case; without those that only the mesh may see. */
  readonly headers: readonly Header[]
  readonly body: Buffer
}

interface CommonCall {
  /** The event, as JSON; of payload format 2.0 where the call came by HTTP. */
  readonly payload: Buffer
  readonly requestId: string
  /** `X-Amzn-Trace-Id`. */
  readonly traceId: string | undefined
  /** Until when the caller waits, monotonic ms; Infinity where it did not say. */
  readonly deadlineAt: number
  /** Set: it may run twice. */
  readonly idempotent: boolean
}

/** One event on its way to a cloud. Backends that take HTTP get a request made of `http` where there is one. */
export type BackendCall =
  | (CommonCall & { readonly payloadFormat: 'invoke' })
  | (CommonCall & { readonly payloadFormat: 'http'; readonly http: HttpParts })

/**
 * Why a backend gave no answer of the function.
 * `aborted`: the caller went away. `overloaded`: too many calls of ours are under way. `function_failed`: the function
 * did, after its answer had begun; only streams end with it.
 */
export type BackendFailureCode =
  | 'aborted'
  | 'answer_too_large'
  | 'bad_request'
  | 'connect_failed'
  | 'credentials'
  | 'denied'
  | 'encryption'
  | 'function_failed'
  | 'not_found'
  | 'overloaded'
  | 'protocol'
  | 'request_too_large'
  | 'reset'
  | 'server_error'
  | 'throttled'
  | 'timeout'

export interface BackendFailure {
  readonly kind: 'backend-failure'
  readonly code: BackendFailureCode
  /** The function provably did not run, or the call is idempotent: another backend may be asked. */
  readonly retryable: boolean
  readonly message: string
}

export interface BackendAnswer {
  readonly kind: 'result'
  /**
   * `function`: `body` is what the function has returned, as a runtime gives it.
   * `http`: an answer by HTTP, to be relayed.
   */
  readonly form: 'function' | 'http'
  readonly status: number
  /** Names in lower case; without those of framing. */
  readonly headers: readonly Header[]
  readonly contentType: string
  /** A stream has to be read to its end, or destroyed. It ends with a {@link BackendError} when it breaks off. */
  readonly body: Buffer | Readable
}

/** The function itself failed: says nothing of the backend's health. */
interface BackendFunctionError {
  readonly kind: 'function-error'
  /** JSON, of the runtime's making where it made one. */
  readonly document: Buffer
  readonly errorType: string
}

export type BackendResult = BackendAnswer | BackendFunctionError | BackendFailure

/** Where a function runs that this machine does not run itself. */
export interface Backend {
  readonly name: string
  readonly kind: BackendKind
  /** Undefined: nobody said. */
  readonly region: string | undefined
  /** Never rejects: failures are results. Ends at the call's deadline, or when `signal` aborts. */
  invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult>
}

/** A failed exchange with a cloud. */
export class BackendError extends Error {
  readonly code: BackendFailureCode
  /** Not a byte of the request went out. */
  readonly unsent: boolean

  constructor(
    code: BackendFailureCode,
    message: string,
    options: { unsent?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BackendError'
    this.code = code
    this.unsent = options.unsent ?? false
  }
}

export function failure(
  code: BackendFailureCode,
  message: string,
  retryable: boolean,
): BackendFailure {
  return { kind: 'backend-failure', code, retryable, message }
}

/** What was thrown, as a result. Errors that are no {@link BackendError} are bugs, and thrown on. */
export function failureOf(error: unknown, call: BackendCall): BackendFailure {
  if (!(error instanceof BackendError)) throw error
  const repeatable = error.code !== 'aborted' && error.code !== 'answer_too_large'
  return failure(error.code, error.message, repeatable && (error.unsent || call.idempotent))
}

/** What a result says of its backend; `ignored`: nothing. */
export function healthOf(
  result: BackendResult,
): 'success' | 'function-error' | 'failure' | 'ignored' {
  if (result.kind === 'result') return 'success'
  if (result.kind === 'function-error') return 'function-error'
  return healthOfFailure(result.code)
}

/** The same of a stream that broke off, by the code of its {@link BackendError}. */
export function healthOfFailure(
  code: BackendFailureCode,
): 'function-error' | 'failure' | 'ignored' {
  if (code === 'function_failed') return 'function-error'
  return faultOfCall.has(code) ? 'ignored' : 'failure'
}

const faultOfCall: ReadonlySet<BackendFailureCode> = new Set([
  'aborted',
  'bad_request',
  'overloaded',
  'request_too_large',
])

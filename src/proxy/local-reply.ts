import { errorTable, type ErrorCode, type ExchangeError } from '../base/errors.ts'
import { InjectedFault } from './exchange/injected-fault.ts'
import { appendGrpcStatus, grpcCode, grpcContentType, grpcStatusOfHttp } from '../http/grpc.ts'
import { HeaderList } from '../http/headers.ts'
import type { ResponseHead } from '../http/message.ts'

/** Carries the {@link ErrorCode} of an answer that Weft made itself. */
export const reasonHeader = 'x-weft-reason'

/** What the reader of the answer can do about it. */
const advice: Partial<Record<ErrorCode, string>> = {
  no_route:
    'check the Host header against the names of the Services in the mesh configuration; what is beyond the mesh needs a ServiceEntry there',
  no_healthy_endpoint: 'see /clusters on the admin port for the state of each endpoint',
  circuit_open: 'the service failed too often lately; the breaker lets a probe through soon',
  overloaded:
    'too many requests are in flight to this service, or its sidecar has too much to do; see concurrency and adaptiveConcurrency of its TrafficPolicy, and overload of the Mesh',
  fault_injected: 'take faults out of the TrafficPolicy to have real answers again',
  upstream_timeout:
    'see timeouts of the route and of its TrafficPolicy, and the deadline that the caller has set',
  retry_budget_spent: 'too many requests to this service are retries already; see retryBudget',
  connect_failed: 'is the application listening on the port that its Workload names?',
  dns_failed: 'check hosts and endpoints of the ServiceEntry, and the resolver of this machine',
  identity_mismatch: 'another workload answered at this address than the one that was called',
  tls_failed: "the peer's certificate was refused, or the peer refused ours; see the sidecar's log",
  function_not_found: 'check the name against `weft functions`',
  function_throttled:
    'all instances are busy; raise scale.max of the Function, or come again later',
  function_failed: 'see the request id in `weft logs` of the function',
  function_timeout: 'raise timeout of the Function, or see where its handler waits',
  function_not_placed: 'see `weft placement explain` for what keeps each backend out',
  function_backend_failed: "see the log of the function's sidecar for what its backend said",
  event_not_stored: "see the log of the function's sidecar: its disk, or the server of its queue",
  payload_not_json: 'the event of an invocation is a JSON document',
  payload_too_large: 'put what is larger into a store, and its name into the event',
  denied:
    'ask the owner of the service for an AuthorizationPolicy; the access log of its sidecar names the one that refused',
  unauthenticated:
    'get a new token, from an issuer that the service names in a RequestAuthentication',
  rate_limited: 'send fewer requests, or ask the owner of the service for a higher limit',
  plugin_failed:
    "see the sidecar's log for what the plugin threw; onError: continue goes on without",
  draining: 'the sidecar is about to end; another endpoint will answer',
}

/** When to come again, where a moment is enough. */
const retryAfterSeconds: Partial<Record<ErrorCode, string>> = { overloaded: '1' }

export interface LocalReply {
  readonly head: ResponseHead
  /** Undefined: the head is all. */
  readonly body: Buffer | undefined
}

/** What a route has a sidecar answer itself that is no error: beside the {@link ErrorCode}s in `x-weft-reason`. */
export type AnswerReason = 'redirect' | 'cors_preflight'

/** The head of such an answer, which has no body. */
export function localAnswer(
  status: number,
  reason: AnswerReason,
  headers: HeaderList,
): ResponseHead {
  headers.append(reasonHeader, reason)
  return { status, reason: '', headers, version: '1.1', bodyLength: 0 }
}

/** With those below the only place where an error becomes an answer (invariant 2). */
export function renderLocalReply(error: ExchangeError): LocalReply & { readonly body: Buffer } {
  const { status } = error
  const document = { error: error.code, message: error.message, advice: advice[error.code] }
  const body = Buffer.from(`${JSON.stringify(document)}\n`)
  const headers = HeaderList.of({ 'content-type': 'application/json', [reasonHeader]: error.code })
  appendFields(headers, error)
  const retryAfter = retryAfterSeconds[error.code]
  if (retryAfter !== undefined && !headers.has('retry-after'))
    headers.append('retry-after', retryAfter)
  return {
    head: { status, reason: '', headers, version: '1.1', bodyLength: body.length },
    body,
  }
}

const grpcOk = 0

/** An answer whose content is somebody else's word, such as a plugin's. */
export interface LocalAnswer {
  readonly status: number
  /** Without framing. */
  readonly headers: HeaderList
  readonly body: Buffer
}

/** With the reason why it is ours; a gRPC caller is told of it in a status. */
export function renderLocalAnswer(
  { code }: ExchangeError,
  { status, headers, body }: LocalAnswer,
  isGrpc: boolean,
): LocalReply {
  headers.set(reasonHeader, code)
  if (isGrpc) {
    headers.set('content-type', grpcContentType)
    const grpcStatus = status < 300 ? grpcOk : grpcStatusOfHttp(status)
    appendGrpcStatus(headers, grpcStatus, body.toString())
    return {
      head: { status: 200, reason: '', headers, version: '2', bodyLength: 0 },
      body: undefined,
    }
  }
  const isEmpty = body.length === 0 || status === 204 || status === 304
  const head: ResponseHead = {
    status,
    reason: '',
    headers,
    version: '1.1',
    bodyLength: isEmpty ? 0 : body.length,
  }
  return { head, body: isEmpty ? undefined : body }
}

/** What SDKs of AWS Lambda make their exceptions of (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
const exceptionTypes: Partial<Record<ErrorCode, string>> = {
  function_not_found: 'ResourceNotFoundException',
  function_throttled: 'TooManyRequestsException',
  overloaded: 'TooManyRequestsException',
  rate_limited: 'TooManyRequestsException',
  payload_not_json: 'InvalidRequestContentException',
  payload_too_large: 'RequestTooLargeException',
  bad_request: 'InvalidParameterValueException',
  denied: 'AccessDeniedException',
}

/** The same for a caller of the Lambda Invoke API. */
export function renderInvokeReply(error: ExchangeError): LocalReply {
  const type = exceptionTypes[error.code] ?? 'ServiceException'
  const reply = renderLocalReply(error)
  const Type = errorTable[error.code].status < 500 ? 'User' : 'Service'
  // AWS's own answer to an unknown function writes this one field with a capital.
  const message =
    error.code === 'function_not_found' ? { Message: error.message } : { message: error.message }
  const body = Buffer.from(JSON.stringify({ Type, ...message }))
  const { headers } = reply.head
  headers.append('x-amzn-errortype', type)
  if (type === 'TooManyRequestsException' && !headers.has('retry-after'))
    headers.append('retry-after', '1')
  const status = type === 'TooManyRequestsException' ? 429 : reply.head.status
  return { head: { ...reply.head, status, bodyLength: body.length }, body }
}

/** What a gRPC caller is told. */
function grpcStatusOfError(error: ExchangeError): number {
  if (error instanceof InjectedFault) return error.grpcStatus
  const { code } = error
  if (code === 'rate_limited') return grpcCode.resourceExhausted
  return code === 'upstream_timeout'
    ? grpcCode.deadlineExceeded
    : grpcStatusOfHttp(errorTable[code].status)
}

/** The same for a gRPC caller, which looks at the status in the trailers only. */
export function renderGrpcReply(error: ExchangeError): LocalReply {
  const headers = grpcTrailers(error)
  headers.append('content-type', grpcContentType)
  return {
    head: { status: 200, reason: '', headers, version: '2', bodyLength: 0 },
    body: undefined,
  }
}

/** Ends an answer that has begun already. */
export function grpcTrailers(error: ExchangeError): HeaderList {
  const fields = HeaderList.of({ [reasonHeader]: error.code })
  appendFields(fields, error)
  const hint = advice[error.code]
  const message = hint === undefined ? error.message : `${error.message}; ${hint}`
  appendGrpcStatus(fields, grpcStatusOfError(error), message)
  return fields
}

function appendFields(headers: HeaderList, { fields }: ExchangeError): void {
  if (fields === undefined) return
  for (const [name, value] of Object.entries(fields)) headers.append(name, value)
}

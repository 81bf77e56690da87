import type { Now } from '../../../base/clock.ts'
import { hopByHop } from '../../payload/hop-by-hop.ts'
import { maxPayloadBytes, maxStreamedBytes } from '../../../model/function/function.ts'
import {
  BackendError,
  failure,
  failureOf,
  type BackendCall,
  type BackendFailureCode,
  type BackendResult,
  type Header,
} from '../backend.ts'
import { boundedStream, readBody } from './bounded-body.ts'
import type { CloudAnswer, CloudClient } from './cloud-client.ts'
import { Deadline } from './deadline.ts'

export interface HttpTargetOptions {
  /** `https://host[:port][/path]`; the path of a call comes after its own. */
  readonly url: string
  readonly allowPlainHttp: boolean
  readonly responseMode: 'buffered' | 'streaming'
  /** Where the caller sets no deadline, and at most. */
  readonly timeoutMs: number
  readonly client: CloudClient
  readonly now: Now
}

export interface Authentication {
  /** Headers that prove who we are. @throws BackendError */
  headers(signal: AbortSignal): Promise<readonly Header[]>
  /** Names that a caller may not send on. */
  readonly reserved: ReadonlySet<string>
  /** They were refused. */
  onDenied(): void
}

/** For who asks no credentials: the caller's own go on. */
export const noAuthentication: Authentication = {
  headers: async () => [],
  reserved: new Set(),
  onDenied: () => {},
}

/** `..` as a segment, in any spelling that a server might take for it. */
const climbing = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\]|%2f|%5c)/i

/** Calls of a function that is a server of HTTP. Retries nothing: what failed is for who chose it. */
export class HttpTarget {
  readonly #options: HttpTargetOptions
  readonly #origin: string
  readonly #basePath: string
  readonly #authentication: Authentication

  constructor(options: HttpTargetOptions, authentication: Authentication) {
    const url = new URL(options.url)
    this.#options = options
    this.#origin = url.origin
    this.#basePath = url.pathname.replace(/\/$/, '')
    this.#authentication = authentication
  }

  async invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    const { now, timeoutMs } = this.#options
    const deadline = new Deadline(Math.min(call.deadlineAt - now(), timeoutMs), signal)
    let streams = false
    try {
      const answer = await this.#send(call, deadline.signal)
      const result = await this.#result(answer, call, deadline)
      streams = result.kind === 'result' && !Buffer.isBuffer(result.body)
      return result
    } catch (error) {
      return failureOf(error, call)
    } finally {
      if (!streams) deadline.end()
    }
  }

  async #send(call: BackendCall, signal: AbortSignal): Promise<CloudAnswer> {
    const { client, allowPlainHttp } = this.#options
    const proof = await this.#authentication.headers(signal)
    const { method, path, headers, body } = this.#request(call)
    return client.send({
      method,
      origin: this.#origin,
      path,
      headers: [...headers, ...proof],
      ...(body.length > 0 && { body }),
      allowPlainHttp,
      signal,
    })
  }

  #request(call: BackendCall): {
    readonly method: string
    readonly path: string
    readonly headers: readonly Header[]
    readonly body: Buffer
  } {
    const own: Header[] = [['x-request-id', call.requestId]]
    if (call.traceId !== undefined) own.push(['x-amzn-trace-id', call.traceId])
    if (call.payloadFormat === 'invoke') {
      own.push(['content-type', 'application/json'])
      return { method: 'POST', path: this.#basePath || '/', headers: own, body: call.payload }
    }
    const { method, path, query, headers, body } = call.http
    if (!path.startsWith('/') || climbing.test(path))
      throw new BackendError('bad_request', 'the path leads out of the function', { unsent: true })
    const names = new Set(own.map(([name]) => name))
    const dropped = new Set([...names, ...this.#authentication.reserved])
    return {
      method,
      path: `${this.#basePath}${path}${query === '' ? '' : `?${query}`}`,
      headers: [...endToEnd(headers).filter(([name]) => !dropped.has(name)), ...own],
      body,
    }
  }

  async #result(
    answer: CloudAnswer,
    call: BackendCall,
    deadline: Deadline,
  ): Promise<BackendResult> {
    const refusal = refusalOf(answer, this.#authentication !== noAuthentication)
    if (refusal !== undefined) {
      answer.body.destroy()
      if (refusal.code === 'denied') this.#authentication.onDenied()
      const message = `${this.#origin} answered ${answer.status}`
      return failure(refusal.code, message, !refusal.ran || call.idempotent)
    }
    if (call.payloadFormat === 'invoke' && answer.status >= 400) return this.#functionError(answer)
    return {
      kind: 'result',
      form: call.payloadFormat === 'invoke' ? 'function' : 'http',
      status: answer.status,
      headers: endToEnd(answer.headers),
      contentType: contentTypeOf(answer),
      body: await this.#body(answer, deadline),
    }
  }

  #body({ body }: CloudAnswer, deadline: Deadline): Promise<Buffer> | CloudAnswer['body'] {
    const where = this.#origin
    if (this.#options.responseMode === 'buffered') return readBody(body, maxPayloadBytes, where)
    const onClose = (): void => deadline.cancel()
    return boundedStream(body, { maxBytes: maxStreamedBytes, where, onClose })
  }

  async #functionError(answer: CloudAnswer): Promise<BackendResult> {
    const body = await readBody(answer.body, maxPayloadBytes, this.#origin)
    const errorType = `Http.${answer.status}`
    const errorMessage = `the function answered ${answer.status}`
    const json = contentTypeOf(answer).startsWith('application/json')
    const document = json ? body : Buffer.from(JSON.stringify({ errorType, errorMessage }))
    return { kind: 'function-error', document, errorType }
  }
}

interface Refusal {
  readonly code: BackendFailureCode
  readonly ran: boolean
}

/**
 * Answers that come from what stands before the function. Of a 500 nobody can say that, so it is the function's.
 * 401 and 403 are ours only where we sent the credentials, and the answer asks for others.
 */
function refusalOf({ status, headers }: CloudAnswer, authenticated: boolean): Refusal | undefined {
  if (status === 429) return { code: 'throttled', ran: false }
  if (status === 502 || status === 503 || status === 504) return { code: 'server_error', ran: true }
  const asks = headers.some(([name]) => name === 'www-authenticate')
  if (authenticated && asks && (status === 401 || status === 403))
    return { code: 'denied', ran: false }
  return undefined
}

function endToEnd(headers: readonly Header[]): readonly Header[] {
  const named = connectionNames(headers)
  return headers.filter(([name]) => !hopByHop.has(name) && !named.has(name))
}

/** RFC 9110 §7.6.1: what `Connection` names belongs to the connection too. */
function connectionNames(headers: readonly Header[]): ReadonlySet<string> {
  const values = headers.filter(([name]) => name === 'connection').map(([, value]) => value)
  return new Set(values.flatMap(value => value.split(',').map(name => name.trim().toLowerCase())))
}

function contentTypeOf({ headers }: CloudAnswer): string {
  const found = headers.find(([name]) => name === 'content-type')
  return found?.[1] ?? 'application/octet-stream'
}

import { setTimeout as sleep } from 'node:timers/promises'
import { backoff, type BackoffOptions } from '../../base/backoff.ts'
import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { maxPayloadBytes } from '../../model/function/function.ts'
import type { AwsCredentialChain } from './aws-credentials.ts'
import {
  failure,
  failureOf,
  type Backend,
  type BackendCall,
  type BackendFailureCode,
  type BackendResult,
  type Header,
} from './backend.ts'
import type { AwsCredentials } from './credentials/aws-source.ts'
import { awsHost } from './credentials/aws-web-identity.ts'
import { LambdaStream, streamType } from './lambda-stream.ts'
import { Signer } from './sigv4.ts'
import { readBody } from './transport/bounded-body.ts'
import type { CloudAnswer, CloudClient } from './transport/cloud-client.ts'
import { Deadline } from './transport/deadline.ts'

export interface AwsLambdaOptions {
  readonly name: string
  readonly region: string
  /** Name, ARN or partial ARN; without a qualifier. */
  readonly functionName: string
  /** Version or alias. */
  readonly qualifier?: string | undefined
  /** Default: Lambda of the region. */
  readonly endpoint?: string | undefined
  readonly allowPlainHttp?: boolean | undefined
  /** `streaming`: by InvokeWithResponseStream. */
  readonly responseMode: 'buffered' | 'streaming'
  /** Of streams; the API does not say it. Default `application/octet-stream`. */
  readonly streamContentType?: string | undefined
  /** Where the caller sets no deadline, and at most. */
  readonly timeoutMs: number
  /** Between tries. Default: from 100 ms to 2 s. */
  readonly retryWaits?: BackoffOptions
  readonly credentials: AwsCredentialChain
  readonly client: CloudClient
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

const maxTries = 3
const defaultRetryWaits = { baseMs: 100, maxMs: 2000 }
const maxErrorBytes = 64 * 1024
const where = 'AWS Lambda'

/** A function of AWS Lambda, by its Invoke API (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html). */
export class AwsLambdaBackend implements Backend {
  readonly kind = 'aws-lambda'
  readonly name: string
  readonly region: string
  readonly #options: AwsLambdaOptions
  readonly #signer: Signer
  readonly #origin: string
  readonly #path: string
  readonly #query: string

  constructor(options: AwsLambdaOptions) {
    this.name = options.name
    this.region = options.region
    this.#options = options
    this.#signer = new Signer(options.region, 'lambda')
    this.#origin = new URL(
      options.endpoint ?? `https://${awsHost('lambda', options.region)}`,
    ).origin
    const [version, action] =
      options.responseMode === 'streaming'
        ? ['2021-11-15', 'response-streaming-invocations']
        : ['2015-03-31', 'invocations']
    this.#path = `/${version}/functions/${encodeURIComponent(options.functionName)}/${action}`
    this.#query =
      options.qualifier === undefined ? '' : `Qualifier=${encodeURIComponent(options.qualifier)}`
  }

  async invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    if (call.payload.length > maxPayloadBytes)
      return failure('request_too_large', `${where} takes ${maxPayloadBytes} bytes at most`, false)
    const now = this.#options.now()
    const until = Math.min(call.deadlineAt, now + this.#options.timeoutMs)
    const deadline = new Deadline(until - now, signal)
    let result: BackendResult | undefined
    try {
      result = await this.#tries(call, deadline, until)
    } catch (error) {
      result = failureOf(error, call)
    } finally {
      // A stream goes on, and ends it.
      const streams = result?.kind === 'result' && !Buffer.isBuffer(result.body)
      if (!streams) deadline.end()
    }
    return result
  }

  /** Again only where the function provably did not run, or may run twice. */
  async #tries(call: BackendCall, deadline: Deadline, until: number): Promise<BackendResult> {
    for (let number = 1; ; number++) {
      const { result, waitMs } = await this.#try(call, deadline)
      const last = number >= maxTries || deadline.signal.aborted
      if (last || result.kind !== 'backend-failure' || !result.retryable || waitMs === undefined)
        return result
      const { retryWaits = defaultRetryWaits, random } = this.#options
      const pause = Math.max(waitMs, backoff(number, retryWaits, random))
      // What would come too late is somebody else's to try.
      if (this.#options.now() + pause >= until) return result
      if (!(await pausedFor(pause, deadline.signal))) return result
    }
  }

  /** `waitMs` undefined: trying again would not help. */
  async #try(call: BackendCall, deadline: Deadline): Promise<Tried> {
    let credentials: AwsCredentials
    try {
      credentials = await this.#options.credentials.get(deadline.signal)
    } catch (error) {
      return { result: failureOf(error, call), waitMs: undefined }
    }
    try {
      const answer = await this.#send(call, credentials, deadline.signal)
      return await this.#read(answer, call, { credentials, deadline })
    } catch (error) {
      const result = failureOf(error, call)
      return { result, waitMs: triedAgain.has(result.code) ? 0 : undefined }
    }
  }

  #send(call: BackendCall, credentials: AwsCredentials, signal: AbortSignal): Promise<CloudAnswer> {
    const { client, wallNow, allowPlainHttp } = this.#options
    const headers: Header[] = [
      ['host', new URL(this.#origin).host],
      ['content-type', 'application/json'],
      ['x-amz-invocation-type', 'RequestResponse'],
    ]
    if (call.traceId !== undefined) headers.push(['x-amzn-trace-id', call.traceId])
    const request = { method: 'POST', path: this.#path, query: this.#query, body: call.payload }
    const signed = this.#signer.sign({ ...request, headers }, credentials, wallNow())
    return client.send({
      method: 'POST',
      origin: this.#origin,
      path: this.#query === '' ? this.#path : `${this.#path}?${this.#query}`,
      headers: [...headers, ...signed],
      body: call.payload,
      allowPlainHttp: allowPlainHttp ?? false,
      signal,
    })
  }

  async #read(answer: CloudAnswer, call: BackendCall, context: TryContext): Promise<Tried> {
    if (answer.status !== 200) return this.#refused(answer, call, context.credentials)
    const contentType = headerOf(answer, 'content-type') ?? 'application/json'
    if (contentType === streamType) {
      const { streamContentType } = this.#options
      return final(await new LambdaStream(answer.body, context.deadline).result(streamContentType))
    }
    const functionError = headerOf(answer, 'x-amz-function-error')
    const body = await readBody(answer.body, maxPayloadBytes, where)
    if (functionError !== undefined) return final(functionErrorOf(body, functionError))
    return final({
      kind: 'result',
      form: 'function',
      status: 200,
      headers: [],
      contentType,
      body,
    })
  }

  async #refused(
    answer: CloudAnswer,
    call: BackendCall,
    credentials: AwsCredentials,
  ): Promise<Tried> {
    const { status } = answer
    // The body only explains: an answer that breaks off here still is one.
    const body = await readBody(answer.body, maxErrorBytes, where).catch(() => Buffer.alloc(0))
    const type = errorType(headerOf(answer, 'x-amzn-errortype'), body)
    const { code, ran } = meaningOf(status)
    const message = `${where} answered ${status} ${type}`.trimEnd()
    const result = failure(code, message, !ran || call.idempotent)
    if (staleErrors.has(type)) {
      this.#options.credentials.invalidate(credentials)
      return { result, waitMs: 0 }
    }
    const waitMs = triedAgain.has(code) ? retryAfterMs(headerOf(answer, 'retry-after')) : undefined
    return { result, waitMs }
  }
}

interface Tried {
  readonly result: BackendResult
  readonly waitMs: number | undefined
}

interface TryContext {
  readonly credentials: AwsCredentials
  readonly deadline: Deadline
}

const triedAgain: ReadonlySet<BackendFailureCode> = new Set([
  'connect_failed',
  'reset',
  'server_error',
  'throttled',
])

/** Credentials that have expired, or were taken back. */
const staleErrors: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'InvalidClientTokenId',
  'UnrecognizedClientException',
])

function final(result: BackendResult): Tried {
  return { result, waitMs: undefined }
}

/** Whether it may have run: of the 5xx nobody knows, all others are refused before. */
function meaningOf(status: number): { readonly code: BackendFailureCode; readonly ran: boolean } {
  if (status === 429) return { code: 'throttled', ran: false }
  if (status >= 500) return { code: 'server_error', ran: true }
  const code = refusals.get(status)
  return code === undefined ? { code: 'protocol', ran: true } : { code, ran: false }
}

const refusals = new Map<number, BackendFailureCode>([
  [400, 'bad_request'],
  [401, 'denied'],
  [403, 'denied'],
  [404, 'not_found'],
  [413, 'request_too_large'],
  [415, 'bad_request'],
])

/** @returns false when the signal came first. */
async function pausedFor(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal })
    return true
  } catch {
    return false
  }
}

/** Seconds, as AWS gives them; 0 for anything else. */
function retryAfterMs(value: string | undefined): number {
  return value !== undefined && /^\d{1,5}$/.test(value) ? Number(value) * 1000 : 0
}

/** `Type:http://…` in the header; some errors have it in the body alone. */
function errorType(header: string | undefined, body: Buffer): string {
  const text = header ?? /"__type"\s*:\s*"([^"]{1,200})"/.exec(body.toString('utf8'))?.[1] ?? ''
  return /(?:^|#)(\w{1,100})(?::|$)/.exec(text)?.[1] ?? ''
}

function functionErrorOf(document: Buffer, fallback: string): BackendResult {
  const type = /"errorType"\s*:\s*"([\w.$:-]{1,200})"/.exec(document.toString('utf8'))?.[1]
  return { kind: 'function-error', document, errorType: type ?? fallback }
}

function headerOf({ headers }: CloudAnswer, name: string): string | undefined {
  return headers.find(([one]) => one === name)?.[1]
}

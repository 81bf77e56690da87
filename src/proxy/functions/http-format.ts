import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import type { FaultStage, FunctionFault } from '../../functions/fault.ts'
import { httpEvent } from '../../functions/payload/http-event.ts'
import { httpPreludeType, httpResult, preludeHead } from '../../functions/payload/http-result.ts'
import { HeaderList } from '../../http/headers.ts'
import type { Now } from '../../base/clock.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { CallFormat, FunctionCall } from './function-call.ts'

/** By which callers find an invocation in the function's log, as with AWS. */
export const requestIdHeader = 'x-amzn-requestid'

/** Between the head of a streamed answer and its body. */
const preludeEnd = Buffer.alloc(8)
const longestPrelude = 64 * 1024

const codes: Readonly<Record<FaultStage, ErrorCode>> = {
  handler: 'function_failed',
  init: 'function_failed',
  exit: 'function_failed',
  'too-large': 'function_failed',
  timeout: 'function_timeout',
  throttled: 'function_throttled',
  ended: 'draining',
}

/** A function called by HTTP: payload format 2.0 in both directions. */
export class HttpFormat implements CallFormat {
  readonly #functionName: () => string
  readonly #wallNow: Now
  /** Streams whose head has not come in full. */
  readonly #preludes = new WeakMap<FunctionCall, Buffer>()

  constructor(functionName: () => string, wallNow: Now) {
    this.#functionName = functionName
    this.#wallNow = wallNow
  }

  event({ request, stream }: Exchange, body: Buffer, id: string): Buffer {
    const { method, path, headers, authority } = request
    const queryAt = path.indexOf('?')
    const { peerIdentity, remoteAddress } = stream.connection
    return httpEvent(
      {
        method,
        path: queryAt < 0 ? path : path.slice(0, queryAt),
        query: queryAt < 0 ? '' : path.slice(queryAt + 1),
        headers: fieldsOf(headers),
        body,
        authority,
        sourceIp: remoteAddress,
      },
      {
        functionName: this.#functionName(),
        caller: peerIdentity,
        requestId: id,
        time: this.#wallNow(),
      },
    )
  }

  result(call: FunctionCall, result: Buffer, contentType: string): void {
    const answer = httpResult(result, contentType)
    if (answer === undefined)
      return call.fail('function_failed', 'the function returned no valid answer of HTTP')
    call.answer(answer.status, headersOf(call, answer.headers), answer.body)
  }

  /** What a function says of its own failure is for its owner, who finds it in the log. */
  fault(call: FunctionCall, { stage, errorType }: FunctionFault): void {
    const code = codes[stage]
    call.fail(code, `${errorType}, request id ${call.id}`)
  }

  streamHead(call: FunctionCall, contentType: string): void {
    if (contentType.startsWith(httpPreludeType)) this.#preludes.set(call, Buffer.alloc(0))
    else call.beginStream(200, headersOf(call, [['content-type', contentType]]))
  }

  streamChunk(call: FunctionCall, chunk: Buffer): boolean {
    const gathered = this.#preludes.get(call)
    if (gathered === undefined) return call.exchange.relayBody(chunk)
    const bytes = Buffer.concat([gathered, chunk])
    const end = bytes.indexOf(preludeEnd)
    if (end < 0) {
      if (bytes.length > longestPrelude) this.#badPrelude(call)
      else this.#preludes.set(call, bytes)
      return true
    }
    const head = preludeHead(bytes.subarray(0, end))
    if (head === undefined) return this.#badPrelude(call)
    this.#preludes.delete(call)
    call.beginStream(head.status, headersOf(call, head.headers))
    const body = bytes.subarray(end + preludeEnd.length)
    return body.length === 0 || call.exchange.relayBody(body)
  }

  streamEnd(call: FunctionCall, fault: FunctionFault | undefined): void {
    const { exchange } = call
    if (fault !== undefined)
      return exchange.headSent
        ? exchange.fail(new ExchangeError('function_failed', fault.errorType))
        : this.fault(call, fault)
    if (this.#preludes.has(call)) this.#badPrelude(call)
    else exchange.relayEnd(undefined)
  }

  #badPrelude(call: FunctionCall): true {
    this.#preludes.delete(call)
    call.fail('function_failed', "the head of the function's stream can't be read")
    return true
  }
}

function headersOf(call: FunctionCall, fields: Iterable<readonly [string, string]>): HeaderList {
  const headers = new HeaderList()
  for (const [name, value] of fields) headers.append(name, value)
  headers.set(requestIdHeader, call.id)
  return headers
}

function* fieldsOf({ names, values }: HeaderList): Iterable<readonly [string, string]> {
  for (let i = 0; i < names.length; i++) yield [names[i] ?? '', values[i] ?? '']
}

import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import type { FaultStage, FunctionFault } from '../../functions/fault.ts'
import type { HttpParts } from '../../functions/cloud/backend.ts'
import { readHttp, toJson } from '../../functions/payload/cloud-event.ts'
import { httpEvent } from '../../functions/payload/http-event.ts'
import { httpPreludeType, httpResult, preludeHead } from '../../functions/payload/http-result.ts'
import { HeaderList } from '../../http/headers.ts'
import type { Now } from '../../base/clock.ts'
import type { CallFormat, FunctionCall } from './function-call.ts'

/** By which callers find an invocation in the function's log, as with AWS. */
export const requestIdHeader = 'x-amzn-requestid'

/** Between the head of a streamed answer and its body. */
const preludeEnd = Buffer.alloc(8)
const longestPrelude = 64 * 1024

/** What a caller by HTTP is told. */
export const faultCodes: Readonly<Record<FaultStage, ErrorCode>> = {
  handler: 'function_failed',
  init: 'function_failed',
  exit: 'function_failed',
  'too-large': 'function_failed',
  timeout: 'function_timeout',
  throttled: 'function_throttled',
  ended: 'draining',
  'not-stored': 'event_not_stored',
  'event-too-large': 'payload_too_large',
  'not-placed': 'function_not_placed',
  backend: 'function_backend_failed',
}

/** A function called by HTTP: payload format 2.0 in both directions. */
export class HttpFormat implements CallFormat {
  readonly #wallNow: Now
  /** Streams whose head has not come in full. */
  readonly #preludes = new WeakMap<FunctionCall, Buffer>()
  /** Content types of streams of which no byte has come: one that fails now can still be told of. */
  readonly #pending = new WeakMap<FunctionCall, string>()

  constructor(wallNow: Now) {
    this.#wallNow = wallNow
  }

  parts({ exchange: { request } }: FunctionCall, body: Buffer): HttpParts {
    const { method, headers } = request
    const kept = [...fieldsOf(headers)].filter(([name]) => !isOurs(name))
    const fields = kept.map(([name, value]) => [name.toLowerCase(), value] as const)
    return { method, ...splitPath(request.path), headers: fields, body }
  }

  event(call: FunctionCall, body: Buffer): Buffer {
    return call.spec.input === 'cloudevent' ? cloudEvent(call, body) : this.#httpEvent(call, body)
  }

  #httpEvent({ exchange, id, spec }: FunctionCall, body: Buffer): Buffer {
    const { request, stream } = exchange
    const { method, path, headers, authority } = request
    const { peerIdentity, remoteAddress } = stream.connection
    return httpEvent(
      {
        method,
        ...splitPath(path),
        headers: fieldsOf(headers),
        body,
        authority,
        sourceIp: remoteAddress,
      },
      {
        functionName: spec.name,
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
    const code = faultCodes[stage]
    call.fail(code, `${errorType}, request id ${call.id}`)
  }

  streamHead(call: FunctionCall, contentType: string): void {
    if (contentType.startsWith(httpPreludeType)) this.#preludes.set(call, Buffer.alloc(0))
    else this.#pending.set(call, contentType)
  }

  streamChunk(call: FunctionCall, chunk: Buffer): boolean {
    const gathered = this.#preludes.get(call)
    if (gathered === undefined) {
      this.#begin(call)
      return call.exchange.relayBody(chunk)
    }
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
    if (this.#preludes.has(call)) return void this.#badPrelude(call)
    this.#begin(call)
    exchange.relayEnd(undefined)
  }

  #begin(call: FunctionCall): void {
    const contentType = this.#pending.get(call)
    if (contentType === undefined) return
    this.#pending.delete(call)
    call.beginStream(200, headersOf(call, [['content-type', contentType]]))
  }

  #badPrelude(call: FunctionCall): true {
    this.#preludes.delete(call)
    call.fail('function_failed', "the head of the function's stream can't be read")
    return true
  }
}

/** What only the mesh may see. */
function isOurs(name: string): boolean {
  return name.toLowerCase().startsWith('x-weft-')
}

function splitPath(target: string): { readonly path: string; readonly query: string } {
  const queryAt = target.indexOf('?')
  if (queryAt < 0) return { path: target, query: '' }
  return { path: target.slice(0, queryAt), query: target.slice(queryAt + 1) }
}

/** The handler gets the event in its JSON form, however it was sent. */
function cloudEvent({ exchange }: FunctionCall, body: Buffer): Buffer {
  const read = readHttp(fieldsOf(exchange.request.headers), body)
  if (read === undefined)
    throw new ExchangeError(
      'bad_request',
      'the function takes CloudEvents: ce-specversion is missing',
    )
  if ('problem' in read) throw new ExchangeError('bad_request', read.problem)
  return toJson(read)
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

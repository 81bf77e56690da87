import { ExchangeError } from '../../base/errors.ts'
import type { Now } from '../../base/clock.ts'
import type { FunctionFault } from '../../functions/fault.ts'
import {
  completionFrame,
  eventStreamType,
  payloadFrame,
} from '../../functions/payload/event-stream.ts'
import { HeaderList } from '../../http/headers.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { CallFormat, FunctionCall } from './function-call.ts'
import { faultCodes, requestIdHeader } from './http-format.ts'

const emptyEvent = Buffer.from('{}')

/** The first of these says what the caller wants to see of the log. */
const logTypeHeader = 'x-amz-log-type'
const logResultHeader = 'x-amz-log-result'
const functionErrorHeader = 'x-amz-function-error'
const executedVersionHeader = 'x-amz-executed-version'

/** A function called by the Lambda Invoke API: the body is the event, the answer's body what it returned. */
export class InvokeFormat implements CallFormat {
  readonly #now: Now
  /** Content types of streams of which no byte has come: one that fails now is told of as any other. */
  readonly #pending = new WeakMap<FunctionCall, string>()

  constructor(now: Now) {
    this.#now = now
  }

  event(_call: FunctionCall, body: Buffer): Buffer {
    // What clients send who give no payload; runtimes would choke on nothing.
    if (body.length === 0) return emptyEvent
    checkJson(body)
    return body
  }

  result(call: FunctionCall, result: Buffer): void {
    this.#answer(call, result, undefined)
  }

  fault(call: FunctionCall, fault: FunctionFault): void {
    if (!isFunctionsOwn(fault)) return call.fail(faultCodes[fault.stage], fault.message)
    this.#answer(call, fault.document, 'Unhandled')
  }

  /** Who has not asked for a stream gets what was streamed all the same, chunk by chunk. */
  streamHead(call: FunctionCall, contentType: string): void {
    this.#pending.set(call, contentType)
  }

  streamChunk(call: FunctionCall, chunk: Buffer): boolean {
    this.#begin(call)
    return call.exchange.relayBody(chunk)
  }

  streamEnd(call: FunctionCall, fault: FunctionFault | undefined): void {
    const { exchange } = call
    if (fault !== undefined && !exchange.headSent) return this.fault(call, fault)
    if (fault !== undefined)
      return exchange.fail(new ExchangeError('function_failed', fault.errorType))
    this.#begin(call)
    exchange.relayEnd(undefined)
  }

  #begin(call: FunctionCall): void {
    const contentType = this.#pending.get(call)
    if (contentType === undefined) return
    this.#pending.delete(call)
    call.beginStream(200, invokeHeaders(call, contentType))
  }

  #answer(call: FunctionCall, body: Buffer, functionError: string | undefined): void {
    const headers = invokeHeaders(call, 'application/json')
    if (functionError !== undefined) headers.append(functionErrorHeader, functionError)
    if (!wantsLog(call.exchange)) return call.answer(200, headers, body)
    // What the function wrote may still be in the pipe while its answer has come already.
    setImmediate(() => {
      headers.append(logResultHeader, renderLog(call, this.#now()).toString('base64'))
      call.answer(200, headers, body)
    })
  }
}

/** The same with `InvokeWithResponseStream`: all that the function returns comes in frames, its end too. */
export class InvokeStreamFormat extends InvokeFormat {
  override result(call: FunctionCall, result: Buffer): void {
    this.streamHead(call)
    call.exchange.relayBody(payloadFrame(result))
    this.streamEnd(call, undefined)
  }

  override fault(call: FunctionCall, fault: FunctionFault): void {
    if (!isFunctionsOwn(fault)) return super.fault(call, fault)
    this.streamHead(call)
    this.streamEnd(call, fault)
  }

  override streamHead(call: FunctionCall): void {
    call.beginStream(200, invokeHeaders(call, eventStreamType))
  }

  override streamChunk(call: FunctionCall, chunk: Buffer): boolean {
    return call.exchange.relayBody(payloadFrame(chunk))
  }

  override streamEnd({ exchange }: FunctionCall, fault: FunctionFault | undefined): void {
    exchange.relayBody(completionFrame(fault))
    exchange.relayEnd(undefined)
  }
}

/** A function that fails has answered, as far as the API goes; what never reached one is an exception of the API. */
function isFunctionsOwn({ stage }: FunctionFault): boolean {
  return ['handler', 'init', 'exit', 'timeout', 'too-large'].includes(stage)
}

function checkJson(payload: Buffer): void {
  try {
    JSON.parse(payload.toString('utf8'))
  } catch (error) {
    throw new ExchangeError(
      'payload_not_json',
      `Could not parse request body into json: ${(error as Error).message}`,
    )
  }
}

function invokeHeaders(call: FunctionCall, contentType: string): HeaderList {
  const headers = HeaderList.of({ 'content-type': contentType })
  headers.append(requestIdHeader, call.id)
  headers.append(executedVersionHeader, call.spec.version)
  return headers
}

function wantsLog({ request }: Exchange): boolean {
  return request.headers.get(logTypeHeader)?.toLowerCase() === 'tail'
}

/** In the form that AWS Lambda gives it. */
function renderLog(call: FunctionCall, now: number): Buffer {
  const duration = call.durationMs(now).toFixed(2)
  const lines = [
    `START RequestId: ${call.id} Version: ${call.spec.version}`,
    (call.logTail?.toString() ?? '').replace(/\n$/, ''),
    `END RequestId: ${call.id}`,
    `REPORT RequestId: ${call.id}\tDuration: ${duration} ms`,
  ]
  return Buffer.from(`${lines.filter(line => line !== '').join('\n')}\n`).subarray(-4096)
}

import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import { GrowingBuffer } from '../../base/growing-buffer.ts'
import type { FunctionFault } from '../../functions/fault.ts'
import type {
  Invocation,
  InvocationReceiver,
  Invoked,
  Invoker,
} from '../../functions/invocation.ts'
import type { HttpParts } from '../../functions/cloud/backend.ts'
import { HeaderList } from '../../http/headers.ts'
import { unknownLength, type ResponseHead } from '../../http/message.ts'
import { maxPayloadBytes, type FunctionSpec } from '../../model/function/function.ts'
import type { ActiveTry, Exchange } from '../exchange/exchange.ts'

/** How events are made of requests, and answers of what functions return. */
export interface CallFormat {
  /** The request as it came, where it came by HTTP. */
  parts?(call: FunctionCall, body: Buffer): HttpParts
  /** The body's bytes are handed over. @throws ExchangeError when the request makes no event. */
  event(call: FunctionCall, body: Buffer): Buffer
  result(call: FunctionCall, result: Buffer, contentType: string): void
  fault(call: FunctionCall, fault: FunctionFault): void
  streamHead(call: FunctionCall, contentType: string): void
  /** @returns false: stop until downstream takes bytes again. */
  streamChunk(call: FunctionCall, chunk: Buffer): boolean
  streamEnd(call: FunctionCall, fault: FunctionFault | undefined): void
}

interface FunctionCallOptions {
  readonly format: CallFormat
  readonly describe: (call: FunctionCall, payload: Buffer) => Invocation
  readonly gathering: Gathering
  readonly spec: FunctionSpec
  readonly keepsParts: boolean
}

/** One exchange that a function answers: gathers the request, hands it to the host, and relays the outcome. */
export class FunctionCall implements ActiveTry, InvocationReceiver {
  readonly sending = true
  readonly endpointId: string
  readonly id: string
  readonly exchange: Exchange
  readonly spec: FunctionSpec
  /** Set before the invocation is described, where somebody may want it. */
  parts: HttpParts | undefined
  readonly #keepsParts: boolean
  readonly #invoker: Invoker
  readonly #format: CallFormat
  readonly #describe: FunctionCallOptions['describe']
  readonly #gathering: Gathering
  readonly #body = new GrowingBuffer()
  #invoked: Invoked | undefined
  #over = false

  constructor(exchange: Exchange, id: string, invoker: Invoker, options: FunctionCallOptions) {
    this.exchange = exchange
    this.id = id
    this.#invoker = invoker
    this.#format = options.format
    this.#describe = options.describe
    this.#gathering = options.gathering
    this.spec = options.spec
    this.#keepsParts = options.keepsParts
    this.endpointId = `function:${options.spec.name}:${options.spec.version}`
  }

  /** What the instance has written in this invocation. */
  get logTail(): Buffer | undefined {
    return this.#invoked?.logTail
  }

  /** ms from the start in an instance. */
  durationMs(now: number): number {
    return now - (this.#invoked?.execution?.startedAt ?? now)
  }

  start(): void {
    const { exchange } = this
    exchange.attempt = this
    exchange.attempts = 1
    // Nothing is sent twice: what comes is gathered here, after what came while the call was kept back.
    if (exchange.body?.full === true) exchange.stream.resume()
    exchange.body?.drainInto(this)
    if (exchange.request.expectContinue)
      exchange.relayInformational(answerHead(100, new HeaderList(), 0))
    if (exchange.requestEnded && !this.#over) this.#begin()
  }

  // The exchange's side

  write(chunk: Buffer): boolean {
    if (this.#over) return true
    if (this.#body.length + chunk.length > maxPayloadBytes) this.#refuseSize()
    else if (!this.#gathering.take(chunk.length))
      this.#refuse('function_throttled', 'too many requests are being read already')
    else this.#body.append(chunk)
    return true
  }

  endRequest(): void {
    if (!this.#over) this.#begin()
  }

  /** The function runs on, as everywhere; nobody hears of it. */
  cancel(): void {
    this.#over = true
    this.#forgetBody()
    this.#invoked?.cancel()
    this.#invoked?.execution?.resume()
  }

  resume(): void {
    this.#invoked?.execution?.resume()
  }

  timeOut(): void {
    this.cancel()
  }

  // The host's side

  onResult(result: Buffer, contentType: string): void {
    if (!this.#over) this.#format.result(this, result, contentType)
  }

  onFault(fault: FunctionFault): void {
    if (!this.#over) this.#format.fault(this, fault)
  }

  onStreamHead(contentType: string): void {
    if (!this.#over) this.#format.streamHead(this, contentType)
  }

  onStreamChunk(chunk: Buffer): boolean {
    return this.#over || this.#format.streamChunk(this, chunk)
  }

  onStreamEnd(fault: FunctionFault | undefined): void {
    if (!this.#over) this.#format.streamEnd(this, fault)
  }

  // For the formats

  /** The whole of an answer. */
  answer(status: number, headers: HeaderList, body: Buffer): void {
    const never = status === 204 || status === 304
    const bodyless = never || body.length === 0 || this.exchange.request.method === 'HEAD'
    this.exchange.relayHead(answerHead(status, headers, never ? 0 : body.length), bodyless)
    if (bodyless) return
    this.exchange.relayBody(body)
    this.exchange.relayEnd(undefined)
  }

  /** The head of an answer that comes in parts. What has no body ends with it. */
  beginStream(status: number, headers: HeaderList): void {
    const bodyless = status === 204 || status === 304 || this.exchange.request.method === 'HEAD'
    this.exchange.relayHead(answerHead(status, headers, bodyless ? 0 : unknownLength), bodyless)
  }

  fail(code: ErrorCode, message: string): void {
    this.exchange.fail(new ExchangeError(code, message))
  }

  #forgetBody(): void {
    this.#gathering.giveBack(this.#body.length)
    this.#body.clear()
  }

  #begin(): void {
    let payload: Buffer
    try {
      const body = this.#body.bytes
      if (this.#keepsParts) this.parts = this.#format.parts?.(this, Buffer.from(body))
      payload = this.#format.event(this, body)
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error
      return this.#refuse(error.code, error.message)
    }
    // Base64 makes more of them.
    if (payload.length > maxPayloadBytes) return this.#refuseSize()
    this.#forgetBody()
    this.#invoked = this.#invoker.invoke(this.#describe(this, payload))
  }

  #refuseSize(): void {
    this.#refuse('payload_too_large', `a function takes ${maxPayloadBytes} bytes at most`)
  }

  #refuse(code: ErrorCode, message: string): void {
    this.#over = true
    this.#forgetBody()
    this.fail(code, message)
  }
}

/** Bytes of requests that have not come in full, of all calls of a host together. */
export class Gathering {
  readonly #maxBytes: number
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @returns false when there is no room. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false
    this.#bytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes
  }
}

export function answerHead(status: number, headers: HeaderList, bodyLength: number): ResponseHead {
  return { status, reason: '', headers, version: '1.1', bodyLength }
}

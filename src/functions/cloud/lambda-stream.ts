import type { Readable } from 'node:stream'
import { maxStreamedBytes } from '../../model/function/function.ts'
import { BackendError, type BackendResult } from './backend.ts'
import { boundedStream } from './transport/bounded-body.ts'
import { transportError } from './transport/cloud-client.ts'
import type { Deadline } from './transport/deadline.ts'
import { EventFrameDecoder, type EventFrame } from './transport/event-frames.ts'

/** Media type of what InvokeWithResponseStream answers. */
export const streamType = 'application/vnd.amazon.eventstream'

const where = 'AWS Lambda'

/** The function failed: how, is known by the last event alone. */
class StreamedFunctionError extends BackendError {
  readonly errorType: string
  readonly details: string

  constructor(errorType: string, details: string) {
    super('function_failed', `the function failed: ${errorType}`)
    this.errorType = errorType
    this.details = details
  }
}

/**
 * The answer of InvokeWithResponseStream
 * (docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html): parts of the payload, and a last event
 * that says how it ended. Without that one it broke off.
 */
export class LambdaStream {
  readonly #payloads: AsyncGenerator<Buffer>
  readonly #deadline: Deadline

  constructor(body: Readable, deadline: Deadline) {
    this.#deadline = deadline
    this.#payloads = payloads(body)
  }

  /** When the first part is there. A function that fails before it has failed as any other. */
  async result(contentType = 'application/octet-stream'): Promise<BackendResult> {
    try {
      const first = await this.#payloads.next()
      const body = boundedStream(this.#rest(first), {
        maxBytes: maxStreamedBytes,
        where,
        // The generator may wait for bytes just then: it hears of it by the body's end.
        onClose: () => this.#deadline.cancel(),
      })
      return { kind: 'result', form: 'function', status: 200, headers: [], contentType, body }
    } catch (error) {
      this.#deadline.cancel()
      if (!(error instanceof StreamedFunctionError)) throw transportError(error, where)
      const { errorType, details } = error
      return { kind: 'function-error', document: Buffer.from(details), errorType }
    }
  }

  async *#rest(first: IteratorResult<Buffer>): AsyncGenerator<Buffer> {
    if (first.done === true) return
    yield first.value
    yield* this.#payloads
  }
}

async function* payloads(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const decoder = new EventFrameDecoder()
  let ended = false
  // Read to its end, or the connection could not be used again; what follows the last event is no answer.
  for await (const chunk of body) {
    if (ended) return
    for (const frame of decoder.push(chunk)) {
      ended ||= isEnd(frame)
      if (!ended) yield frame.payload
    }
  }
  if (ended) return
  decoder.end()
  throw new BackendError('reset', 'the stream of events ended before the function did')
}

/** @throws BackendError when it tells of a failure. */
function isEnd({ headers, payload }: EventFrame): boolean {
  const messageType = headers.get(':message-type')
  const eventType = headers.get(':event-type')
  if (messageType !== 'event')
    throw new BackendError('server_error', `the stream broke off: ${exceptionOf(headers)}`)
  if (eventType === 'PayloadChunk') return false
  if (eventType !== 'InvokeComplete') throw new BackendError('protocol', 'an event of unknown type')
  const { ErrorCode: code, ErrorDetails: details } = parse(payload)
  if (typeof code === 'string' && code !== '')
    throw new StreamedFunctionError(code, typeof details === 'string' ? details : '{}')
  return true
}

function exceptionOf(headers: ReadonlyMap<string, string>): string {
  const name = headers.get(':exception-type') ?? headers.get(':error-code') ?? 'no reason given'
  return name.slice(0, 100)
}

function parse(payload: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8') || '{}')
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Falls through to the error below.
  }
  throw new BackendError('protocol', 'the last event is no JSON')
}

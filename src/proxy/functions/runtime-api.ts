import type { ExchangeError } from '../../base/errors.ts'
import { GrowingBuffer } from '../../base/growing-buffer.ts'
import { createFault, reportedFault } from '../../functions/fault.ts'
import type { Execution, Invocation } from '../../functions/invocation.ts'
import type { RuntimePoll, RuntimeSession } from '../../functions/runtime/runtime-session.ts'
import { HeaderList } from '../../http/headers.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'
import { maxPayloadBytes, maxStreamedBytes } from '../../model/function/function.ts'

const base = '/2018-06-01/runtime'
const invocationPath = /^\/2018-06-01\/runtime\/invocation\/([^/]{1,128})\/(response|error)$/
const json = 'application/json'
const streamingMode = 'streaming'

/**
 * The AWS Lambda Runtime API, version 2018-06-01, towards one instance of a function
 * (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; statuses and error types as AWS's emulator has them).
 */
export class RuntimeApi {
  readonly #session: RuntimeSession

  constructor(session: RuntimeSession) {
    this.#session = session
  }

  readonly handle = (stream: ServerStream): void => {
    const { request } = stream
    stream.receiver = ignored
    // A client that asks first sends nothing before it is told to.
    if (request.expectContinue) stream.sendInformational(head(100, new HeaderList(), 0))
    const [path = ''] = request.path.split('?', 1)
    const [, id, what] = invocationPath.exec(path) ?? []
    if (request.method === 'GET' && path === `${base}/invocation/next`) return this.#next(stream)
    if (request.method !== 'POST') return answer(stream, notFound)
    if (id !== undefined && what === 'response') return this.#response(stream, id)
    if (id !== undefined) return this.#error(stream, id)
    if (path === `${base}/init/error`) return this.#initError(stream)
    answer(stream, notFound)
  }

  /** No answer until there is an event, however long that takes: runtimes end themselves on any other. */
  #next(stream: ServerStream): void {
    const poll: RuntimePoll = {
      answer: (invocation, deadline) => {
        const { payload } = invocation
        stream.sendHead(head(200, eventHeaders(invocation, deadline), payload.length), false)
        stream.write(payload)
        stream.end()
      },
    }
    stream.receiver = { ...ignored, onReset: () => this.#session.dropPoll(poll) }
    this.#session.poll(poll)
  }

  #response(stream: ServerStream, id: string): void {
    const execution = this.#session.execution(id)
    if (typeof execution === 'string') return answer(stream, refusals[execution])
    const { headers } = stream.request
    const contentType = headers.get('content-type') ?? json
    const mode = headers.get('lambda-runtime-function-response-mode')
    if (mode?.toLowerCase() === streamingMode) return this.#stream(stream, execution, contentType)
    gather(stream, {
      onWhole: result => {
        // Runtimes wait for this, and some hold the function's own event loop for it.
        answer(stream, accepted)
        execution.result(Buffer.from(result), contentType)
      },
      onTooLarge: () => {
        answer(stream, tooLarge)
        const message = `Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`
        execution.fault(createFault('too-large', 'Function.ResponseSizeTooLarge', message))
      },
      onBroken: () => execution.fault(truncated()),
    })
  }

  /** What the function writes goes on as it comes; how it ended stands in the trailers. */
  #stream(stream: ServerStream, execution: Execution, contentType: string): void {
    let bytes = 0
    stream.receiver = {
      onBody: chunk => {
        bytes += chunk.length
        if (bytes <= maxStreamedBytes) return execution.streamChunk(chunk)
        const message = `Response payload size exceeded maximum allowed payload size (${maxStreamedBytes} bytes).`
        execution.streamEnd(createFault('too-large', 'Function.ResponseSizeTooLarge', message))
      },
      onEnd: trailers => {
        answer(stream, accepted)
        const type = trailers?.get('lambda-runtime-function-error-type')
        const body = trailers?.get('lambda-runtime-function-error-body') ?? ''
        execution.streamEnd(
          type === undefined
            ? undefined
            : reportedFault('handler', Buffer.from(body, 'base64'), type),
        )
      },
      onReset: () => execution.streamEnd(truncated()),
      onWritable: () => {},
    }
    execution.streamHead(contentType, stream)
    if (stream.request.bodyLength === 0) stream.receiver.onEnd(undefined)
  }

  #error(stream: ServerStream, id: string): void {
    const execution = this.#session.execution(id)
    if (typeof execution === 'string') return answer(stream, refusals[execution])
    const type = stream.request.headers.get('lambda-runtime-function-error-type')
    gather(stream, {
      onWhole: document => {
        answer(stream, accepted)
        execution.fault(reportedFault('handler', Buffer.from(document), type))
      },
      onTooLarge: () => {
        answer(stream, tooLarge)
        execution.fault(
          createFault('handler', type ?? 'Function.Unknown', 'the error was too large'),
        )
      },
      onBroken: () => execution.fault(truncated()),
    })
  }

  #initError(stream: ServerStream): void {
    const type = stream.request.headers.get('lambda-runtime-function-error-type')
    gather(stream, {
      onWhole: document => {
        const first = !this.#session.ready && this.#session.initFault === undefined
        answer(stream, first ? accepted : refusals.answered)
        this.#session.failInit(reportedFault('init', Buffer.from(document), type))
      },
      onTooLarge: () => answer(stream, tooLarge),
      onBroken: () => {},
    })
  }
}

function truncated() {
  return createFault('exit', 'Runtime.TruncatedResponse', 'the runtime broke its answer off')
}

/** The client library that AWS's runtimes share crashes on an answer without a content type. */
function eventHeaders(invocation: Invocation, deadline: number): HeaderList {
  const { id, functionArn, traceId, clientContext } = invocation
  const headers = new HeaderList()
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) headers.append(name, value)
  }
  add('content-type', json)
  add('Lambda-Runtime-Aws-Request-Id', id)
  add('Lambda-Runtime-Deadline-Ms', String(deadline))
  add('Lambda-Runtime-Invoked-Function-Arn', functionArn)
  add('Lambda-Runtime-Trace-Id', traceId)
  add('Lambda-Runtime-Client-Context', clientContext)
  return headers
}

interface Gathering {
  /** The bytes are lent for the call. */
  readonly onWhole: (body: Buffer) => void
  readonly onTooLarge: () => void
  readonly onBroken: () => void
}

function gather(stream: ServerStream, { onWhole, onTooLarge, onBroken }: Gathering): void {
  const body = new GrowingBuffer()
  let over = false
  stream.receiver = {
    onBody: chunk => {
      if (over) return
      if (body.length + chunk.length <= maxPayloadBytes) return body.append(chunk)
      over = true
      body.clear()
    },
    // Answered when all has come: one that is still writing would not read it.
    onEnd: () => (over ? onTooLarge() : onWhole(body.bytes)),
    onReset: onBroken,
    onWritable: () => {},
  }
  if (stream.request.bodyLength === 0) onWhole(body.bytes)
}

interface ApiAnswer {
  readonly status: number
  readonly body: Buffer
}

function failure(status: number, errorType: string, errorMessage: string): ApiAnswer {
  return { status, body: Buffer.from(JSON.stringify({ errorMessage, errorType })) }
}

const accepted: ApiAnswer = { status: 202, body: Buffer.from('{"status":"OK"}\n') }
const notFound = failure(404, 'NotFound', 'the Runtime API 2018-06-01 has no such path')
const tooLarge = failure(
  413,
  'RequestEntityTooLarge',
  `Exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`,
)
const refusals = {
  unknown: failure(400, 'InvalidRequestID', 'Invalid request ID'),
  answered: failure(403, 'InvalidStateTransition', 'the invocation has its answer already'),
} as const

function head(status: number, headers: HeaderList, bodyLength: number) {
  return { status, reason: '', headers, version: '1.1' as const, bodyLength }
}

function answer(stream: ServerStream, { status, body }: ApiAnswer): void {
  stream.sendHead(head(status, HeaderList.of({ 'content-type': json }), body.length), false)
  stream.write(body)
  stream.end()
}

const ignored: RequestReceiver = {
  onBody: () => {},
  onEnd: () => {},
  onReset: (_error: ExchangeError) => {},
  onWritable: () => {},
}

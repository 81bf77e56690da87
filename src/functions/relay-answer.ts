import { finished, Readable } from 'node:stream'
import type { FunctionFault } from './fault.ts'
import type { Execution } from './invocation.ts'
import { httpPreludeType } from './payload/http-result.ts'

/** Between the head of a streamed answer and its body (docs.aws.amazon.com/lambda/latest/dg/response-streaming-tutorial.html). */
const preludeEnd = Buffer.alloc(8)

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case, without those of framing. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | Readable
}

interface RelayOptions {
  /** What a stream's error means for the invocation. */
  readonly faultOf: (error: Error) => FunctionFault
  /** Called once, when all is relayed or has broken off. */
  readonly onEnd?: (bytes: number, error: Error | undefined) => void
}

/** An answer by HTTP becomes what a function streams that says status and headers first. */
export function relayHttp(
  execution: Execution,
  { status, headers, body }: HttpAnswer,
  options: RelayOptions,
): void {
  const cookies = headers.filter(([name]) => name === 'set-cookie').map(([, value]) => value)
  const others = new Map<string, string>()
  for (const [name, value] of headers)
    if (name !== 'set-cookie')
      others.set(name, others.has(name) ? `${others.get(name)}, ${value}` : value)
  const head = { statusCode: status, headers: Object.fromEntries(others), cookies }
  const prelude = Buffer.concat([Buffer.from(JSON.stringify(head)), preludeEnd])
  const stream = body instanceof Readable ? body : Readable.from(body.length === 0 ? [] : [body])
  relayStream(execution, { contentType: httpPreludeType, first: prelude, body: stream }, options)
}

interface StreamedAnswer {
  readonly contentType: string
  readonly first?: Buffer
  readonly body: Readable
}

/** A stream becomes what the function streams, no faster than it is taken. */
export function relayStream(
  execution: Execution,
  { contentType, first, body }: StreamedAnswer,
  { faultOf, onEnd }: RelayOptions,
): void {
  let bytes = 0
  execution.streamHead(contentType, {
    pause: () => void body.pause(),
    resume: () => void body.resume(),
  })
  if (first !== undefined) execution.streamChunk(first)
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    execution.streamChunk(chunk)
  })
  // One that is destroyed without an error ends too.
  finished(body, { writable: false }, error => {
    execution.streamEnd(error ? faultOf(error) : undefined)
    onEnd?.(bytes, error ?? undefined)
  })
}

import { connect, createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Agent, request, type Dispatcher } from 'undici'
import { maxPayloadBytes, maxStreamedBytes } from '../../model/function/function.ts'
import type { HttpParts } from '../cloud/backend.ts'
import { createFault, type FunctionFault } from '../fault.ts'
import type { AssignedServer, Execution, Invocation } from '../invocation.ts'
import { hopByHop } from '../payload/hop-by-hop.ts'
import { relayHttp } from '../relay-answer.ts'
import type { RuntimeEndpoint } from './instance.ts'
import type { RuntimeSession } from './runtime-session.ts'

const host = '127.0.0.1'
/** Between attempts to connect: a server says to nobody that it listens. Doubled up to the second. */
const firstLookMs = 2
const longestLookMs = 50

export interface HttpRuntimeOptions {
  /** Where the program listens. Absent: on a free port. */
  readonly port: number | undefined
  /** Invocations at once. */
  readonly concurrency: number
}

/**
 * Stands for the runtime where a function is a server of HTTP, as functions-framework and Cloud Run's containers are:
 * once the program takes connections it asks the session for events in its name. What came by HTTP is led to the
 * program as it is; other events are posted to `/`.
 */
export class HttpRuntime implements RuntimeEndpoint {
  readonly port: number
  readonly #session: RuntimeSession
  readonly #agent = new Agent({ connections: null, pipelining: 1 })
  readonly #ended = new AbortController()

  /** Opens the way to a program that is about to start. */
  static async open(
    session: RuntimeSession,
    { port, concurrency }: HttpRuntimeOptions,
  ): Promise<HttpRuntime> {
    const runtime = new HttpRuntime(session, port ?? (await freePort()))
    void runtime.#begin(concurrency)
    return runtime
  }

  private constructor(session: RuntimeSession, port: number) {
    this.#session = session
    this.port = port
  }

  close(): void {
    this.#ended.abort()
    void this.#agent.destroy()
  }

  async #begin(concurrency: number): Promise<void> {
    await this.#connectable()
    for (let i = 0; i < concurrency; i++) this.#poll()
  }

  #connectable(): Promise<boolean> {
    return takesConnections(this.port, this.#ended.signal)
  }

  #poll(): void {
    if (!this.#ended.signal.aborted)
      this.#session.poll({ answer: invocation => this.#take(invocation) })
  }

  #take(invocation: Invocation): void {
    const execution = this.#session.execution(invocation.id)
    if (typeof execution === 'string') return
    const { receiver } = invocation
    if (receiver.onServer === undefined) {
      void this.#post(invocation, execution)
      return
    }
    const server: AssignedServer = {
      host,
      port: this.port,
      done: brokeOff => {
        execution.result(Buffer.alloc(0), '')
        if (brokeOff) void this.#pollLater()
        else this.#poll()
      },
    }
    receiver.onServer(server)
  }

  /** A program that is about to end would fail the next request too, before we hear of its end. */
  async #pollLater(): Promise<void> {
    await this.#connectable()
    this.#poll()
  }

  /** An answer of 2xx is the result; any other is the function's failure. */
  async #post(invocation: Invocation, execution: Execution): Promise<void> {
    const { payload, contentType = 'application/json', http } = invocation
    try {
      const answer = await request(`http://${host}:${this.port}${target(http)}`, {
        ...(http === undefined
          ? { method: 'POST', body: payload, headers: { 'content-type': contentType } }
          : partsOf(http)),
        dispatcher: this.#agent,
        signal: this.#ended.signal,
        // The session's own limit ends the program.
        headersTimeout: 0,
        bodyTimeout: 0,
      })
      if (http === undefined) await takeAnswer(answer, execution)
      else await relayAnswer(answer, execution)
    } catch (error) {
      execution.fault(brokenOff(error as Error))
      return this.#pollLater()
    }
    this.#poll()
  }
}

function target(http: HttpParts | undefined): string {
  if (http === undefined) return '/'
  return http.query === '' ? http.path : `${http.path}?${http.query}`
}

function partsOf({ method, headers, body }: HttpParts) {
  const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, value] of headers) if (!hopByHop.has(name)) (fields[name] ??= []).push(value)
  return {
    method: method as Dispatcher.HttpMethod,
    headers: fields,
    body: body.length > 0 ? body : null,
  }
}

/** As the program answers it, for a caller by HTTP. */
function relayAnswer(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  execution: Execution,
): Promise<void> {
  const fields = Object.entries(headers).flatMap(([name, value = []]) =>
    hopByHop.has(name) ? [] : [value].flat().map(one => [name, one] as const),
  )
  return new Promise((resolve, reject) =>
    relayHttp(
      execution,
      { status, headers: fields, body },
      {
        faultOf: brokenOff,
        onEnd: (_, error) => (error === undefined ? resolve() : reject(error)),
      },
    ),
  )
}

function brokenOff(error: Error): FunctionFault {
  const message = `the program broke off: ${error.message}`
  return createFault('exit', 'Runtime.TruncatedResponse', message)
}

async function takeAnswer(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  execution: Execution,
): Promise<void> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    // Read to the end, so that the connection serves the next one; but not for ever.
    if (bytes <= maxPayloadBytes) chunks.push(chunk)
    else if (bytes > maxStreamedBytes) break
  }
  const answer = Buffer.concat(chunks)
  if (bytes > maxPayloadBytes) {
    const message = `Response payload size exceeded maximum allowed payload size (${maxPayloadBytes} bytes).`
    return execution.fault(createFault('too-large', 'Function.ResponseSizeTooLarge', message))
  }
  if (statusCode >= 200 && statusCode < 300)
    return execution.result(answer, String(headers['content-type'] ?? 'application/octet-stream'))
  const message = `the function answered ${statusCode}: ${answer.toString('utf8', 0, 1000)}`
  execution.fault(createFault('handler', 'Function.BadStatus', message))
}

/** Another program can take it until ours does; then ours ends, and the next start finds another. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** @returns false when `signal` came first. */
async function takesConnections(port: number, signal: AbortSignal): Promise<boolean> {
  for (let lookMs = firstLookMs; !signal.aborted; lookMs = Math.min(lookMs * 2, longestLookMs)) {
    if (await connects(port)) return !signal.aborted
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
  return false
}

function connects(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

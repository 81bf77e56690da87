// What the three services share: a JSON server that ends cleanly, and calls that keep the trace together.
import { createServer, type IncomingHttpHeaders } from 'node:http'

export interface Call {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

export interface Answer {
  readonly status: number
  readonly body: object
}

/** Headers that tie the hops of one request together; the sidecar makes them, the application passes them on. */
const passedOn = ['x-request-id', 'traceparent', 'tracestate', 'baggage'] as const

/** Longer than any request of the shop, shorter than an orchestrator's patience. */
const shutdownMs = 5000

/** Serves on `$PORT` until SIGTERM or SIGINT; requests in flight are finished first. */
export function serve(name: string, answer: (call: Call) => Answer | Promise<Answer>): void {
  let ending = false

  async function respond(call: Call): Promise<Answer> {
    if (call.path !== '/healthz') return answer(call)
    return ending
      ? { status: 503, body: { service: name, status: 'ending' } }
      : { status: 200, body: { service: name, status: 'ok' } }
  }

  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request
    respond({ method, path, headers })
      .catch((error: unknown) => failure(name, error))
      .then(({ status, body }) => {
        const lastAnswer = ending && { connection: 'close' }
        response.writeHead(status, { 'content-type': 'application/json', ...lastAnswer })
        response.end(`${JSON.stringify(body)}\n`)
      })
  })

  function end(): void {
    if (ending) return
    ending = true
    server.close()
    setTimeout(() => server.closeAllConnections(), shutdownMs).unref()
  }

  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1')
}

/** Asks another service of the shop; anything but a 2xx is an error that names it. */
export async function ask(url: string, caller: IncomingHttpHeaders): Promise<object> {
  const headers: Record<string, string> = {}
  for (const name of passedOn) {
    const value = caller[name]
    if (typeof value === 'string') headers[name] = value
  }
  const response = await fetch(url, { headers })
  if (!response.ok) {
    const reason = response.headers.get('x-weft-reason') ?? response.statusText
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status} (${reason})`)
  }
  return (await response.json()) as object
}

/** The address of another service, from the environment. */
export function addressOf(variable: string): string {
  const url = process.env[variable]
  if (url === undefined) throw new Error(`${variable} is not set`)
  return url
}

function failure(service: string, error: unknown): Answer {
  const { message, cause } = error as Error
  const detail = cause instanceof Error ? `${message}: ${cause.message}` : message
  return { status: 502, body: { service, error: detail } }
}

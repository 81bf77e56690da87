// Requests on a real socket, what a handler that would forward them sees of them, and the answers that the sidecar
// itself writes.
import type { Test } from 'tap'
import { renderLocalReply } from '../../src/proxy/local-reply.ts'
import { answer, serve, type Seen, type Serving } from '../unit/http/http1/serving.ts'
import { Wire } from '../unit/http/http1/wire.ts'

/** Answers each request with its path and its body once all of it has come. */
export function startServer(options: Serving = {}) {
  return serve({ onComplete: answerWithRequest, renderError: renderLocalReply, ...options })
}

export function answerWithRequest({ stream, body }: Seen): void {
  answer(stream, `<${stream.request.path} ${body}>`)
}

/** The connection ends within a message, which gets 400. @returns the server with what it saw. */
export async function endWithin(t: Test, bytes: string) {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send(bytes)
  client.socket.end()
  await client.all()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'])
  t.equal(client.ending, 'fin')
  return server
}

/** The application never gets to answer. */
export function nothing(): void {}

/** Must never reach the handler where it stands behind a fault. */
export const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n'

export const next = 'GET /next HTTP/1.1\r\nHost: orders\r\n\r\n'

export const te = 'Transfer-Encoding: chunked'

export const chunkedHead = `POST /orders HTTP/1.1\r\nHost: orders\r\n${te}\r\n\r\n`

/** Nothing may depend on how bytes are cut on their way. */
export const writings: Record<string, (client: Wire, bytes: string) => Promise<void>> = {
  'at once': async (client, bytes) => client.send(bytes),
  'one by one': async (client, bytes) => client.sendPieces(bytes.split('')),
}

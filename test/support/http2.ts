import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

const loopback = '127.0.0.1'

/** An application that speaks HTTP/2 with prior knowledge, on a port of its own. */
export async function startHttp2Application(
  t: Test,
  handler: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
): Promise<number> {
  const sessions = new Set<http2.ServerHttp2Session>()
  const server = http2.createServer()
  server.on('session', session => {
    sessions.add(session)
    session.on('error', () => session.destroy())
    session.once('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.close())
    handler(stream, headers)
  })
  server.listen(0, loopback)
  await once(server, 'listening')
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A client's connection with prior knowledge. */
export function connectHttp2(t: Test, port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://${loopback}:${port}`)
  t.teardown(() => session.destroy())
  return session
}

export interface Http2Answer {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader
  readonly body: Buffer
  readonly trailers: http2.IncomingHttpHeaders | undefined
}

/** One request of a connection, and all of its answer. */
export async function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  let trailers: http2.IncomingHttpHeaders | undefined
  stream.once('trailers', (fields: http2.IncomingHttpHeaders) => (trailers = fields))
  const [answer] = (await once(stream, 'response')) as [Http2Answer['headers']]
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return { headers: answer, body: Buffer.concat(chunks), trailers }
}

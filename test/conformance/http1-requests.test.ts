// Table A of the fault list, as far as it is about requests: bytes on a real socket, whole and one by one, and the
// answer that the sidecar itself writes. http1-framing.test.ts and http1-server.test.ts ask the codec alone.
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ExchangeError, type ErrorCode } from '../../src/base/errors.ts'
import { HeaderList } from '../../src/http/headers.ts'
import { writeRequestHead, type OutgoingFraming } from '../../src/http/http1/head-writer.ts'
import { Http1ServerConnection } from '../../src/http/http1/server-connection.ts'
import { defaultLimits, type HttpLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
import type { RequestReceiver, ServerStream } from '../../src/http/stream.ts'
import { renderLocalReply } from '../../src/proxy/local-reply.ts'

// The server

/** A request that reached the handler, which would forward it. */
class Forwarded implements RequestReceiver {
  readonly stream: ServerStream
  body = ''
  complete: boolean
  trailers: HeaderList | undefined
  error: ErrorCode | undefined
  readonly #server: Server

  constructor(stream: ServerStream, server: Server) {
    this.stream = stream
    this.complete = stream.request.bodyLength === 0
    this.#server = server
  }

  /** What a client connection to the application would write for the head. */
  get upstreamHead(): string {
    const { bodyLength } = this.stream.request
    const framing: OutgoingFraming =
      bodyLength === unknownLength ? 'chunked' : bodyLength === 0 ? 'none' : 'length'
    return writeRequestHead(this.stream.request, framing)
  }

  onBody(chunk: Buffer): void {
    this.body += chunk.toString('latin1')
    this.#server.changes.emit('change')
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.complete = true
    this.trailers = trailers
    this.#server.onComplete(this)
    this.#server.changes.emit('change')
  }

  onReset(error: ExchangeError): void {
    this.error = error.code
    this.#server.changes.emit('change')
  }

  onWritable(): void {}
}

interface ServerOptions {
  /** Called with each head; the default waits for the body. */
  readonly onHead?: (request: Forwarded) => void
  /** Called with each complete request; the default answers with its path and its body. */
  readonly onComplete?: (request: Forwarded) => void
  readonly limits?: Partial<HttpLimits>
}

class Server implements AsyncDisposable {
  readonly requests: Forwarded[] = []
  readonly refused: ErrorCode[] = []
  readonly changes = new EventEmitter()
  readonly onComplete: (request: Forwarded) => void
  readonly #options: ServerOptions
  readonly #listener: net.Server
  readonly #sockets = new Set<net.Socket>()

  private constructor(options: ServerOptions) {
    this.#options = options
    this.onComplete = options.onComplete ?? answerWithRequest
    this.#listener = net.createServer({ noDelay: true, allowHalfOpen: true }, socket =>
      this.#accept(socket),
    )
  }

  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(options)
    server.#listener.listen(0, '127.0.0.1')
    await once(server.#listener, 'listening')
    return server
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  get paths(): string[] {
    return this.requests.map(({ stream }) => stream.request.path)
  }

  async eventually(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.changes, 'change')
  }

  /** The request of that index, once its head has come. */
  async request(index = 0): Promise<Forwarded> {
    await this.eventually(() => this.requests.length > index)
    return this.requests[index] as Forwarded
  }

  /** Every connection is gone: what did not happen until now will not. */
  async idle(): Promise<void> {
    await this.eventually(() => this.#sockets.size === 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#listener, 'close')
  }

  #accept(socket: net.Socket): void {
    this.#sockets.add(socket)
    new Http1ServerConnection(socket, {
      limits: { ...defaultLimits, ...this.#options.limits },
      info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
      onRequest: stream => this.#onRequest(stream),
      onRefused: error => this.refused.push(error.code),
      renderError: renderLocalReply,
      now: () => 0,
    })
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.changes.emit('change')
    })
  }

  #onRequest(stream: ServerStream): void {
    const request = new Forwarded(stream, this)
    stream.receiver = request
    this.requests.push(request)
    this.#options.onHead?.(request)
    if (request.complete) this.onComplete(request)
    this.changes.emit('change')
  }
}

function answerWith({ stream }: Forwarded, status: number, text: string): void {
  const headers = new HeaderList()
  const version = '1.1'
  stream.sendHead({ status, reason: '', headers, version, bodyLength: text.length }, false)
  stream.write(Buffer.from(text, 'latin1'))
  stream.end()
}

function answerWithRequest(request: Forwarded): void {
  answerWith(request, 200, `<${request.stream.request.path} ${request.body}>`)
}

/** The application never gets to answer. */
function nothing(): void {}

// The client

class Client implements AsyncDisposable {
  received = ''
  /** How the server ended the connection. */
  ending: 'fin' | 'reset' | undefined
  readonly #socket: net.Socket
  readonly #changes = new EventEmitter()

  private constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('data', chunk => {
      this.received += chunk.toString('latin1')
      this.#changes.emit('change')
    })
    socket.on('end', () => this.#onEnding('fin'))
    socket.on('error', () => this.#onEnding('reset'))
    socket.on('close', () => this.#onEnding('reset'))
  }

  static async connect({ port }: Server): Promise<Client> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    await once(socket, 'connect')
    return new Client(socket)
  }

  /** Status lines of all answers so far. */
  get statusLines(): string[] {
    return this.received.match(/HTTP\/1\.1 \d{3} [^\r]*/g) ?? []
  }

  write(bytes: string): void {
    this.#socket.write(bytes, 'latin1')
  }

  /** As far as a turn of the event loop separates two bytes for the reader; stops once the server ended. */
  async writeOneByOne(bytes: string): Promise<void> {
    for (let i = 0; i < bytes.length && this.ending === undefined; i++) {
      this.write(bytes.charAt(i))
      await setImmediate()
    }
  }

  /** FIN: nothing more is asked. */
  finish(): void {
    this.#socket.end()
  }

  /** Everything until `text` has come so many times, or until the end. */
  async until(text: string, times = 1): Promise<string> {
    while (this.received.split(text).length <= times && this.ending === undefined)
      await once(this.#changes, 'change')
    return this.received
  }

  async untilEnd(): Promise<string> {
    while (this.ending === undefined) await once(this.#changes, 'change')
    return this.received
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.closed) return
    this.#socket.destroy()
    await once(this.#socket, 'close')
  }

  #onEnding(ending: 'fin' | 'reset'): void {
    this.ending ??= ending
    this.#changes.emit('change')
  }
}

/** Must never reach the handler where it stands behind a fault. */
const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n'
const next = 'GET /next HTTP/1.1\r\nHost: orders\r\n\r\n'

const writings: Record<string, (client: Client, bytes: string) => Promise<void>> = {
  'at once': async (client, bytes) => client.write(bytes),
  'one by one': async (client, bytes) => client.writeOneByOne(bytes),
}

// Heads that are refused

const statusLines = {
  400: ['HTTP/1.1 400 Bad Request', 'bad_request'],
  417: ['HTTP/1.1 417 Expectation Failed', 'expectation_failed'],
  501: ['HTTP/1.1 501 Not Implemented', 'not_implemented'],
  505: ['HTTP/1.1 505 HTTP Version Not Supported', 'version_not_supported'],
} as const

interface Refusal {
  readonly status: keyof typeof statusLines
  readonly bytes: string
}

function head(status: Refusal['status'], ...lines: readonly string[]): Refusal {
  return { status, bytes: `${lines.join('\r\n')}\r\n\r\n` }
}

function post(status: Refusal['status'], ...fields: readonly string[]): Refusal {
  return head(status, 'POST /orders HTTP/1.1', 'Host: orders', ...fields)
}

function line(status: Refusal['status'], requestLine: string): Refusal {
  return head(status, requestLine, 'Host: orders')
}

const te = 'Transfer-Encoding: chunked'

const refusedHeads: Record<string, Refusal> = {
  'A1: Content-Length, then Transfer-Encoding': post(400, 'Content-Length: 4', te),
  'A1: Transfer-Encoding, then Content-Length': post(400, te, 'Content-Length: 4'),
  'A1: both, with a length of zero': post(400, 'Content-Length: 0', te),
  'A1: both, with other fields between': post(400, te, 'X-A: a', 'CONTENT-LENGTH: 4'),
  'A1: both, with a foreign coding': post(501, 'Content-Length: 4', 'Transfer-Encoding: gzip'),
  'A1: both, one of them named by Connection': post(
    400,
    'Connection: content-length, transfer-encoding',
    'Content-Length: 4',
    te,
  ),

  'A2: a comma before chunked': post(400, 'Transfer-Encoding: ,chunked'),
  'A2: a comma behind chunked': post(400, 'Transfer-Encoding: chunked,'),
  'A2: chunked,chunked': post(400, 'Transfer-Encoding: chunked,chunked'),
  'A2: chunked, identity': post(400, 'Transfer-Encoding: chunked, identity'),
  'A2: chunked, gzip': post(400, 'Transfer-Encoding: chunked, gzip'),
  'A2: an empty coding': post(400, 'Transfer-Encoding:'),
  'A2: a quoted coding': post(400, 'Transfer-Encoding: "chunked"'),
  'A2: a coding with a parameter': post(400, 'Transfer-Encoding: chunked;a=b'),
  'A2: a tab within the coding': post(400, 'Transfer-Encoding: chun\tked'),
  'A2: a vertical tab before chunked': post(400, 'Transfer-Encoding: \x0bchunked'),
  'A2: a vertical tab behind chunked': post(400, 'Transfer-Encoding: chunked\x0b'),
  'A2: NUL before chunked': post(400, 'Transfer-Encoding: \0chunked'),
  'A2: NUL behind chunked': post(400, 'Transfer-Encoding: chunked\0'),
  'A2: CR before chunked': post(400, 'Transfer-Encoding: \rchunked'),
  'A2: Transfer-Encoding behind a bare LF': post(400, `X-A: a\n${te}`),
  'A2: Transfer-Encoding behind a bare CR': post(400, `X-A: a\r${te}`),
  'A2: chunked on a folded line': post(400, 'Transfer-Encoding:', ' chunked'),
  'A2: a tab before the colon': post(400, 'Transfer-Encoding\t: chunked'),
  'A2: two lines alike': post(400, te, te),
  'A2: two lines, chunked first': post(400, te, 'Transfer-Encoding: identity'),
  'A2: xchunked': post(501, 'Transfer-Encoding: xchunked'),
  'A2: identity': post(501, 'Transfer-Encoding: identity'),
  'A2: identity, chunked': post(501, 'Transfer-Encoding: identity, chunked'),
  'A2: two lines, chunked last': post(501, 'Transfer-Encoding: identity', te),

  'A3: two lengths': post(400, 'Content-Length: 5', 'Content-Length: 6'),
  'A3: the same length twice': post(400, 'Content-Length: 5', 'content-length: 5'),
  'A3: the same length twice in one line': post(400, 'Content-Length: 5, 5'),
  'A3: two lengths in one line': post(400, 'Content-Length: 5,6'),
  'A3: a length of two words': post(400, 'Content-Length: 5 5'),
  'A3: +5': post(400, 'Content-Length: +5'),
  'A3: -1': post(400, 'Content-Length: -1'),
  'A3: -0': post(400, 'Content-Length: -0'),
  'A3: 0x5': post(400, 'Content-Length: 0x5'),
  'A3: 1_0': post(400, 'Content-Length: 1_0'),
  'A3: 5e0': post(400, 'Content-Length: 5e0'),
  'A3: 5.0': post(400, 'Content-Length: 5.0'),
  'A3: an empty length': post(400, 'Content-Length:'),
  'A3: a length of spaces': post(400, 'Content-Length: \t '),
  'A3: leading zeros': post(400, 'Content-Length: 005'),
  'A3: zeros only': post(400, 'Content-Length: 00'),
  'A3: digits beyond ASCII': post(400, 'Content-Length: \xef\xbc\x95'),
  'A3: 2 to the 64th and 5': post(400, 'Content-Length: 18446744073709551621'),

  'A5: an unknown expectation': post(417, 'Content-Length: 5', 'Expect: 200-ok'),
  'A5: an empty expectation': post(417, 'Content-Length: 5', 'Expect:'),
  'A5: a word before 100-continue': post(417, 'Content-Length: 5', 'Expect: y 100-continue'),
  'A5: 100-continue in a list': post(417, 'Content-Length: 5', 'Expect: 100-continue, x'),
  'A5: 100-continue twice': post(417, 'Expect: 100-continue', 'Expect: 100-continue'),
  'A5: a folded expectation': post(400, 'Content-Length: 5', 'Expect:', ' 100-continue'),
  'A5: NUL in an expectation': post(400, 'Content-Length: 5', 'Expect: 100-continue\0'),

  'A7: NUL in a value': post(400, 'X-A: a\0b'),
  'A7: CR in a value': post(400, 'X-A: a\rb'),
  'A7: LF in a value': post(400, 'X-A: a\nX-B: b'),
  'A7: an escape in a value': post(400, 'X-A: \x1b[2J'),
  'A7: DEL in a value': post(400, 'X-A: \x7f'),
  'A7: a value beyond ASCII': post(400, 'X-A: \xff'),
  'A7: a folded value': post(400, 'X-A: a', ' b'),
  'A7: a value folded with a tab': post(400, 'X-A: a', '\tb'),
  'A7: a folded request line': head(400, 'GET / HTTP/1.1', ' X-A: a', 'Host: orders'),
  'A7: an empty folded line': post(400, 'X-A: a', ' '),
  'A7: a space before the colon': post(400, 'X-A : a'),
  'A7: an empty name': post(400, ': a', 'Content-Length: 5'),
  'A7: a lonely colon': post(400, ':'),
  'A7: no colon': post(400, 'X-A'),
  'A7: a space in a name': post(400, 'X A: a'),
  'A7: a slash in a name': post(400, 'X/A: a'),
  'A7: a quote in a name': post(400, '"X-A": a'),
  'A7: NUL in a name': post(400, 'X\0A: a'),
  'A7: CR in a name': post(400, 'X\rA: a'),
  'A7: a name beyond ASCII': post(400, '\xe9: a'),
  'A7: only bare LF': { status: 400, bytes: 'GET / HTTP/1.1\nHost: orders\n\n' },
  'A7: NUL in the target': line(400, 'GET /\0 HTTP/1.1'),
  'A7: CR in the target': line(400, 'GET /\rX HTTP/1.1'),
  'A7: a target beyond ASCII': line(400, 'GET /\xe9 HTTP/1.1'),
  'A7: NUL in the method': line(400, 'G\0T / HTTP/1.1'),

  'A8: HTTP/0.9 without a version': { status: 400, bytes: 'GET /orders\r\n\r\n' },
  'A8: HTTP/0.9': line(505, 'GET / HTTP/0.9'),
  'A8: HTTP/1.2': line(505, 'GET / HTTP/1.2'),
  'A8: HTTP/2.0': line(505, 'GET / HTTP/2.0'),
  'A8: HTTP/3.0': line(505, 'GET / HTTP/3.0'),
  'A8: the preface of HTTP/2': { status: 505, bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  'A8: HTTP/2': line(400, 'GET / HTTP/2'),
  'A8: HTTP/1.10': line(400, 'GET / HTTP/1.10'),
  'A8: HTTP/01.1': line(400, 'GET / HTTP/01.1'),
  'A8: HTTP/+1.1': line(400, 'GET / HTTP/+1.1'),
  'A8: http/1.1': line(400, 'GET / http/1.1'),
  'A8: ICAP/1.1': line(400, 'GET / ICAP/1.1'),
  'A8: HTTP/1.0 with Transfer-Encoding': head(400, 'POST / HTTP/1.0', 'Host: orders', te),
  'A8: HTTP/1.0 with keep-alive and Transfer-Encoding': head(
    400,
    'POST / HTTP/1.0',
    'Host: orders',
    'Connection: keep-alive',
    te,
  ),
  'A8: a lower-case method': line(400, 'get / HTTP/1.1'),
  'A8: a method that begins in lower case': line(400, 'gET / HTTP/1.1'),
  'A8: a method in mixed case': line(400, 'Get / HTTP/1.1'),
  'A8: a method that is no token': line(400, 'G(T / HTTP/1.1'),
  'A8: no method': line(400, ' / HTTP/1.1'),
  'A8: two spaces behind the method': line(400, 'GET  / HTTP/1.1'),
  'A8: a tab behind the method': line(400, 'GET\t/ HTTP/1.1'),
  'A8: a space in the target': line(400, 'GET /a b HTTP/1.1'),
  'A8: a tab in the target': line(400, 'GET /a\tb HTTP/1.1'),
  'A8: a space behind the version': line(400, 'GET / HTTP/1.1 '),

  'A9: no Host': head(400, 'GET / HTTP/1.1', 'X-A: a'),
  'A9: two Hosts': head(400, 'GET / HTTP/1.1', 'Host: orders', 'Host: payments'),
  'A9: the same Host twice': head(400, 'GET / HTTP/1.1', 'Host: orders', 'HOST: orders'),
  'A9: two Hosts in one line': head(400, 'GET / HTTP/1.1', 'Host: orders, payments'),
  'A9: two Hosts of HTTP/1.0': head(400, 'GET / HTTP/1.0', 'Host: orders', 'Host: payments'),
  'A9: an empty Host': head(400, 'GET / HTTP/1.1', 'Host:'),
  'A9: a Host with a path': head(400, 'GET / HTTP/1.1', 'Host: orders/admin'),
  'A9: a Host with a query': head(400, 'GET / HTTP/1.1', 'Host: orders?a'),
  'A9: a Host with a fragment': head(400, 'GET / HTTP/1.1', 'Host: orders#a'),
  'A9: a Host with user information': head(400, 'GET / HTTP/1.1', 'Host: me@orders'),
  'A9: a Host with a password': head(400, 'GET / HTTP/1.1', 'Host: me:x@orders'),
  'A9: a Host with a scheme': head(400, 'GET / HTTP/1.1', 'Host: http://orders'),
  'A9: a Host with a space': head(400, 'GET / HTTP/1.1', 'Host: orders payments'),
  'A9: a Host with two ports': head(400, 'GET / HTTP/1.1', 'Host: orders:80:81'),
  'A9: a Host with a port that is no number': head(400, 'GET / HTTP/1.1', 'Host: orders:a'),
  'A9: an open bracket': head(400, 'GET / HTTP/1.1', 'Host: [::1'),
  'A9: authority-form for GET': head(400, 'GET orders:80 HTTP/1.1', 'Host: orders:80'),
  'A9: authority-form for POST': head(400, 'POST orders:80 HTTP/1.1', 'Host: orders:80'),
  'A9: CONNECT': head(501, 'CONNECT orders:80 HTTP/1.1', 'Host: orders:80'),
  'A9: CONNECT with a path': line(501, 'CONNECT / HTTP/1.1'),
  'A9: an asterisk for GET': line(400, 'GET * HTTP/1.1'),
  'A9: an asterisk with a path': line(400, 'OPTIONS */a HTTP/1.1'),
  'A9: a target without a slash': line(400, 'GET orders HTTP/1.1'),
  'A9: a target that begins with a query': line(400, 'GET ?a HTTP/1.1'),
  'A9: a target with a fragment': line(400, 'GET /#a HTTP/1.1'),
  'A9: absolute-form without Host': head(400, 'GET http://orders/ HTTP/1.1', 'X-A: a'),
  'A9: absolute-form with two Hosts': head(
    400,
    'GET http://orders/ HTTP/1.1',
    'Host: orders',
    'Host: payments',
  ),
  'A9: absolute-form with a malformed Host': head(400, 'GET http://orders/ HTTP/1.1', 'Host: a@b'),
  'A9: absolute-form with user information': line(400, 'GET http://me@orders/ HTTP/1.1'),
  'A9: absolute-form with a backslash': line(400, 'GET http://orders\\@payments/ HTTP/1.1'),
  'A9: absolute-form without an authority': line(400, 'GET http:///a HTTP/1.1'),
  'A9: absolute-form with one slash': line(400, 'GET http:/orders/ HTTP/1.1'),
  'A9: absolute-form of another scheme': line(400, 'GET file://orders/etc HTTP/1.1'),
}

for (const [name, { status, bytes }] of Object.entries(refusedHeads))
  t.test(`${name}: refused with ${status}, closed, and nothing is forwarded`, async t => {
    const [statusLine, code] = statusLines[status]
    for (const [how, write] of Object.entries(writings)) {
      await using server = await Server.start()
      await using client = await Client.connect(server)
      await write(client, `${bytes}${smuggled}`)
      const received = await client.untilEnd()
      client.finish()
      await server.idle()
      t.strictSame(client.statusLines, [statusLine], how)
      t.match(received, `\r\nx-weft-reason: ${code}\r\n`, how)
      t.match(received, '\r\nConnection: close\r\n', how)
      t.equal(client.ending, 'fin', how)
      t.strictSame(server.paths, [], how)
      t.strictSame(server.refused, [code], how)
    }
  })

t.test('A8: a head that ends with the connection gets 400', async t => {
  for (const bytes of ['GET /', 'GET /orders\r\n', 'GET / HTTP/1.1\r\nHost: orders\r\n']) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(bytes)
    client.finish()
    await client.untilEnd()
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, [])
  }
})

t.test('A7: a head of bare LF is refused at once, not waited for', async t => {
  for (const bytes of ['GET / HTTP/1.1\n', 'GET / HTTP/1.1\r\nHost: orders\n\n', '\n']) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(bytes)
    await client.untilEnd()
    t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, [])
  }
})

t.test('a refused HEAD gets its status without a body', async t => {
  await using server = await Server.start()
  await using client = await Client.connect(server)
  client.write('HEAD / HTTP/1.1\r\nHost: orders\r\nHost: payments\r\n\r\n')
  t.match(await client.untilEnd(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\n$/)
  t.strictSame(server.paths, [])
})

// Bodies that are refused: their head has gone to the handler, their end never does

const refusedBodies: Record<string, string> = {
  'A6: no size': '\r\nhello\r\n0\r\n\r\n',
  'A6: no size, and an empty line': '5\r\nhello\r\n\r\n\r\n',
  'A6: an extension without a size': ';a\r\n\r\n',
  'A6: a size that is no number': 'x\r\nhello\r\n0\r\n\r\n',
  'A6: a size and junk': '5x\r\nhello\r\n0\r\n\r\n',
  'A6: +5': '+5\r\nhello\r\n0\r\n\r\n',
  'A6: -1': '-1\r\nhello\r\n0\r\n\r\n',
  'A6: 0x5': '0x5\r\nhello\r\n0\r\n\r\n',
  'A6: 0_5': '0_5\r\nhello\r\n0\r\n\r\n',
  'A6: a space before the size': ' 5\r\nhello\r\n0\r\n\r\n',
  'A6: a space behind the size': '5 \r\nhello\r\n0\r\n\r\n',
  'A6: a tab behind the size': '5\t;a\r\nhello\r\n0\r\n\r\n',
  'A6: a comma behind the size': '5,5\r\nhello\r\n0\r\n\r\n',
  'A6: NUL behind the size': '5\0\r\nhello\r\n0\r\n\r\n',
  'A6: a size beyond 64 bits': '10000000000000005\r\nhello\r\n0\r\n\r\n',
  'A6: a size of many zeros': `${'0'.repeat(100)}5\r\nhello\r\n0\r\n\r\n`,
  'A6: LF behind the size': '5\nhello\r\n0\r\n\r\n',
  'A6: CR behind the size': '5\rhello\r\n0\r\n\r\n',
  'A6: CR in an extension': '5;a\rb\r\nhello\r\n0\r\n\r\n',
  'A6: CR in a quoted extension': '5;a="\r\nhello"\r\nhello\r\n0\r\n\r\n',
  'A6: LF in an extension': '5;a\nhello\r\n0\r\n\r\n',
  'A6: LF in the extension of the last chunk': '5\r\nhello\r\n0;a\n\r\n',
  'A6: NUL in an extension': '5;a\0\r\nhello\r\n0\r\n\r\n',
  'A6: an extension beyond ASCII': '5;\xe9\r\nhello\r\n0\r\n\r\n',
  'A6: a huge extension': `5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
  'A6: more data than the size says': '5\r\nhello!\r\n0\r\n\r\n',
  'A6: less data than the size says': '6\r\nhello\r\n0\r\n\r\n',
  'A6: nothing between data and size': '5\r\nhello0\r\n\r\n',
  'A6: LF behind the data': '5\r\nhello\n0\r\n\r\n',
  'A6: CR behind the data': '5\r\nhello\r0\r\n\r\n',
  'A6: LF behind the last chunk': '5\r\nhello\r\n0\n\r\n',
  'A6: LF as the final line': '5\r\nhello\r\n0\r\n\n',
  'A6: CR as the final line': '5\r\nhello\r\n0\r\n\rX\r\n\r\n',
  'A6: no final line': '5\r\nhello\r\n0\r\n',
  'A12: a trailer without a colon': '0\r\nX-Sum\r\n\r\n',
  'A12: a trailer without a name': '0\r\n: 1\r\n\r\n',
  'A12: a trailer with a space before the colon': '0\r\nX-Sum : 1\r\n\r\n',
  'A12: a trailer with NUL': '0\r\nX-Sum: \0\r\n\r\n',
  'A12: a trailer behind LF': '0\r\nX-Sum: 1\nX-A: a\r\n\r\n',
  'A12: a folded trailer': '0\r\nX-Sum: 1\r\n 2\r\n\r\n',
  'A12: a trailer beyond ASCII': '0\r\nX-Sum: \xe9\r\n\r\n',
}

const chunkedHead = `POST /orders HTTP/1.1\r\nHost: orders\r\n${te}\r\n\r\n`

for (const [name, body] of Object.entries(refusedBodies))
  t.test(`${name}: refused with 400, closed, and the body never ends`, async t => {
    for (const [how, write] of Object.entries(writings)) {
      await using server = await Server.start()
      await using client = await Client.connect(server)
      await write(client, `${chunkedHead}${body}${smuggled}`)
      await client.untilEnd()
      client.finish()
      await server.idle()
      t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'], how)
      t.match(client.received, '\r\nConnection: close\r\n', how)
      t.equal(client.ending, 'fin', how)
      t.strictSame(server.paths, ['/orders'], how)
      t.equal(server.requests[0]?.complete, false, how)
      t.equal(server.requests[0]?.error, 'bad_request', how)
      t.notMatch(server.requests[0]?.body, 'smuggled', how)
    }
  })

t.test('A6: a body that ends with the connection gets 400 and never ends', async t => {
  for (const bytes of [
    `${chunkedHead}`,
    `${chunkedHead}5\r\nhel`,
    `${chunkedHead}5\r\nhello\r\n0\r\n`,
    `${chunkedHead}5\r\nhello\r\n0\r\nX-Sum: 1\r\n`,
    'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 6\r\n\r\nhello',
  ]) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(bytes)
    client.finish()
    await client.untilEnd()
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, ['/orders'])
    t.equal(server.requests[0]?.complete, false)
    t.equal(server.requests[0]?.error, 'bad_request')
  }
})

t.test('A6: a body that breaks under an answer cuts that answer off', async t => {
  const begin = ({ stream }: Forwarded): void => {
    const headers = new HeaderList()
    stream.sendHead(
      { status: 200, reason: '', headers, version: '1.1', bodyLength: unknownLength },
      false,
    )
    stream.write(Buffer.from('begun'))
  }
  await using server = await Server.start({ onHead: begin })
  await using client = await Client.connect(server)
  client.write(chunkedHead)
  await client.until('begun')
  client.write(`junk\r\n${smuggled}`)
  const received = await client.untilEnd()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 200 OK'])
  t.match(received, /begun\r\n$/)
  t.strictSame(server.paths, ['/orders'])
  t.equal(server.requests[0]?.error, 'bad_request')
})

// What is taken, and what of it goes upstream

t.test('A2: chunked in any case and with white space around is framed anew', async t => {
  for (const value of ['chunked', ' CHUNKED', '\tchunked', ' chunked \t ']) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write('POST /orders HTTP/1.1\r\nHost: orders\r\n')
    client.write(`TRANSFER-ENCODING:${value}\r\n\r\n5\r\nhello\r\n0\r\n\r\n${next}`)
    const received = await client.until('</next >')
    t.match(received, '</orders hello>')
    t.equal(client.ending, undefined)
    t.equal(
      server.requests[0]?.upstreamHead,
      'POST /orders HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
  }
})

t.test('A3: a length with white space around is written anew', async t => {
  for (const value of ['5', ' 5', '\t5 \t']) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write('POST /orders HTTP/1.1\r\nHost: orders\r\n')
    client.write(`CONTENT-LENGTH:${value}\r\n\r\nhello${next}`)
    const received = await client.until('</next >')
    t.match(received, '</orders hello>')
    t.equal(client.ending, undefined)
    t.equal(
      server.requests[0]?.upstreamHead,
      'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\n',
    )
  }
})

t.test('A4: the body of a GET is its body and not the next request', async t => {
  for (const [how, write] of Object.entries(writings)) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    const length = smuggled.length
    const request = `GET /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: ${length}\r\n\r\n`
    await write(client, `${request}${smuggled}${next}`)
    const received = await client.until('</next >')
    t.match(received, `</orders ${smuggled}>`, how)
    t.strictSame(server.paths, ['/orders', '/next'], how)
    t.equal(client.ending, undefined, how)
    t.match(server.requests[0]?.upstreamHead, `\r\nContent-Length: ${length}\r\n`, how)
  }
})

const early: Record<number, string> = {
  200: 'from a cache',
  302: 'as a redirect',
  403: 'as denied',
  429: 'as one too many',
}

for (const [status, how] of Object.entries(early))
  t.test(`A4: a body left unread by an answer ${how} is never a request`, async t => {
    const onHead = (request: Forwarded): void => {
      if (request.stream.request.path === '/orders') answerWith(request, Number(status), 'early')
    }
    for (const [fields, body] of [
      [`Content-Length: ${smuggled.length}`, smuggled],
      [te, `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`],
    ] as const)
      for (const write of Object.values(writings)) {
        await using server = await Server.start({ onHead })
        await using client = await Client.connect(server)
        client.write(`POST /orders HTTP/1.1\r\nHost: orders\r\n${fields}\r\n\r\n`)
        await client.until('early')
        await write(client, `${body}${next}`)
        await client.until('</next >')
        t.equal(client.statusLines.length, 2)
        t.equal(client.ending, undefined)
        t.strictSame(server.paths, ['/orders', '/next'])
        t.equal(server.requests[0]?.body, '')
      }
  })

t.test('A4: an unread body that is too long to be read away closes the connection', async t => {
  const body = smuggled.repeat(30)
  const answerEarly = (request: Forwarded): void => answerWith(request, 403, 'early')
  for (const [fields, bytes] of [
    [`Content-Length: ${body.length}`, body],
    [te, `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ] as const) {
    await using server = await Server.start({
      onHead: answerEarly,
      onComplete: nothing,
      limits: { maxDrainBytes: 1000 },
    })
    await using client = await Client.connect(server)
    client.write(`POST /orders HTTP/1.1\r\nHost: orders\r\n${fields}\r\n\r\n${bytes}${smuggled}`)
    t.match(await client.untilEnd(), /\r\n\r\nearly$/)
    client.finish()
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, ['/orders'])
  }
})

t.test('A4: a body announced as too long to be read away is not waited for', async t => {
  await using server = await Server.start({
    onHead: request => answerWith(request, 403, 'early'),
    limits: { maxDrainBytes: 1000 },
  })
  await using client = await Client.connect(server)
  client.write('POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 1001\r\n\r\n')
  t.match(await client.untilEnd(), '\r\nConnection: close\r\n')
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
})

t.test('A4: a request given up with its body unread closes the connection', async t => {
  await using server = await Server.start({
    onHead: ({ stream }) => stream.reset(new ExchangeError('denied', 'not you')),
    onComplete: nothing,
  })
  await using client = await Client.connect(server)
  client.write('POST /orders HTTP/1.1\r\nHost: orders\r\n')
  client.write(`Content-Length: ${smuggled.length}\r\n\r\n${smuggled}${smuggled}`)
  t.match(await client.untilEnd(), '\r\nConnection: close\r\n')
  client.finish()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
  t.strictSame(server.paths, ['/orders'])
})

const expecting =
  'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n'

t.test('A5: 100 comes from upstream alone, which is asked for it', async t => {
  await using server = await Server.start()
  await using client = await Client.connect(server)
  client.write(expecting)
  const { stream, upstreamHead } = await server.request()
  t.match(upstreamHead, '\r\nExpect: 100-continue\r\n')
  t.equal(upstreamHead.split(/expect:/i).length, 2)
  t.equal(client.received, '')
  stream.sendInformational({
    status: 100,
    reason: '',
    headers: new HeaderList(),
    version: '1.1',
    bodyLength: 0,
  })
  await client.until('\r\n\r\n')
  t.strictSame(client.statusLines, ['HTTP/1.1 100 Continue'])
  client.write(`hello${next}`)
  await client.until('</next >')
  t.strictSame(client.statusLines, ['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'])
  t.equal(client.ending, undefined)
})

t.test('A5: a final answer instead of 100 closes, for the body may or may not come', async t => {
  await using server = await Server.start({
    onHead: request => answerWith(request, 403, 'early'),
    onComplete: nothing,
  })
  await using client = await Client.connect(server)
  client.write(expecting)
  await client.until('early')
  client.write(smuggled)
  t.match(await client.untilEnd(), '\r\nConnection: close\r\n')
  client.finish()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
  t.strictSame(server.paths, ['/orders'])
})

t.test('A5: an expectation without a body goes no further', async t => {
  await using server = await Server.start()
  await using client = await Client.connect(server)
  client.write(`GET /orders HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n\r\n${next}`)
  await client.until('</next >')
  t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'])
  t.equal(server.requests[0]?.upstreamHead, 'GET /orders HTTP/1.1\r\nHost: orders\r\n\r\n')
})

t.test('A6: extensions within the limit go no further', async t => {
  await using server = await Server.start()
  await using client = await Client.connect(server)
  client.write(`${chunkedHead}5;a="b c";${'x'.repeat(1000)}\r\nhello\r\n0;last\r\n\r\n${next}`)
  t.match(await client.until('</next >'), '</orders hello>')
  t.equal(client.ending, undefined)
})

t.test('A8: an HTTP/1.0 request without a length has no body, whatever follows', async t => {
  for (const version of ['1.0', '1.1']) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(`POST /orders HTTP/${version}\r\nHost: orders\r\nConnection: keep-alive\r\n\r\n`)
    client.write('a body without a frame\r\n\r\n')
    client.finish()
    t.match(await client.untilEnd(), '</orders >')
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, ['/orders'])
  }
})

t.test('A8: HTTP/1.0 without keep-alive ends with its answer', async t => {
  await using server = await Server.start()
  await using client = await Client.connect(server)
  client.write(`GET /orders HTTP/1.0\r\nHost: orders\r\n\r\n${smuggled}`)
  t.match(await client.untilEnd(), '</orders >')
  client.finish()
  await server.idle()
  t.equal(client.ending, 'fin')
  t.strictSame(server.paths, ['/orders'])
})

const authorities: Record<string, readonly [requestLine: string, upstream: string]> = {
  'origin-form': ['GET /a HTTP/1.1', 'GET /a HTTP/1.1\r\nHost: orders'],
  'origin-form with two slashes': [
    'GET //payments/a HTTP/1.1',
    'GET //payments/a HTTP/1.1\r\nHost: orders',
  ],
  'absolute-form of another host': [
    'GET http://payments:81/a?b HTTP/1.1',
    'GET /a?b HTTP/1.1\r\nHost: payments:81',
  ],
  'absolute-form without a path': [
    'GET HTTP://PAYMENTS HTTP/1.1',
    'GET / HTTP/1.1\r\nHost: payments',
  ],
  'absolute-form of HTTP/1.0': [
    'GET http://payments/ HTTP/1.0',
    'GET / HTTP/1.1\r\nHost: payments',
  ],
  'asterisk-form': ['OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.1\r\nHost: orders'],
}

for (const [form, [requestLine, upstream]] of Object.entries(authorities))
  t.test(`A9: ${form} goes upstream with one authority`, async t => {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(`${requestLine}\r\nHost: Orders\r\nConnection: keep-alive\r\n\r\n${next}`)
    await client.until('</next >')
    t.equal(server.requests[0]?.upstreamHead, `${upstream}\r\n\r\n`)
    t.equal(client.ending, undefined)
  })

const garbage: Record<string, string> = {
  'no request': 'garbage\r\n\r\n',
  'bytes of TLS': '\x16\x03\x01\x02\0\x01\0\r\n\r\n',
  'a request with two lengths': refusedHeads['A3: two lengths']?.bytes ?? '',
  'a request with both framings':
    refusedHeads['A1: Content-Length, then Transfer-Encoding']?.bytes ?? '',
}

for (const [name, bytes] of Object.entries(garbage))
  t.test(`A10: ${name} behind two requests is refused after both were answered`, async t => {
    for (const [how, write] of Object.entries(writings)) {
      await using server = await Server.start({ onComplete: nothing })
      await using client = await Client.connect(server)
      const first = 'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello'
      await write(client, `${first}${next}${bytes}${smuggled}`)
      await server.eventually(() => server.requests[0]?.complete === true)
      t.equal(client.received, '', how)
      t.strictSame(server.paths, ['/orders'], how)
      answerWithRequest(await server.request())
      const second = await server.request(1)
      await client.until('</orders hello>')
      t.strictSame(client.statusLines, ['HTTP/1.1 200 OK'], how)
      answerWithRequest(second)
      const received = await client.untilEnd()
      client.finish()
      await server.idle()
      t.strictSame(
        client.statusLines,
        ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK', 'HTTP/1.1 400 Bad Request'],
        how,
      )
      t.match(received, /<\/orders hello>[^]*<\/next >[^]*\r\nConnection: close\r\n/, how)
      t.equal(client.ending, 'fin', how)
      t.strictSame(server.paths, ['/orders', '/next'], how)
    }
  })

t.test('A12: trailers that must not come late are dropped and change nothing', async t => {
  const forbidden = [
    `Content-Length: ${smuggled.length}`,
    te,
    'Host: payments',
    'Authorization: Bearer x',
    'Proxy-Authorization: x',
    'Cookie: a=b',
    'Connection: close',
    'Expect: 100-continue',
    'Content-Type: text/plain',
    'Trailer: X-Sum',
  ]
  for (const [how, write] of Object.entries(writings)) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    const trailers = `${forbidden.join('\r\n')}\r\nX-Sum: 1\r\nGrpc-Status: 0\r\n`
    await write(client, `${chunkedHead}5\r\nhello\r\n0\r\n${trailers}\r\n${next}`)
    await client.until('</next >')
    t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'], how)
    t.equal(client.ending, undefined, how)
    t.strictSame(server.paths, ['/orders', '/next'], how)
    const [request] = server.requests
    t.strictSame(request?.trailers?.names, ['x-sum', 'grpc-status'], how)
    t.equal(request?.stream.request.authority, 'orders', how)
    t.equal(request?.stream.request.headers.length, 0, how)
  }
})

t.test('A12: framing that trailers contradict or misuse is refused', async t => {
  for (const [trailers, status] of [
    [`${te}\r\n${te}\r\n`, 'HTTP/1.1 400 Bad Request'],
    ['Content-Length: 5\r\nContent-Length: 6\r\n', 'HTTP/1.1 400 Bad Request'],
    ['Host: a\r\nHost: b\r\n', 'HTTP/1.1 400 Bad Request'],
    ['Transfer-Encoding: gzip\r\n', 'HTTP/1.1 501 Not Implemented'],
  ] as const) {
    await using server = await Server.start()
    await using client = await Client.connect(server)
    client.write(`${chunkedHead}0\r\n${trailers}\r\n${smuggled}`)
    await client.untilEnd()
    client.finish()
    await server.idle()
    t.strictSame(client.statusLines, [status])
    t.strictSame(server.paths, ['/orders'])
    t.equal(server.requests[0]?.complete, false)
  }
})

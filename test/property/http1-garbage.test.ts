import assert from 'node:assert/strict'
import http from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import type { ExchangeError } from '../../src/base/errors.ts'
import { errorTable } from '../../src/base/errors.ts'
import { Http1ClientConnection } from '../../src/http/http1/client-connection.ts'
import { Http1ServerConnection } from '../../src/http/http1/server-connection.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { requestHead, responseHead } from '../support/requests.ts'
import { Answer } from '../unit/http/http1/calling.ts'
import { MemorySocket, cut } from '../unit/http/http1/memory-socket.ts'
import { Seen, answer } from '../unit/http/http1/serving.ts'
import { turn } from '../unit/http/http1/wire.ts'

const limits = { ...defaultLimits, maxHeadBytes: 2000, maxLineBytes: 500, maxHeaderCount: 20 }

const requestBits = [
  'GET / HTTP/1.1\r\nHost: orders\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello',
  'POST /b HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
  'HEAD /c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'GET /d HTTP/1.1\r\nHost: orders\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
]

const responseBits = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
]

const crumbs = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '5',
  'x',
  '\xff',
  'Content-Length: 5\r\n',
  'Content-Length: 6\r\n',
  'Transfer-Encoding: chunked\r\n',
  'transfer-encoding:\tchunked \r\n',
  'Connection: close\r\n',
  'HTTP/1.1',
]

/** Replaces up to `remove` bytes at a place, which is a share of the whole, by `put`. */
const edit = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.constantFrom(0, 0, 1, 2, 7),
  put: fc.oneof(fc.constantFrom(...crumbs), fc.constant('')),
})

function wire(bits: readonly string[]) {
  const almostValid = fc
    .tuple(
      fc.array(fc.constantFrom(...bits), { minLength: 1, maxLength: 5 }),
      fc.array(edit, { maxLength: 3 }),
    )
    .map(([parts, edits]) => {
      let text = parts.join('')
      for (const { at, remove, put } of edits) {
        const start = Math.floor(at * text.length)
        text = text.slice(0, start) + put + text.slice(start + remove)
      }
      return Buffer.from(text, 'latin1')
    })
  const noise = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  return fc.oneof({ weight: 6, arbitrary: almostValid }, { weight: 1, arbitrary: noise })
}

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 })

interface Taken {
  readonly method: string
  readonly body: string
}

/** What our server makes of `pieces`; each request is answered when it is complete. */
async function serveBytes(pieces: readonly Buffer[], ends: boolean) {
  const socket = new MemorySocket()
  const complete: Taken[] = []
  const refused: ExchangeError[] = []
  const connection = new Http1ServerConnection(socket.asSocket, {
    limits,
    info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
    now: () => 0,
    onRefused: error => refused.push(error),
    renderError: ({ code }) => ({
      head: responseHead(errorTable[code].status),
      body: Buffer.alloc(0),
    }),
    onRequest(stream) {
      const { request } = stream
      assert.match(request.path, /^(?:\/[\x21-\x7e]*|\*)$/)
      assert.match(request.authority, /^[\x21-\x7e]*$/)
      const seen = new Seen(stream)
      const finish = (): void => {
        complete.push({ method: request.method, body: seen.body })
        answer(stream, 'ok')
      }
      seen.onEnd = finish
      stream.receiver = seen
      if (request.bodyLength === 0) finish()
    },
  })
  for (const piece of pieces) socket.push(piece)
  if (ends) socket.push(null)
  await turn()
  await turn()
  const written = socket.written
  const over = socket.writableEnded
  connection.destroy()
  await turn()
  return { complete, refused, written, over }
}

t.test('whatever comes, the server answers in order and refuses once, at the end', async () => {
  await fc.assert(
    fc.asyncProperty(wire(requestBits), sizes, fc.boolean(), async (bytes, pieces, ends) => {
      const { complete, refused, written, over } = await serveBytes(cut(bytes, pieces), ends)
      const statuses = [...written.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)
      const failed = statuses.filter(status => status !== '200')
      assert.ok(failed.length <= 1)
      assert.equal(statuses.length, complete.length + failed.length)
      if (failed.length === 1) assert.equal(statuses.at(-1), failed[0])
      assert.ok(refused.length <= failed.length)
      if (failed.length === 1 || ends) assert.ok(over)
    }),
    { numRuns: 2000 },
  )
})

t.test('how the bytes are cut makes no difference to what is served', async () => {
  await fc.assert(
    fc.asyncProperty(wire(requestBits), sizes, async (bytes, pieces) => {
      const whole = await serveBytes([bytes], true)
      const parts = await serveBytes(cut(bytes, pieces), true)
      assert.deepEqual(parts.complete, whole.complete)
      assert.equal(parts.written, whole.written)
    }),
    { numRuns: 2000 },
  )
})

/** What Node's own server makes of the same bytes. */
async function serveByNode(bytes: Buffer): Promise<Taken[]> {
  const complete: Taken[] = []
  const server = http.createServer({ requireHostHeader: false }, (request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('error', () => {})
    request.on('end', () => {
      complete.push({ method: request.method ?? '', body })
      response.end('ok')
    })
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  server.on('checkContinue', (_request, response: http.ServerResponse) => response.end())
  const socket = new MemorySocket()
  socket.on('error', () => {})
  server.emit('connection', socket)
  socket.push(bytes)
  for (let i = 0; i < 12; i++) await turn()
  socket.destroy()
  return complete
}

t.test('two readers see the same requests: what is taken here, Node takes too', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(wire(requestBits), async bytes => {
      const ours = (await serveBytes([bytes], false)).complete
      const theirs = await serveByNode(bytes)
      const both = Math.min(ours.length, theirs.length)
      compared += both
      assert.deepEqual(ours.slice(0, both), theirs.slice(0, both))
    }),
    { numRuns: 2000 },
  )
  assert.ok(compared > 200, `${compared} requests were compared`)
})

t.test('whatever an upstream answers, the exchange ends at most once and well', async () => {
  const asked = fc.constantFrom(
    requestHead(),
    requestHead({ method: 'HEAD' }),
    requestHead({ upgrade: 'websocket' }),
  )
  await fc.assert(
    fc.asyncProperty(wire(responseBits), sizes, asked, async (bytes, pieces, request) => {
      const socket = new MemorySocket()
      const told: string[] = []
      const connection = new Http1ClientConnection(socket.asSocket, {
        limits,
        now: () => 0,
        idleMs: 1000,
        where: 'orders:80',
        events: {
          onCapacity: () => told.push('capacity'),
          onRetired: () => told.push('retired'),
          onClosed: () => told.push('closed'),
        },
      })
      const received = new Answer()
      let ends = 0
      received.onReset = error => {
        ends++
        assert.ok(errorTable[error.code].source === 'upstream')
        received.error = error
      }
      received.onHead = (_answered, end) => {
        if (end) ends++
      }
      received.onEnd = () => void ends++
      received.stream = connection.request(request, received, true)
      for (const piece of cut(bytes, pieces)) if (!socket.destroyed) connection.receive(piece)
      await turn()
      if (received.error !== undefined) assert.ok(socket.destroyed)
      if (told.includes('retired')) assert.equal(connection.capacity, 0)
      connection.destroy()
      await turn()
      assert.equal(ends, 1)
      assert.ok(told.filter(what => what === 'retired').length === 1)
      assert.equal(told.at(-1), 'closed')
    }),
    { numRuns: 2000 },
  )
})

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { HeaderList } from '../../src/http/headers.ts'
import { Http1ClientConnection } from '../../src/http/http1/client-connection.ts'
import { fieldName, fieldRole } from '../../src/http/http1/field-names.ts'
import { Http1ServerConnection } from '../../src/http/http1/server-connection.ts'
import { defaultLimits } from '../../src/http/limits.ts'
import { unknownLength } from '../../src/http/message.ts'
import type { ClientStream, ServerStream } from '../../src/http/stream.ts'
import { requestHead, responseHead } from '../support/requests.ts'
import { Answer } from '../unit/http/http1/calling.ts'
import { MemorySocket, cut } from '../unit/http/http1/memory-socket.ts'
import { Seen } from '../unit/http/http1/serving.ts'
import { turn } from '../unit/http/http1/wire.ts'

/** A client and a server whose bytes the test carries. */
function connected() {
  const near = new MemorySocket()
  const far = new MemorySocket()
  const requests: Seen[] = []
  const client = new Http1ClientConnection(near.asSocket, {
    limits: defaultLimits,
    now: () => 0,
    idleMs: 4000,
    where: 'orders:80',
    events: { onCapacity() {}, onRetired() {}, onClosed() {} },
  })
  const server = new Http1ServerConnection(far.asSocket, {
    limits: defaultLimits,
    info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
    now: () => 0,
    renderError: error => ({
      head: responseHead(400, { reason: error.code }),
      body: Buffer.alloc(0),
    }),
    onRequest(stream) {
      stream.receiver = new Seen(stream)
      requests.push(stream.receiver as Seen)
    },
  })
  return { near, far, client, server, requests }
}

const printable = (from: number, to: number) =>
  fc.integer({ min: from, max: to }).map(code => String.fromCharCode(code))

const name = fc
  .string({
    unit: fc.constantFrom(...Array.from("abcXYZ019-_.!#$%&'*+^`|~")),
    minLength: 1,
    maxLength: 12,
  })
  .filter(text => fieldName(text)?.role === fieldRole.plain)

const value = fc.string({ unit: printable(0x20, 0x7e), maxLength: 20 }).map(text => text.trim())

const fields = fc.array(fc.tuple(name, value), { maxLength: 8 }).map(pairs => {
  const list = new HeaderList()
  for (const [rawName, text] of pairs) list.append(rawName, text)
  return list
})

/** Trailers that may come late. */
const trailers = fields.map(list => {
  for (const forbidden of ['trailer', 'range', 'cookie']) list.delete(forbidden)
  return list.length === 0 ? undefined : list
})

const body = fc.record({
  chunks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 5 }),
  large: fc.nat({ max: 20_000 }),
  framing: fc.constantFrom('none', 'length', 'chunked'),
  trailers,
})

type Body = typeof body extends fc.Arbitrary<infer T> ? T : never

function bytesOf({ chunks, large, framing }: Body): Buffer {
  if (framing === 'none') return Buffer.alloc(0)
  return Buffer.concat([...chunks, Buffer.alloc(large, 'z')])
}

function lengthOf(sent: Body): number {
  return sent.framing === 'chunked' ? unknownLength : bytesOf(sent).length
}

function send(stream: ClientStream | ServerStream, sent: Body): void {
  for (const chunk of sent.chunks) stream.write(Buffer.from(chunk))
  stream.write(Buffer.alloc(sent.large, 'z'))
  stream.end(sent.trailers)
}

const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'M-SEARCH', 'HEAD'),
  path: fc.string({ unit: printable(0x21, 0x7e) }).map(text => `/${text.replaceAll('#', '')}`),
  authority: fc.constantFrom('orders', 'orders:80', '10.0.0.1', '[::1]:8080', 'a_b.c-d'),
  headers: fields,
  acceptsTrailers: fc.boolean(),
  body,
})

const response = fc.record({
  status: fc.constantFrom(200, 204, 304, 404, 500, 599),
  reason: fc.string({ unit: printable(0x20, 0x7e), maxLength: 10 }).map(text => text.trim()),
  headers: fields,
  body,
  informational: fc.boolean(),
})

function plain({ names, values, rawNames }: HeaderList) {
  return { names, values, rawNames: rawNames ?? names }
}

const sizes = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5000 })),
  {
    minLength: 1,
    maxLength: 10,
  },
)

const exchange = fc.record({ request, response, sizes })

type Sent = typeof exchange extends fc.Arbitrary<infer T> ? T : never
type Pair = ReturnType<typeof connected>

async function carry(pair: Pair, sizes: readonly number[], to: 'server' | 'client') {
  await turn()
  await turn()
  const from = to === 'server' ? pair.near : pair.far
  for (const piece of cut(from.takeWritten(), sizes))
    if (to === 'server') pair.far.push(piece)
    else pair.client.receive(piece)
  await turn()
}

async function ask(pair: Pair, { request: asked, sizes }: Sent): Promise<[Answer, Seen]> {
  const answer = new Answer()
  const head = requestHead({ ...asked, bodyLength: lengthOf(asked.body) })
  const end = asked.body.framing === 'none'
  answer.stream = pair.client.request(head, answer, end)
  if (!end) send(answer.stream, asked.body)
  await carry(pair, sizes, 'server')
  const seen = pair.requests.at(-1)
  if (seen === undefined) throw new Error(`no request: ${pair.far.written}`)
  return [answer, seen]
}

async function reply(pair: Pair, { response: sent, sizes }: Sent, { stream }: Seen): Promise<void> {
  const { status, reason, headers } = sent
  if (sent.informational) stream.sendInformational(responseHead(103, { headers }))
  const end = sent.body.framing === 'none'
  const bodyLength = lengthOf(sent.body)
  stream.sendHead(responseHead(status, { reason, headers, bodyLength }), end)
  if (!end) send(stream, sent.body)
  await carry(pair, sizes, 'client')
}

function checkRequest({ request: asked }: Sent, seen: Seen): void {
  const { request } = seen.stream
  assert.deepEqual(
    [request.method, request.path, request.authority, request.acceptsTrailers, request.version],
    [asked.method, asked.path, asked.authority, asked.acceptsTrailers, '1.1'],
  )
  assert.deepEqual(plain(request.headers), plain(asked.headers))
  assert.ok(seen.complete)
  assert.equal(seen.body, bytesOf(asked.body).toString('latin1'))
  const late = asked.body.framing === 'chunked' ? asked.body.trailers : undefined
  assert.deepEqual(seen.trailers && plain(seen.trailers), late && plain(late))
}

function checkResponse({ request: asked, response: sent }: Sent, answer: Answer): void {
  assert.equal(answer.error, undefined)
  assert.ok(answer.complete)
  assert.equal(answer.head?.status, sent.status)
  if (sent.reason !== '') assert.equal(answer.head?.reason, sent.reason)
  assert.deepEqual(answer.head && plain(answer.head.headers), plain(sent.headers))
  assert.equal(answer.informational.length, sent.informational ? 1 : 0)
  const bodyless = asked.method === 'HEAD' || sent.status === 204 || sent.status === 304
  assert.equal(answer.body, bodyless ? '' : bytesOf(sent.body).toString('latin1'))
  const framed = !bodyless && sent.body.framing === 'chunked' && asked.acceptsTrailers
  const late = framed ? sent.body.trailers : undefined
  assert.deepEqual(answer.trailers && plain(answer.trailers), late && plain(late))
}

t.test('messages arrive as they were sent, however the bytes are cut', async t => {
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 4 }), async exchanges => {
      const pair = connected()
      for (const [i, sent] of exchanges.entries()) {
        if (pair.client.capacity !== 1) throw new Error('the connection was given up')
        const [answer, seen] = await ask(pair, sent)
        assert.equal(pair.requests.length, i + 1)
        checkRequest(sent, seen)
        await reply(pair, sent, seen)
        checkResponse(sent, answer)
      }
      pair.near.destroy()
      pair.far.destroy()
    }),
    { numRuns: 500 },
  )
  t.pass()
})

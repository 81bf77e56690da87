// What a server owes its client beyond refusing and forwarding: answers in order, none that breaks out of its frame.
import t from 'tap'
import { HeaderList } from '../../src/http/headers.ts'
import { unknownLength } from '../../src/http/message.ts'
import { responseHead } from '../support/requests.ts'
import { answer, serve } from '../unit/http/http1/serving.ts'
import { Wire } from '../unit/http/http1/wire.ts'

const next = 'GET /next HTTP/1.1\r\nHost: orders\r\n\r\n'

function post(...fields: readonly string[]): string {
  return `POST /first HTTP/1.1\r\nHost: orders\r\n${fields.join('\r\n')}\r\n\r\n`
}

t.test('A4: a body that breaks its framing behind an early answer loses no byte of it', async t => {
  await using server = await serve({ handle: ({ stream }) => answer(stream, 'no', 403) })
  await using client = await Wire.connect(server.port)
  client.send(`${post('Transfer-Encoding: chunked')}junk\r\n\r\n${next}`)
  const received = await client.all()
  t.match(received, /^HTTP\/1\.1 403 [^]*\r\n\r\nno$/)
  t.strictSame(server.requests[0]?.told, [], 'the exchange was over')
  t.equal(client.ending, 'fin')
  t.equal(server.requests.length, 1)
})

t.test('A5: who did not wait for 100 keeps the connection', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(`${post('Content-Length: 5', 'Expect: 100-continue')}hello${next}`)
  const seen = await (await server.request()).until(({ complete }) => complete)
  answer(seen.stream, seen.body)
  t.notMatch(await client.untilHas('hello'), /Connection: close/)
  t.equal((await server.request(1)).stream.request.path, '/next')
})

t.test('A5: an expectation without a body, or of HTTP/1.0, is none', async t => {
  await using server = await serve({ handle: ({ stream }) => answer(stream, 'ok') })
  for (const request of [
    'GET / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n\r\n',
    'POST / HTTP/1.0\r\nHost: orders\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx',
  ]) {
    await using client = await Wire.connect(server.port)
    client.send(request)
    t.match(await client.untilHas('\r\n\r\nok'), /^HTTP\/1\.1 200/)
  }
  t.strictSame(
    server.requests.map(({ stream }) => stream.request.expectContinue),
    [false, false],
  )
})

t.test('A6: sizes in either case, leading zeros and extensions are no fault', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  const extension = 'a'.repeat(1024)
  client.send(post('Transfer-Encoding: chunked'))
  client.send(`000a;name="value"\r\n0123456789\r\nB;${extension.slice(1)}\r\nabcdefghijk\r\n`)
  client.send(`b;${extension.slice(1)}\r\nabcdefghijk\r\n00\r\n\r\n`)
  const seen = await (await server.request()).until(({ complete }) => complete)
  t.equal(seen.body, '0123456789abcdefghijkabcdefghijk')
})

t.test('A9: HTTP/1.0 may say no host', async t => {
  await using server = await serve({ handle: ({ stream }) => answer(stream, 'ok') })
  await using client = await Wire.connect(server.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  t.equal((await server.request()).stream.request.authority, '')
  t.match(await client.all(), /^HTTP\/1\.1 200/)
})

t.test('A10: requests sent at once are answered in order, one at a time', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  const paths = ['/0', '/1', '/2', '/3']
  client.send(paths.map(path => `GET ${path} HTTP/1.1\r\nHost: orders\r\n\r\n`).join(''))
  for (const [i, path] of paths.entries()) {
    const { stream } = await server.request(i)
    t.equal(server.requests.length, i + 1)
    t.equal(stream.request.path, path)
    answer(stream, path)
    await client.untilHas(`\r\n\r\n${path}`)
  }
})

t.test('A12: trailers of an answer go to who takes them, without framing of their own', async t => {
  await using server = await serve()
  for (const [field, expected] of [
    ['TE: trailers', '0\r\nGrpc-Status: 0\r\n\r\n'],
    ['Accept: */*', '0\r\n\r\n'],
  ] as const) {
    await using client = await Wire.connect(server.port)
    client.send(`GET / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n${field}\r\n\r\n`)
    const { stream } = await server.request(server.requests.length)
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.write(Buffer.from('hello'))
    const trailers = HeaderList.of({ 'Grpc-Status': '0', 'Content-Length': '5', Host: 'x' })
    stream.end(trailers)
    const received = await client.all()
    t.match(received, /^HTTP\/1\.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n/)
    t.equal(received.split('\r\n\r\n').slice(1).join('\r\n\r\n'), `5\r\nhello\r\n${expected}`)
  }
})

t.test('A1: framing that a handler put among the fields is not written', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(next)
  const { stream } = await server.request()
  const headers = HeaderList.of({ 'Content-Length': '2', 'transfer-encoding': 'chunked', a: 'b' })
  stream.sendHead(responseHead(200, { headers, bodyLength: 5 }), false)
  stream.write(Buffer.from('hello'))
  stream.end()
  t.equal(
    await client.untilHas('hello'),
    'HTTP/1.1 200 OK\r\na: b\r\nContent-Length: 5\r\n\r\nhello',
  )
})

const broken: Record<string, Record<string, string>> = {
  'CR LF in a value': { a: 'b\r\nSet-Cookie: c' },
  'LF in a value': { a: 'b\nc' },
  'NUL in a value': { a: 'b\0' },
  'beyond ASCII in a value': { a: '\xe9' },
  'CR LF in a name': { 'a\r\nb': 'c' },
  'a space in a name': { 'a b': 'c' },
  'an empty name': { '': 'c' },
}

for (const [name, fields] of Object.entries(broken))
  t.test(`A7: an answer with ${name} becomes 502`, async t => {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    client.send(next)
    const seen = await server.request()
    const headers = HeaderList.of(fields)
    seen.stream.sendHead(responseHead(200, { headers, bodyLength: 5 }), false)
    seen.stream.write(Buffer.from('hello'))
    seen.stream.end()
    await seen.until(({ error }) => error !== undefined)
    t.equal(seen.error?.code, 'upstream_protocol')
    const received = await client.all()
    t.match(received, /^HTTP\/1\.1 502 [^]*Connection: close\r\n\r\nupstream_protocol\n$/)
  })

t.test('A7: a reason phrase cannot break out of its line', async t => {
  await using server = await serve()
  await using client = await Wire.connect(server.port)
  client.send(next)
  const { stream } = await server.request()
  stream.sendHead(responseHead(200, { reason: 'OK\r\nX-A: b' }), true)
  t.match(await client.all(), /^HTTP\/1\.1 502 /)
})

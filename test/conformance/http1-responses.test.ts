// A11: what an upstream answers is refused where two readers could see its end at different places, and nothing
// it sent beyond an answer is ever taken for the next one.
import t from 'tap'
import { HeaderList } from '../../src/http/headers.ts'
import { unknownLength } from '../../src/http/message.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { call } from '../unit/http/http1/calling.ts'
import { turn } from '../unit/http/http1/wire.ts'

function ok(...fields: readonly string[]): string {
  return `HTTP/1.1 200 OK\r\n${fields.map(field => `${field}\r\n`).join('')}\r\n`
}

const poison = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

const malformed: Record<string, string> = {
  'CL and TE': ok('Content-Length: 5', 'Transfer-Encoding: chunked'),
  'TE and CL': ok('Transfer-Encoding: chunked', 'Content-Length: 5'),
  'two CL': ok('Content-Length: 5', 'Content-Length: 6'),
  'two CL alike': ok('Content-Length: 5', 'Content-Length: 5'),
  'CL 5, 5': ok('Content-Length: 5, 5'),
  'CL +5': ok('Content-Length: +5'),
  'empty CL': ok('Content-Length:'),
  'CL with a leading zero': ok('Content-Length: 05'),
  'TE that is not chunked': ok('Transfer-Encoding: xchunked'),
  'TE gzip, chunked': ok('Transfer-Encoding: gzip, chunked'),
  'TE chunked, chunked': ok('Transfer-Encoding: chunked, chunked'),
  'two TE': ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  'TE with a vertical tab': ok('Transfer-Encoding: \x0bchunked'),
  'bare LF behind the status line': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'bare LF behind a field': 'HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n\r\n',
  'bare LF only': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'bare CR in a value': ok('X-A: a\rb'),
  'NUL in a value': ok('X-A: a\0'),
  'beyond ASCII in a value': ok('X-A: \xe9'),
  'a folded line': ok('X-A: a', ' b'),
  'an empty name': ok(': a'),
  'a space before the colon': ok('X-A : a'),
  'no colon': ok('X-A'),
  'no HTTP': 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
  'HTTP/0.9': '<html>\r\n\r\n',
  'HTTP/2.0': 'HTTP/2.0 200 OK\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\n\r\n',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\n\r\n',
  'a status below 100': 'HTTP/1.1 099 OK\r\n\r\n',
  'a status with a sign': 'HTTP/1.1 +20 OK\r\n\r\n',
  'two spaces before the status': 'HTTP/1.1  200 OK\r\n\r\n',
  'a 101 that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
  'too long a head': ok(`X-A: ${'a'.repeat(9000)}`, `X-B: ${'b'.repeat(9000)}`),
  'too long a line': ok(`X-A: ${'a'.repeat(10_001)}`),
  'too long a status line': `HTTP/1.1 200 ${'a'.repeat(10_001)}`,
  'too many fields': ok(...Array.from({ length: 101 }, (_, i) => `X-${i}: a`)),
}

for (const [name, bytes] of Object.entries(malformed))
  t.test(`an answer with ${name} is a fault of upstream and costs the connection`, async t => {
    const limits = { maxHeadBytes: 16_000, maxLineBytes: 10_000 }
    await using client = await call({ limits })
    const answer = client.request()
    await client.peer.untilHas('\r\n\r\n')
    client.peer.send(bytes)
    client.peer.send(poison)
    await answer.over()
    t.equal(answer.error?.code, 'upstream_protocol')
    t.equal(answer.head, undefined)
    t.equal(client.connection.capacity, 0)
    await client.closed()
    t.strictSame(client.told, ['retired', 'closed'])
  })

const brokenBodies: Record<string, string> = {
  'no size': '\r\n',
  'a size that is none': 'x\r\n',
  'bare LF behind a size': '5\nhello\r\n0\r\n\r\n',
  'data longer than its size': '5\r\nhello!\r\n0\r\n\r\n',
  'an endless extension': `5;${'a'.repeat(2000)}`,
  'a trailer without a colon': '0\r\nX-Sum\r\n\r\n',
  'too many trailers': `0\r\n${'X-Sum: 1\r\n'.repeat(101)}\r\n`,
  'too long trailers': `0\r\n${`X-Sum: ${'1'.repeat(9000)}\r\n`.repeat(8)}`,
}

for (const [name, body] of Object.entries(brokenBodies))
  t.test(`a chunked answer with ${name} is broken off`, async t => {
    await using client = await call()
    const answer = client.request()
    await client.peer.untilHas('\r\n\r\n')
    client.peer.send(ok('Transfer-Encoding: chunked'))
    client.peer.send(body)
    await answer.over()
    t.equal(answer.head?.status, 200)
    t.equal(answer.error?.code, 'upstream_protocol')
    t.notOk(answer.complete)
    await client.closed()
    t.strictSame(client.told, ['retired', 'closed'])
  })

const complete: Record<string, { readonly method?: string; readonly bytes: string }> = {
  'a length': { bytes: `${ok('Content-Length: 5')}hello` },
  chunks: { bytes: `${ok('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n` },
  'no body': { bytes: ok('Content-Length: 0') },
  'status 204': { bytes: 'HTTP/1.1 204 No Content\r\n\r\n' },
  'status 304': { bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n' },
  'HEAD asked': { method: 'HEAD', bytes: ok('Content-Length: 5') },
  'HEAD asked, chunked': { method: 'HEAD', bytes: ok('Transfer-Encoding: chunked') },
}

for (const [name, { method = 'GET', bytes }] of Object.entries(complete)) {
  t.test(`bytes behind an answer with ${name} cost the connection, not the answer`, async t => {
    await using client = await call()
    const answer = client.request({ method })
    await client.peer.untilHas('\r\n\r\n')
    client.peer.send(`${bytes}${poison}`)
    await answer.over()
    t.ok(answer.complete)
    t.notMatch(answer.body, /poison/)
    t.equal(client.connection.capacity, 0)
    await client.closed()
    t.notOk(client.told.includes('capacity'))
  })

  t.test(`bytes that come after an answer with ${name} cost the idle connection`, async t => {
    await using client = await call()
    const answer = client.request({ method })
    await client.peer.untilHas('\r\n\r\n')
    client.peer.send(bytes)
    await answer.over()
    t.strictSame(client.told, ['capacity'])
    t.equal(client.connection.capacity, 1)
    client.peer.send(poison)
    await client.closed()
    t.equal(client.connection.capacity, 0)
    t.strictSame(client.told, ['capacity', 'retired', 'closed'])
  })

  t.test(`the next answer after one with ${name} is read from its first byte`, async t => {
    await using client = await call()
    for (const served of [0, 1]) {
      t.equal(client.connection.served, served)
      const answer = client.request({ method })
      await client.peer.untilHas('\r\n\r\n', served + 1)
      client.peer.send(bytes)
      await answer.over()
      t.ok(answer.complete)
      t.equal(answer.body, method === 'GET' && bytes.includes('hello') ? 'hello' : '')
    }
  })
}

t.test('an answer before the request is refused', async t => {
  await using client = await call()
  client.peer.send(poison)
  await client.closed()
  t.equal(client.connection.capacity, 0)
  t.strictSame(client.told, ['retired', 'closed'])
})

t.test('an early answer ends the exchange and the connection', async t => {
  await using client = await call()
  const answer = client.request({ method: 'POST', bodyLength: 10 }, false)
  answer.stream.write(Buffer.from('hello'))
  await client.peer.untilHas('hello')
  client.peer.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno')
  await answer.over()
  t.equal(answer.head?.status, 413)
  t.equal(answer.body, 'no')
  t.ok(answer.complete)
  t.equal(client.connection.capacity, 0)
  answer.stream.write(Buffer.from('world'))
  answer.stream.end()
  await client.closed()
  t.notOk(client.told.includes('capacity'))
  t.notMatch(await client.peer.all(), /world/)
})

const doubtful: Record<string, string> = {
  'Connection: close': `${ok('Content-Length: 5', 'Connection: close')}hello`,
  'Connection: Close, x': `${ok('Content-Length: 5', 'Connection: Close, x')}hello`,
  'HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.0 and chunks':
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  '204 and a length': 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
  '204 and chunks': 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
  'Keep-Alive: timeout=0': `${ok('Content-Length: 5', 'Keep-Alive: timeout=0')}hello`,
}

for (const [name, bytes] of Object.entries(doubtful))
  t.test(`an answer with ${name} is good, its connection not used again`, async t => {
    await using client = await call()
    const answer = client.request()
    await client.peer.untilHas('\r\n\r\n')
    client.peer.send(bytes)
    await answer.over()
    t.ok(answer.complete)
    t.equal(answer.body, bytes.includes('hello') ? 'hello' : '')
    t.equal(client.connection.capacity, 0)
    await client.closed()
    t.strictSame(client.told, ['retired', 'closed'])
  })

t.test('HTTP/1.0 that says keep-alive is kept', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send('HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello')
  await answer.over()
  t.equal(answer.head?.version, '1.0')
  t.strictSame(client.told, ['capacity'])
})

t.test('an answer without a length ends with its connection', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send(`${ok()}hello`)
  await answer.until(({ body }) => body === 'hello')
  t.equal(answer.head?.bodyLength, unknownLength)
  t.notOk(answer.complete)
  client.peer.socket.end()
  await answer.over()
  t.ok(answer.complete)
  await client.closed()
  t.strictSame(client.told, ['retired', 'closed'])
})

t.test('an answer without a length that a reset cuts off is not complete', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send(`${ok()}hello`)
  await answer.until(({ body }) => body === 'hello')
  client.peer.socket.resetAndDestroy()
  await answer.over()
  t.notOk(answer.complete)
  t.equal(answer.error?.code, 'upstream_closed')
})

t.test('1xx answers are told, and the final one is still to come', async t => {
  await using client = await call()
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n')
  await answer.until(({ informational }) => informational.length === 2)
  t.strictSame(
    answer.informational.map(({ status }) => status),
    [103, 100],
  )
  t.equal(answer.informational[0]?.headers.get('link'), '</a>')
  t.equal(answer.head, undefined)
  client.peer.send(`${ok('Content-Length: 5')}hello`)
  await answer.over()
  t.equal(answer.body, 'hello')
  t.strictSame(client.told, ['capacity'])
})

t.test('1xx answers without end are a fault of upstream', async t => {
  await using client = await call({ limits: { maxHeadBytes: 1000 } })
  const answer = client.request()
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100))
  await answer.over()
  t.equal(answer.error?.code, 'upstream_protocol')
  t.ok(answer.informational.length < 50)
})

t.test('A5: the expectation is passed on, and the 100 of upstream is told', async t => {
  await using client = await call()
  const answer = client.request({ method: 'POST', bodyLength: 5, expectContinue: true }, false)
  const request = await client.peer.untilHas('\r\n\r\n')
  t.match(request, /\r\nContent-Length: 5\r\nExpect: 100-continue\r\n/)
  client.peer.send('HTTP/1.1 100 Continue\r\n\r\n')
  await answer.until(({ informational }) => informational.length === 1)
  answer.stream.write(Buffer.from('hello'))
  answer.stream.end()
  await client.peer.untilHas('hello')
  client.peer.send(ok('Content-Length: 0'))
  await answer.over()
  t.strictSame(client.told, ['capacity'])
})

t.test('A5: a final answer in place of 100 leaves no connection with half a request', async t => {
  await using client = await call()
  const answer = client.request({ method: 'POST', bodyLength: 5, expectContinue: true }, false)
  await client.peer.untilHas('\r\n\r\n')
  client.peer.send('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n')
  await answer.over()
  t.equal(answer.head?.status, 417)
  await client.closed()
  t.strictSame(client.told, ['retired', 'closed'])
})

t.test('A12: trailers of an answer lose what must not come late', async t => {
  await using client = await call()
  const answer = client.request({ acceptsTrailers: true })
  t.match(await client.peer.untilHas('\r\n\r\n'), /\r\nConnection: TE\r\nTE: trailers\r\n/)
  client.peer.send(ok('Transfer-Encoding: chunked'))
  client.peer.send('0\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\nGrpc-Status: 0\r\n\r\n')
  await answer.over()
  t.strictSame(answer.trailers?.names, ['grpc-status'])
})

const outgoing: Record<string, Partial<RequestHead>> = {
  'CR LF in a value': { headers: HeaderList.of({ a: 'b\r\nX: y' }) },
  'NUL in a value': { headers: HeaderList.of({ a: '\0' }) },
  'a colon in a name': { headers: HeaderList.of({ 'a:b': 'c' }) },
  'a space in the path': { path: '/a b' },
  'CR LF in the path': { path: '/ HTTP/1.1\r\nX: y\r\n' },
  'no path': { path: '' },
  'beyond ASCII in the path': { path: '/\xe9' },
  'a space in the method': { method: 'GET /' },
  'no method': { method: '' },
  'CR LF in the authority': { authority: 'a\r\nX: y' },
}

for (const [name, changes] of Object.entries(outgoing))
  t.test(`A7: a request with ${name} is not sent, and the connection stays good`, async t => {
    await using client = await call()
    const refused = client.request(changes)
    t.equal(refused.error, undefined)
    t.equal(client.connection.capacity, 0)
    await refused.over()
    t.equal(refused.error?.code, 'bad_request')
    t.equal(client.connection.capacity, 1)
    t.strictSame(client.told, ['capacity'])
    const answer = client.request({ path: '/good' })
    t.match(await client.peer.untilHas('\r\n\r\n'), /^GET \/good HTTP\/1\.1\r\n/)
    client.peer.send(ok('Content-Length: 0'))
    await answer.over()
    t.ok(answer.complete)
  })

t.test('A1: framing among the fields of a request is not written', async t => {
  await using client = await call()
  const headers = HeaderList.of({
    'Content-Length': '9',
    'Transfer-Encoding': 'chunked',
    Host: 'payments',
    Connection: 'close',
    'X-A': 'b',
  })
  client.request({ headers, method: 'POST', bodyLength: 2 }, false).stream.write(Buffer.from('hi'))
  await turn()
  t.equal(
    await client.peer.untilHas('hi'),
    'POST / HTTP/1.1\r\nHost: orders\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi',
  )
})

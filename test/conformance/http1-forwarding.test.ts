// What is taken of a request, where it ends, and what of it goes upstream.
import t from 'tap'
import { ExchangeError } from '../../src/base/errors.ts'
import { responseHead } from '../support/requests.ts'
import { answer, type Seen } from '../unit/http/http1/serving.ts'
import { Wire } from '../unit/http/http1/wire.ts'
import {
  answerWithRequest,
  chunkedHead,
  next,
  nothing,
  smuggled,
  startServer,
  te,
  writings,
} from './http1-requests.ts'

interface Framing {
  readonly name: string
  readonly values: readonly string[]
  readonly body: string
  readonly anew: string
}

const framings: Record<string, Framing> = {
  'A2: chunked in any case and with white space around is framed anew': {
    name: 'TRANSFER-ENCODING',
    values: ['chunked', ' CHUNKED', '\tchunked', ' chunked \t '],
    body: '5\r\nhello\r\n0\r\n\r\n',
    anew: 'Transfer-Encoding: chunked',
  },
  'A3: a length with white space around is written anew': {
    name: 'CONTENT-LENGTH',
    values: ['5', ' 5', '\t5 \t'],
    body: 'hello',
    anew: 'Content-Length: 5',
  },
}

for (const [rule, { name, values, body, anew }] of Object.entries(framings))
  t.test(rule, async t => {
    for (const value of values) {
      await using server = await startServer()
      await using client = await Wire.connect(server.port)
      client.send('POST /orders HTTP/1.1\r\nHost: orders\r\n')
      client.send(`${name}:${value}\r\n\r\n${body}${next}`)
      const received = await client.untilHas('</next >')
      t.match(received, '</orders hello>')
      t.equal(client.ending, undefined)
      t.equal(
        server.requests[0]?.upstreamHead,
        `POST /orders HTTP/1.1\r\nHost: orders\r\n${anew}\r\n\r\n`,
      )
    }
  })

t.test('A4: the body of a GET is its body and not the next request', async t => {
  for (const [how, write] of Object.entries(writings)) {
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    const length = smuggled.length
    const request = `GET /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: ${length}\r\n\r\n`
    await write(client, `${request}${smuggled}${next}`)
    const received = await client.untilHas('</next >')
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
    const handle = (request: Seen): void => {
      if (request.stream.request.path === '/orders') answer(request.stream, 'early', Number(status))
    }
    for (const [fields, body] of [
      [`Content-Length: ${smuggled.length}`, smuggled],
      [te, `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`],
    ] as const)
      for (const write of Object.values(writings)) {
        await using server = await startServer({ handle })
        await using client = await Wire.connect(server.port)
        client.send(`POST /orders HTTP/1.1\r\nHost: orders\r\n${fields}\r\n\r\n`)
        await client.untilHas('early')
        await write(client, `${body}${next}`)
        await client.untilHas('</next >')
        t.equal(client.statusLines.length, 2)
        t.equal(client.ending, undefined)
        t.strictSame(server.paths, ['/orders', '/next'])
        t.equal(server.requests[0]?.body, '')
      }
  })

t.test('A4: an unread body that is too long to be read away closes the connection', async t => {
  const body = smuggled.repeat(30)
  const answerEarly = (request: Seen): void => answer(request.stream, 'early', 403)
  for (const [fields, bytes] of [
    [`Content-Length: ${body.length}`, body],
    [te, `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ] as const) {
    await using server = await startServer({
      handle: answerEarly,
      onComplete: nothing,
      limits: { maxDrainBytes: 1000 },
    })
    await using client = await Wire.connect(server.port)
    client.send(`POST /orders HTTP/1.1\r\nHost: orders\r\n${fields}\r\n\r\n${bytes}${smuggled}`)
    t.match(await client.all(), /\r\n\r\nearly$/)
    client.socket.end()
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, ['/orders'])
  }
})

t.test('A4: a body announced as too long to be read away is not waited for', async t => {
  await using server = await startServer({
    handle: request => answer(request.stream, 'early', 403),
    limits: { maxDrainBytes: 1000 },
  })
  await using client = await Wire.connect(server.port)
  client.send('POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 1001\r\n\r\n')
  t.match(await client.all(), '\r\nConnection: close\r\n')
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
})

t.test('A4: a request given up with its body unread closes the connection', async t => {
  await using server = await startServer({
    handle: ({ stream }) => stream.reset(new ExchangeError('denied', 'not you')),
    onComplete: nothing,
  })
  await using client = await Wire.connect(server.port)
  client.send('POST /orders HTTP/1.1\r\nHost: orders\r\n')
  client.send(`Content-Length: ${smuggled.length}\r\n\r\n${smuggled}${smuggled}`)
  t.match(await client.all(), '\r\nConnection: close\r\n')
  client.socket.end()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
  t.strictSame(server.paths, ['/orders'])
})

const expecting =
  'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n'

t.test('A5: 100 comes from upstream alone, which is asked for it', async t => {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send(expecting)
  const { stream, upstreamHead } = await server.request()
  t.match(upstreamHead, '\r\nExpect: 100-continue\r\n')
  t.equal(upstreamHead.split(/expect:/i).length, 2)
  t.equal(client.received, '')
  stream.sendInformational(responseHead(100))
  await client.untilHas('\r\n\r\n')
  t.strictSame(client.statusLines, ['HTTP/1.1 100 Continue'])
  client.send(`hello${next}`)
  await client.untilHas('</next >')
  t.strictSame(client.statusLines, ['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'])
  t.equal(client.ending, undefined)
})

t.test('A5: a final answer instead of 100 closes, for the body may or may not come', async t => {
  await using server = await startServer({
    handle: request => answer(request.stream, 'early', 403),
    onComplete: nothing,
  })
  await using client = await Wire.connect(server.port)
  client.send(expecting)
  await client.untilHas('early')
  client.send(smuggled)
  t.match(await client.all(), '\r\nConnection: close\r\n')
  client.socket.end()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 403 Forbidden'])
  t.equal(client.ending, 'fin')
  t.strictSame(server.paths, ['/orders'])
})

t.test('A5: an expectation without a body goes no further', async t => {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send(`GET /orders HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\n\r\n${next}`)
  await client.untilHas('</next >')
  t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'])
  t.equal(server.requests[0]?.upstreamHead, 'GET /orders HTTP/1.1\r\nHost: orders\r\n\r\n')
})

t.test('A6: extensions within the limit go no further', async t => {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send(`${chunkedHead}5;a="b c";${'x'.repeat(1000)}\r\nhello\r\n0;last\r\n\r\n${next}`)
  t.match(await client.untilHas('</next >'), '</orders hello>')
  t.equal(client.ending, undefined)
})

t.test('A8: an HTTP/1.0 request without a length has no body, whatever follows', async t => {
  for (const version of ['1.0', '1.1']) {
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    client.send(`POST /orders HTTP/${version}\r\nHost: orders\r\nConnection: keep-alive\r\n\r\n`)
    client.send('a body without a frame\r\n\r\n')
    client.socket.end()
    t.match(await client.all(), '</orders >')
    await server.idle()
    t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, ['/orders'])
  }
})

t.test('A8: HTTP/1.0 without keep-alive ends with its answer', async t => {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send(`GET /orders HTTP/1.0\r\nHost: orders\r\n\r\n${smuggled}`)
  t.match(await client.all(), '</orders >')
  client.socket.end()
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
  'absolute-form with a query only': [
    'GET http://payments?y HTTP/1.1',
    'GET /?y HTTP/1.1\r\nHost: payments',
  ],
  'absolute-form of an IPv6 address': [
    'GET http://[::1]:80/ HTTP/1.1',
    'GET / HTTP/1.1\r\nHost: [::1]:80',
  ],
  'absolute-form for OPTIONS': [
    'OPTIONS http://payments HTTP/1.1',
    'OPTIONS * HTTP/1.1\r\nHost: payments',
  ],
  'absolute-form of HTTP/1.0': [
    'GET http://payments/ HTTP/1.0',
    'GET / HTTP/1.1\r\nHost: payments',
  ],
  'asterisk-form': ['OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.1\r\nHost: orders'],
}

for (const [form, [requestLine, upstream]] of Object.entries(authorities))
  t.test(`A9: ${form} goes upstream with one authority`, async t => {
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    client.send(`${requestLine}\r\nHost: Orders\r\nConnection: keep-alive\r\n\r\n${next}`)
    await client.untilHas('</next >')
    t.equal(server.requests[0]?.upstreamHead, `${upstream}\r\n\r\n`)
    t.equal(client.ending, undefined)
  })

const garbage: Record<string, string> = {
  'no request': 'garbage\r\n\r\n',
  'bytes of TLS': '\x16\x03\x01\x02\0\x01\0\r\n\r\n',
  'a request with two lengths':
    'POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
  'a request with both framings': `POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 4\r\n${te}\r\n\r\n`,
}

for (const [name, bytes] of Object.entries(garbage))
  t.test(`A10: ${name} behind two requests is refused after both were answered`, async t => {
    for (const [how, write] of Object.entries(writings)) {
      await using server = await startServer({ onComplete: nothing })
      await using client = await Wire.connect(server.port)
      const first = 'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\nhello'
      await write(client, `${first}${next}${bytes}${smuggled}`)
      await (await server.request()).until(seen => seen.complete)
      t.equal(client.received, '', how)
      t.strictSame(server.paths, ['/orders'], how)
      answerWithRequest(await server.request())
      const second = await server.request(1)
      await client.untilHas('</orders hello>')
      t.strictSame(client.statusLines, ['HTTP/1.1 200 OK'], how)
      answerWithRequest(second)
      const received = await client.all()
      client.socket.end()
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
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    const trailers = `${forbidden.join('\r\n')}\r\nX-Sum: 1\r\nGrpc-Status: 0\r\n`
    await write(client, `${chunkedHead}5\r\nhello\r\n0\r\n${trailers}\r\n${next}`)
    await client.untilHas('</next >')
    t.strictSame(client.statusLines, ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'], how)
    t.equal(client.ending, undefined, how)
    t.strictSame(server.paths, ['/orders', '/next'], how)
    const [request] = server.requests
    t.strictSame(request?.trailers?.names, ['x-sum', 'grpc-status'], how)
    t.equal(request?.stream.request.authority, 'orders', how)
    t.equal(request?.stream.request.headers.length, 0, how)
  }
})

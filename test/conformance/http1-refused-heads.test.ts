// Heads that two readers could take for different ones are refused, and nothing of them reaches a handler.
import t from 'tap'
import { Wire } from '../unit/http/http1/wire.ts'
import { endWithin, smuggled, startServer, te, writings } from './http1-requests.ts'

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
  'A2: a form feed behind chunked': post(400, 'Transfer-Encoding: chunked\x0c'),
  'A2: a no-break space before chunked': post(400, 'Transfer-Encoding: \xa0chunked'),
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
  'A9: CONNECT without a port': head(400, 'CONNECT orders HTTP/1.1', 'Host: orders'),
  'A9: CONNECT with a body': head(
    400,
    'CONNECT orders:80 HTTP/1.1',
    'Host: orders',
    'Content-Length: 3',
  ),
  'A9: CONNECT with a path': line(400, 'CONNECT / HTTP/1.1'),
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
      await using server = await startServer()
      await using client = await Wire.connect(server.port)
      await write(client, `${bytes}${smuggled}`)
      const received = await client.all()
      client.socket.end()
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
    const server = await endWithin(t, bytes)
    t.strictSame(server.paths, [])
  }
})

t.test('A7: a head of bare LF is refused at once, not waited for', async t => {
  for (const bytes of ['GET / HTTP/1.1\n', 'GET / HTTP/1.1\r\nHost: orders\n\n', '\n']) {
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    client.send(bytes)
    await client.all()
    t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'])
    t.equal(client.ending, 'fin')
    t.strictSame(server.paths, [])
  }
})

t.test('a refused HEAD gets its status without a body', async t => {
  await using server = await startServer()
  await using client = await Wire.connect(server.port)
  client.send('HEAD / HTTP/1.1\r\nHost: orders\r\nHost: payments\r\n\r\n')
  t.match(await client.all(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\n$/)
  t.strictSame(server.paths, [])
})

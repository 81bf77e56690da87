// Requests that two readers could take for different ones are refused, and nothing of them reaches a handler.
import t from 'tap'
import { answer, serve } from '../unit/http/http1/serving.ts'
import { Wire } from '../unit/http/http1/wire.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: orders\r\n\r\n'

interface Refusal {
  readonly bytes: string
  readonly status: number
}

/** A request of these lines, refused with `status`. */
function lines(status: number, ...text: readonly string[]): Refusal {
  return { status, bytes: `${text.join('\r\n')}\r\n\r\n` }
}

/** A POST with these header lines. */
function post(status: number, ...fields: readonly string[]): Refusal {
  return lines(status, 'POST /orders HTTP/1.1', 'Host: orders', ...fields)
}

/** A GET with these header lines. */
function get(status: number, ...fields: readonly string[]): Refusal {
  return lines(status, 'GET /orders HTTP/1.1', 'Host: orders', ...fields)
}

function target(status: number, start: string, ...hosts: readonly string[]): Refusal {
  return lines(status, start, ...hosts)
}

const heads: Record<string, Refusal> = {
  'A1: CL.TE': post(400, 'Content-Length: 6', 'Transfer-Encoding: chunked'),
  'A1: TE.CL': post(400, 'Transfer-Encoding: chunked', 'Content-Length: 6'),
  'A1: CL.TE with CL 0': post(400, 'Content-Length: 0', 'Transfer-Encoding: chunked'),
  'A1: CL.TE in other cases': post(400, 'CONTENT-LENGTH: 6', 'transfer-encoding: CHUNKED'),

  'A2: ,chunked': post(400, 'Transfer-Encoding: ,chunked'),
  'A2: chunked,': post(400, 'Transfer-Encoding: chunked,'),
  'A2: chunked,chunked': post(400, 'Transfer-Encoding: chunked,chunked'),
  'A2: chunked, identity': post(400, 'Transfer-Encoding: chunked, identity'),
  'A2: empty': post(400, 'Transfer-Encoding:'),
  'A2: two words': post(400, 'Transfer-Encoding: x chunked'),
  'A2: quoted': post(400, 'Transfer-Encoding: "chunked"'),
  'A2: with a parameter': post(400, 'Transfer-Encoding: chunked;a=b'),
  'A2: vertical tab before': post(400, 'Transfer-Encoding: \x0bchunked'),
  'A2: form feed behind': post(400, 'Transfer-Encoding: chunked\x0c'),
  'A2: NUL behind': post(400, 'Transfer-Encoding: chunked\0'),
  'A2: no-break space before': post(400, 'Transfer-Encoding: \xa0chunked'),
  'A2: space before the colon': post(400, 'Transfer-Encoding : chunked'),
  'A2: folded': post(400, 'Transfer-Encoding:', ' chunked'),
  'A2: two lines': post(400, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  'A2: two lines, one foreign': post(400, 'Transfer-Encoding: chunked', 'Transfer-encoding: cow'),
  'A2: xchunked': post(501, 'Transfer-Encoding: xchunked'),
  'A2: identity': post(501, 'Transfer-Encoding: identity'),
  'A2: gzip, chunked': post(501, 'Transfer-Encoding: gzip, chunked'),

  'A3: two different': post(400, 'Content-Length: 5', 'Content-Length: 6'),
  'A3: two alike': post(400, 'Content-Length: 5', 'Content-Length: 5'),
  'A3: 5, 5': post(400, 'Content-Length: 5, 5'),
  'A3: +5': post(400, 'Content-Length: +5'),
  'A3: -1': post(400, 'Content-Length: -1'),
  'A3: 0x5': post(400, 'Content-Length: 0x5'),
  'A3: 1_0': post(400, 'Content-Length: 1_0'),
  'A3: 5e0': post(400, 'Content-Length: 5e0'),
  'A3: 5.0': post(400, 'Content-Length: 5.0'),
  'A3: empty': post(400, 'Content-Length:'),
  'A3: leading zero': post(400, 'Content-Length: 05'),
  'A3: two words': post(400, 'Content-Length: 5 5'),
  'A3: beyond exact numbers': post(400, 'Content-Length: 18446744073709551616'),

  'A7: NUL in a value': get(400, 'X-A: a\0b'),
  'A7: CR in a value': get(400, 'X-A: a\rb'),
  'A7: bare LF behind a value': get(400, 'X-A: a\nX-B: b'),
  'A7: DEL in a value': get(400, 'X-A: a\x7fb'),
  'A7: beyond ASCII in a value': get(400, 'X-A: a\xe9'),
  'A7: folded line': get(400, 'X-A: a', ' b'),
  'A7: folded line with a tab': get(400, 'X-A: a', '\tb'),
  'A7: folded first line': lines(400, 'GET / HTTP/1.1', ' Host: orders'),
  'A7: space before the colon': get(400, 'X-A : a'),
  'A7: tab before the colon': get(400, 'X-A\t: a'),
  'A7: empty name': get(400, ': a'),
  'A7: no colon': get(400, 'X-A'),
  'A7: space within a name': get(400, 'X A: a'),
  'A7: bracket in a name': get(400, 'X[A]: a'),
  'A7: beyond ASCII in a name': get(400, 'X-\xe9: a'),
  'A7: NUL in a name': get(400, 'X\0A: a'),
  'A7: CR within the request line': lines(400, 'GET /\ra HTTP/1.1', 'Host: orders'),
  'A7: NUL in the target': lines(400, 'GET /\0 HTTP/1.1', 'Host: orders'),
  'A7: tab in the target': lines(400, 'GET /a\tb HTTP/1.1', 'Host: orders'),
  'A7: beyond ASCII in the target': lines(400, 'GET /\xe9 HTTP/1.1', 'Host: orders'),

  'A8: HTTP/0.9': { status: 400, bytes: 'GET /orders\r\n\r\n' },
  'A8: HTTP/0.9 by name': target(505, 'GET / HTTP/0.9', 'Host: orders'),
  'A8: HTTP/1.2': target(505, 'GET / HTTP/1.2', 'Host: orders'),
  'A8: HTTP/2.0': target(505, 'GET / HTTP/2.0', 'Host: orders'),
  'A8: the preface of HTTP/2': { status: 505, bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' },
  'A8: HTTP/11': target(400, 'GET / HTTP/11', 'Host: orders'),
  'A8: http/1.1': target(400, 'GET / http/1.1', 'Host: orders'),
  'A8: HTTP/1.1 and more': target(400, 'GET / HTTP/1.1 ', 'Host: orders'),
  'A8: HTTP/1.0 with Transfer-Encoding': lines(
    400,
    'POST / HTTP/1.0',
    'Host: orders',
    'Transfer-Encoding: chunked',
  ),
  'A8: lower-case method': target(400, 'get / HTTP/1.1', 'Host: orders'),
  'A8: empty method': target(400, ' / HTTP/1.1', 'Host: orders'),
  'A8: method with a bracket': target(400, 'G(T / HTTP/1.1', 'Host: orders'),
  'A8: two spaces': target(400, 'GET  / HTTP/1.1', 'Host: orders'),
  'A8: a space in the target': target(400, 'GET /a b HTTP/1.1', 'Host: orders'),

  'A9: no Host': target(400, 'GET / HTTP/1.1'),
  'A9: two Hosts': target(400, 'GET / HTTP/1.1', 'Host: orders', 'Host: payments'),
  'A9: two Hosts alike': target(400, 'GET / HTTP/1.1', 'Host: orders', 'host: orders'),
  'A9: two Hosts in one': target(400, 'GET / HTTP/1.1', 'Host: orders, payments'),
  'A9: empty Host': target(400, 'GET / HTTP/1.1', 'Host:'),
  'A9: Host with a path': target(400, 'GET / HTTP/1.1', 'Host: orders/admin'),
  'A9: Host with user information': target(400, 'GET / HTTP/1.1', 'Host: me@orders'),
  'A9: Host with a scheme': target(400, 'GET / HTTP/1.1', 'Host: http://orders'),
  'A9: Host with a port that is none': target(400, 'GET / HTTP/1.1', 'Host: orders:http'),
  'A9: Host with a backslash': target(400, 'GET / HTTP/1.1', 'Host: orders\\admin'),
  'A9: authority-form for GET': target(400, 'GET orders:80 HTTP/1.1', 'Host: orders:80'),
  'A9: asterisk for GET': target(400, 'GET * HTTP/1.1', 'Host: orders'),
  'A9: relative target': target(400, 'GET orders HTTP/1.1', 'Host: orders'),
  'A9: fragment': target(400, 'GET /a#b HTTP/1.1', 'Host: orders'),
  'A9: absolute-form without Host': target(400, 'GET http://orders/ HTTP/1.1'),
  'A9: absolute-form with a bad Host': target(400, 'GET http://orders/ HTTP/1.1', 'Host: a b'),
  'A9: absolute-form with user information': target(
    400,
    'GET http://me@orders/ HTTP/1.1',
    'Host: orders',
  ),
  'A9: absolute-form without authority': target(400, 'GET http:///a HTTP/1.1', 'Host: orders'),
  'A9: absolute-form of another scheme': target(400, 'GET ftp://orders/ HTTP/1.1', 'Host: orders'),
  'A9: CONNECT': target(501, 'CONNECT orders:80 HTTP/1.1', 'Host: orders:80'),

  'A5: unknown expectation': post(417, 'Content-Length: 5', 'Expect: 200-ok'),
  'A5: obfuscated expectation': post(417, 'Content-Length: 5', 'Expect: y 100-continue'),
  'A5: two expectations': post(417, 'Expect: 100-continue', 'Expect: 100-continue'),
  'A5: unknown expectation without a body': get(417, 'Expect: a'),
}

for (const [name, { bytes, status }] of Object.entries(heads))
  t.test(`${name}: ${status} and close`, async t => {
    await using server = await serve({ handle: ({ stream }) => answer(stream, 'taken') })
    await using client = await Wire.connect(server.port)
    client.send(`${bytes}${smuggled}`)
    const received = await client.all()
    t.equal(client.ending, 'fin')
    t.match(received, new RegExp(`^HTTP/1\\.1 ${status} [^]*\r\nConnection: close\r\n`))
    t.equal(received.split('HTTP/1.1 ').length, 2)
    t.equal(server.requests.length, 0)
    t.equal(server.refused.length, 1)
  })

/** Bodies behind a head that announces chunks. */
const chunks: Record<string, string> = {
  'A6: no size': '\r\nhello\r\n0\r\n\r\n',
  'A6: size that is no number': 'g\r\nhello\r\n0\r\n\r\n',
  'A6: size with a sign': '+5\r\nhello\r\n0\r\n\r\n',
  'A6: size with 0x': '0x5\r\nhello\r\n0\r\n\r\n',
  'A6: size with an underscore': '0_5\r\nhello\r\n0\r\n\r\n',
  'A6: space before the size': ' 5\r\nhello\r\n0\r\n\r\n',
  'A6: space behind the size': '5 \r\nhello\r\n0\r\n\r\n',
  'A6: tab before the extension': '5\t;a\r\nhello\r\n0\r\n\r\n',
  'A6: size beyond any counter': `10000000000000005\r\nhello\r\n0\r\n\r\n`,
  'A6: bare LF behind the size': '5\nhello\r\n0\r\n\r\n',
  'A6: bare CR behind the size': '5\rhello\r\n0\r\n\r\n',
  'A6: CR within an extension': '5;a\rb\r\nhello\r\n0\r\n\r\n',
  'A6: LF within an extension': '5;a\nhello\r\n0\r\n\r\n',
  'A6: NUL within an extension': '5;a\0\r\nhello\r\n0\r\n\r\n',
  'A6: extension that is too long': `5;${'a'.repeat(1025)}\r\nhello\r\n0\r\n\r\n`,
  'A6: data longer than its size': '5\r\nhello!\r\n0\r\n\r\n',
  'A6: bare LF behind the data': '5\r\nhello\n0\r\n\r\n',
  'A6: bare CR behind the data': '5\r\nhello\r0\r\n\r\n',
  'A6: no final CRLF': '5\r\nhello\r\n0\r\nX',
  'A6: bare LF behind the last chunk': '5\r\nhello\r\n0\n\r\n',
  'A6: bare LF as the final line': '5\r\nhello\r\n0\r\n\n',
  'A6: bare CR as the final line': '5\r\nhello\r\n0\r\n\rX',
  'A12: trailer without a colon': '0\r\nX-Sum\r\n\r\n',
  'A12: trailer with a bare LF': '0\r\nX-Sum: 1\nX-B: 2\r\n\r\n',
  'A12: trailer with NUL': '0\r\nX-Sum: \0\r\n\r\n',
  'A12: folded trailer': '0\r\nX-Sum: 1\r\n 2\r\n\r\n',
  'A12: trailer with a space before the colon': '0\r\nX-Sum : 1\r\n\r\n',
}

for (const [name, body] of Object.entries(chunks))
  t.test(`${name}: 400 and close, and the body is never complete`, async t => {
    await using server = await serve()
    await using client = await Wire.connect(server.port)
    client.send(`POST / HTTP/1.1\r\nHost: orders\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
    client.send(smuggled)
    const received = await client.all()
    t.equal(client.ending, 'fin')
    t.match(received, /^HTTP\/1\.1 400 [^]*\r\nConnection: close\r\n/)
    t.equal(received.split('HTTP/1.1 ').length, 2)
    t.equal(server.requests.length, 1)
    const [seen] = server.requests
    t.equal(seen?.complete, false)
    t.equal(seen?.error?.code, 'bad_request')
  })

const honest: Record<string, { readonly fields: readonly string[]; readonly wire: string }> = {
  'TE with white space around': { fields: ['Transfer-Encoding: \t chunked \t'], wire: 'chunked' },
  'TE in other cases': { fields: ['TRANSFER-encoding: ChUnKeD'], wire: 'chunked' },
  'CL with white space around': { fields: ['Content-Length: \t 5 \t'], wire: 'length' },
}

for (const [name, { fields, wire }] of Object.entries(honest))
  t.test(`${name} is taken for what it is`, async t => {
    await using server = await serve({ handle: ({ stream }) => answer(stream, 'taken') })
    await using client = await Wire.connect(server.port)
    client.send(`POST / HTTP/1.1\r\nHost: orders\r\n${fields.join('\r\n')}\r\n\r\n`)
    client.send(wire === 'chunked' ? '5\r\nhello\r\n0\r\n\r\n' : 'hello')
    client.send('GET /next HTTP/1.1\r\nHost: orders\r\n\r\n')
    const received = await client.untilHas('HTTP/1.1 200 OK', 2)
    t.notMatch(received, /Connection: close/)
    t.strictSame(
      server.requests.map(({ stream }) => stream.request.path),
      ['/', '/next'],
    )
    const { headers } = (await server.request()).stream.request
    t.equal(headers.length, 0)
  })

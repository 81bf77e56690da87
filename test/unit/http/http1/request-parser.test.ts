import t from 'tap'
import { FieldParser, requestFaults } from '../../../../src/http/http1/fields.ts'
import { parseRequest } from '../../../../src/http/http1/request-parser.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { unknownLength } from '../../../../src/http/message.ts'

function parse(...lines: readonly string[]) {
  return parseRequest(
    lines.map(line => `${line}\r\n`).join(''),
    new FieldParser(defaultLimits, requestFaults),
  )
}

t.test('a request becomes a head that says nothing of its wire', async t => {
  const { head, keepAlive, chunked } = parse(
    'PUT /a/%2e?b=c HTTP/1.1',
    'Host: Orders:80',
    'Content-Length: 5',
    'Accept: */*',
  )
  t.strictSame(
    { ...head, headers: head.headers.values },
    {
      method: 'PUT',
      scheme: 'http',
      authority: 'orders:80',
      path: '/a/%2e?b=c',
      headers: ['*/*'],
      version: '1.1',
      bodyLength: 5,
      upgrade: undefined,
      expectContinue: false,
      acceptsTrailers: false,
    },
  )
  t.strictSame([keepAlive, chunked], [true, false])
})

t.test('the length is what the framing says', async t => {
  const lengthOf = (field: string) => parse('POST / HTTP/1.1', 'Host: a', field).head.bodyLength
  t.equal(lengthOf('X-A: b'), 0)
  t.equal(lengthOf('Content-Length: 0'), 0)
  t.equal(lengthOf('Content-Length: 999999999999999'), 999_999_999_999_999)
  t.equal(lengthOf('Transfer-Encoding: chunked'), unknownLength)
})

t.test('https in the target is told, though nothing here encrypts', async t => {
  t.equal(parse('GET HTTPS://a/ HTTP/1.1', 'Host: a').head.scheme, 'https')
  t.equal(parse('GET http://a/ HTTP/1.1', 'Host: a').head.scheme, 'http')
})

t.test('methods that nobody registered pass', async t => {
  for (const method of ['PROPFIND', 'M-SEARCH', 'X_Y1'])
    t.equal(parse(`${method} / HTTP/1.1`, 'Host: a').head.method, method)
})

t.test('options of Connection cannot remove what decides about the message', async t => {
  const { head } = parse(
    'POST / HTTP/1.1',
    'Host: orders',
    'Connection: host, content-length, close, x-a, keep-alive',
    'Content-Length: 5',
    'X-A: 1',
    'Close: 2',
  )
  t.strictSame([head.authority, head.bodyLength], ['orders', 5])
  t.strictSame(head.headers.names, ['close'])
})

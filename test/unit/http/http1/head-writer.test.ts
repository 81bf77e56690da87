import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import {
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from '../../../../src/http/http1/head-writer.ts'
import { unknownLength } from '../../../../src/http/message.ts'
import { requestHead, responseHead } from '../../../support/requests.ts'

const host = 'HTTP/1.1\r\nHost: orders\r\n'

t.test('a request says how its body is framed, or that it has none', async t => {
  const written = (method: string, framing: 'none' | 'length' | 'chunked') =>
    writeRequestHead(requestHead({ method, bodyLength: 5 }), framing)
  t.equal(written('GET', 'none'), `GET / ${host}\r\n`)
  t.equal(written('DELETE', 'none'), `DELETE / ${host}\r\n`)
  for (const method of ['POST', 'PUT', 'PATCH'])
    t.equal(written(method, 'none'), `${method} / ${host}Content-Length: 0\r\n\r\n`)
  t.equal(written('GET', 'length'), `GET / ${host}Content-Length: 5\r\n\r\n`)
  t.equal(written('GET', 'chunked'), `GET / ${host}Transfer-Encoding: chunked\r\n\r\n`)
})

t.test('a request says again what was for this hop only', async t => {
  const written = (changes: Parameters<typeof requestHead>[0]) =>
    writeRequestHead(requestHead(changes), 'none')
  t.equal(written({ expectContinue: true }), `GET / ${host}Expect: 100-continue\r\n\r\n`)
  t.equal(written({ acceptsTrailers: true }), `GET / ${host}Connection: TE\r\nTE: trailers\r\n\r\n`)
  t.equal(
    written({ upgrade: 'websocket', acceptsTrailers: true }),
    `GET / ${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  )
})

t.test('framing and fields of the hop are never taken from the list', async t => {
  const headers = HeaderList.of({
    'Content-Length': '1',
    'Transfer-Encoding': 'chunked',
    Connection: 'x',
    Host: 'payments',
    Upgrade: 'h2c',
    TE: 'gzip',
    Expect: 'x',
    'Keep-Alive': 'timeout=1',
    'Proxy-Connection': 'x',
    'X-A': 'b',
  })
  t.equal(writeRequestHead(requestHead({ headers }), 'none'), `GET / ${host}X-A: b\r\n\r\n`)
  t.equal(writeLastChunk(headers, 'bad_request'), '0\r\nX-A: b\r\n\r\n')
  const line = {
    framing: 'chunked',
    connection: undefined,
    upgrade: undefined,
    bodyless: false,
  } as const
  t.equal(
    writeResponseHead(responseHead(200, { headers, reason: 'OK' }), line),
    'HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
})

t.test('an answer without a body repeats the length that it would have', async t => {
  const lengthOf = (status: number, bodyLength: number, bodyless: boolean) => {
    const line = { framing: 'none', connection: undefined, upgrade: undefined, bodyless } as const
    const text = writeResponseHead(responseHead(status, { bodyLength }), line)
    return /Content-Length: (\d+)/.exec(text)?.[1]
  }
  t.equal(lengthOf(200, 0, false), '0')
  t.equal(lengthOf(200, 5, true), '5')
  t.equal(lengthOf(304, 5, true), '5')
  t.equal(lengthOf(200, unknownLength, true), undefined)
  t.equal(lengthOf(204, 5, true), undefined)
  t.equal(lengthOf(103, 0, true), undefined)
})

t.test('the last chunk', async t => {
  t.equal(writeLastChunk(undefined, 'bad_request'), '0\r\n\r\n')
  const trailers = HeaderList.of({ 'X-Sum': '1', b: '\t 2' })
  t.equal(writeLastChunk(trailers, 'bad_request'), '0\r\nX-Sum: 1\r\nb: \t 2\r\n\r\n')
  t.throws(() => writeLastChunk(HeaderList.of({ a: '\r\n' }), 'upstream_protocol'), {
    code: 'upstream_protocol',
  })
})

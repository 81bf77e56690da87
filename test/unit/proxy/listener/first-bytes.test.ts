import fc from 'fast-check'
import t from 'tap'
import { preface } from '../../../../src/http/http2/protocol.ts'
import {
  httpProtocolOf,
  maxFirstBytes,
  wireProtocolOf,
} from '../../../../src/proxy/listener/first-bytes.ts'

function wire(text: string) {
  return wireProtocolOf(Buffer.from(text, 'latin1'))
}

t.test('a request line is HTTP/1 once it is whole, and nothing before', async t => {
  for (const line of [
    'GET / HTTP/1.1\r\n',
    'POST http://orders/x?y=z HTTP/1.0\n',
    'CONNECT orders:5432 HTTP/1.1\r\n',
    'VERSION-CONTROL * HTTP/1.1\r\n',
    'PRI / HTTP/1.1\r\n',
  ]) {
    for (let cut = 1; cut < line.length; cut++)
      t.equal(wire(line.slice(0, cut)), undefined, line.slice(0, cut))
    t.equal(wire(line), 'http/1.1')
    t.equal(wire(`${line}Host: orders\r\n`), 'http/1.1')
  }
})

t.test('the preface is HTTP/2', async t => {
  const text = preface.toString('latin1')
  for (let cut = 1; cut < text.length; cut++) t.equal(wire(text.slice(0, cut)), undefined)
  t.equal(wire(text), 'h2')
  t.equal(wire(`${text}\0\0\0`), 'h2')
})

t.test('all else is bytes, as soon as that can be seen', async t => {
  for (const said of [
    '\0',
    '\r\n',
    ' GET / HTTP/1.1\r\n',
    'get / HTTP/1.1\r\n',
    '\x16\x03\x01',
    '*1\r\n$4\r\nPING\r\n',
    'PING\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
    'SET key value',
    'SET key HTTP\r\n',
    'GET  / HTTP/1.1',
    'GET / HTTP/1.1 ',
    'GET / HTTP/1.x',
    'GET / HTTP/11',
    'GET / HTTP/2',
    'GET / HTTP/2.0\r\n',
    'GET /\x7f',
    'EHLO mail.example\r\n',
    'PRI * HTTP/2.0\r\n\r\nXX',
    `${'A'.repeat(33)}`,
  ])
    t.equal(wire(said), 'tcp', said)
})

t.test('a line without an end is given up', async t => {
  const line = `GET /${'x'.repeat(maxFirstBytes)}`
  t.equal(wire(line.slice(0, maxFirstBytes - 1)), undefined)
  t.equal(wire(line.slice(0, maxFirstBytes)), 'tcp')
})

t.test(
  'where only HTTP is spoken the first byte that the preface does not have decides',
  async t => {
    t.equal(httpProtocolOf(Buffer.from('\0')), 'http/1.1')
    t.equal(httpProtocolOf(Buffer.from('P')), undefined)
    t.equal(httpProtocolOf(Buffer.from('PO')), 'http/1.1')
  },
)

t.test('a verdict does not change by what follows', async () => {
  const starts = fc.constantFrom('', 'GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n', 'GET /', 'PUT')
  const bytes = fc.tuple(starts, fc.uint8Array({ maxLength: 64 }))
  fc.assert(
    fc.property(bytes, fc.uint8Array({ maxLength: 64 }), ([start, rest], more) => {
      const first = Buffer.concat([Buffer.from(start), rest])
      const verdict = wireProtocolOf(first)
      return verdict === undefined || wireProtocolOf(Buffer.concat([first, more])) === verdict
    }),
  )
})

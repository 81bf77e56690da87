// Bodies whose end is in doubt are refused: their head has gone to the handler, their end never does.
import t from 'tap'
import { unknownLength } from '../../src/http/message.ts'
import { responseHead } from '../support/requests.ts'
import type { Seen } from '../unit/http/http1/serving.ts'
import { Wire } from '../unit/http/http1/wire.ts'
import { chunkedHead, endWithin, smuggled, startServer, te, writings } from './http1-requests.ts'

const refusedBodies: Record<string, string> = {
  'A6: no size': '\r\nhello\r\n0\r\n\r\n',
  'A6: no size, and an empty line': '5\r\nhello\r\n\r\n\r\n',
  'A6: an extension without a size': ';a\r\n\r\n',
  'A6: a size that is no number': 'x\r\nhello\r\n0\r\n\r\n',
  'A6: a size and junk': '5x\r\nhello\r\n0\r\n\r\n',
  'A6: +5': '+5\r\nhello\r\n0\r\n\r\n',
  'A6: -1': '-1\r\nhello\r\n0\r\n\r\n',
  'A6: 0x5': '0x5\r\nhello\r\n0\r\n\r\n',
  'A6: 0_5': '0_5\r\nhello\r\n0\r\n\r\n',
  'A6: a space before the size': ' 5\r\nhello\r\n0\r\n\r\n',
  'A6: a space behind the size': '5 \r\nhello\r\n0\r\n\r\n',
  'A6: a tab behind the size': '5\t;a\r\nhello\r\n0\r\n\r\n',
  'A6: a comma behind the size': '5,5\r\nhello\r\n0\r\n\r\n',
  'A6: NUL behind the size': '5\0\r\nhello\r\n0\r\n\r\n',
  'A6: a size beyond 64 bits': '10000000000000005\r\nhello\r\n0\r\n\r\n',
  'A6: a size of many zeros': `${'0'.repeat(100)}5\r\nhello\r\n0\r\n\r\n`,
  'A6: LF behind the size': '5\nhello\r\n0\r\n\r\n',
  'A6: CR behind the size': '5\rhello\r\n0\r\n\r\n',
  'A6: CR in an extension': '5;a\rb\r\nhello\r\n0\r\n\r\n',
  'A6: CR in a quoted extension': '5;a="\r\nhello"\r\nhello\r\n0\r\n\r\n',
  'A6: LF in an extension': '5;a\nhello\r\n0\r\n\r\n',
  'A6: LF in the extension of the last chunk': '5\r\nhello\r\n0;a\n\r\n',
  'A6: NUL in an extension': '5;a\0\r\nhello\r\n0\r\n\r\n',
  'A6: an extension beyond ASCII': '5;\xe9\r\nhello\r\n0\r\n\r\n',
  'A6: a huge extension': `5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
  'A6: more data than the size says': '5\r\nhello!\r\n0\r\n\r\n',
  'A6: less data than the size says': '6\r\nhello\r\n0\r\n\r\n',
  'A6: nothing between data and size': '5\r\nhello0\r\n\r\n',
  'A6: LF behind the data': '5\r\nhello\n0\r\n\r\n',
  'A6: CR behind the data': '5\r\nhello\r0\r\n\r\n',
  'A6: LF behind the last chunk': '5\r\nhello\r\n0\n\r\n',
  'A6: LF as the final line': '5\r\nhello\r\n0\r\n\n',
  'A6: CR as the final line': '5\r\nhello\r\n0\r\n\rX\r\n\r\n',
  'A6: no final line': '5\r\nhello\r\n0\r\n',
  'A12: a trailer without a colon': '0\r\nX-Sum\r\n\r\n',
  'A12: a trailer without a name': '0\r\n: 1\r\n\r\n',
  'A12: a trailer with a space before the colon': '0\r\nX-Sum : 1\r\n\r\n',
  'A12: a trailer with NUL': '0\r\nX-Sum: \0\r\n\r\n',
  'A12: a trailer behind LF': '0\r\nX-Sum: 1\nX-A: a\r\n\r\n',
  'A12: a folded trailer': '0\r\nX-Sum: 1\r\n 2\r\n\r\n',
  'A12: a trailer beyond ASCII': '0\r\nX-Sum: \xe9\r\n\r\n',
}

for (const [name, body] of Object.entries(refusedBodies))
  t.test(`${name}: refused with 400, closed, and the body never ends`, async t => {
    for (const [how, write] of Object.entries(writings)) {
      await using server = await startServer()
      await using client = await Wire.connect(server.port)
      await write(client, `${chunkedHead}${body}${smuggled}`)
      await client.all()
      client.socket.end()
      await server.idle()
      t.strictSame(client.statusLines, ['HTTP/1.1 400 Bad Request'], how)
      t.match(client.received, '\r\nConnection: close\r\n', how)
      t.equal(client.ending, 'fin', how)
      t.strictSame(server.paths, ['/orders'], how)
      t.equal(server.requests[0]?.complete, false, how)
      t.equal(server.requests[0]?.error?.code, 'bad_request', how)
      t.notMatch(server.requests[0]?.body, 'smuggled', how)
    }
  })

t.test('A6: a body that ends with the connection gets 400 and never ends', async t => {
  for (const bytes of [
    `${chunkedHead}`,
    `${chunkedHead}5\r\nhel`,
    `${chunkedHead}5\r\nhello\r\n0\r\n`,
    `${chunkedHead}5\r\nhello\r\n0\r\nX-Sum: 1\r\n`,
    'POST /orders HTTP/1.1\r\nHost: orders\r\nContent-Length: 6\r\n\r\nhello',
  ]) {
    const server = await endWithin(t, bytes)
    t.strictSame(server.paths, ['/orders'])
    t.equal(server.requests[0]?.complete, false)
    t.equal(server.requests[0]?.error?.code, 'bad_request')
  }
})

t.test('A6: a body that breaks under an answer cuts that answer off', async t => {
  const begin = ({ stream }: Seen): void => {
    stream.sendHead(responseHead(200, { bodyLength: unknownLength }), false)
    stream.write(Buffer.from('begun'))
  }
  await using server = await startServer({ handle: begin })
  await using client = await Wire.connect(server.port)
  client.send(chunkedHead)
  await client.untilHas('begun')
  client.send(`junk\r\n${smuggled}`)
  const received = await client.all()
  await server.idle()
  t.strictSame(client.statusLines, ['HTTP/1.1 200 OK'])
  t.match(received, /begun\r\n$/)
  t.strictSame(server.paths, ['/orders'])
  t.equal(server.requests[0]?.error?.code, 'bad_request')
})

t.test('A12: framing that trailers contradict or misuse is refused', async t => {
  for (const [trailers, status] of [
    [`${te}\r\n${te}\r\n`, 'HTTP/1.1 400 Bad Request'],
    ['Content-Length: 5\r\nContent-Length: 6\r\n', 'HTTP/1.1 400 Bad Request'],
    ['Host: a\r\nHost: b\r\n', 'HTTP/1.1 400 Bad Request'],
    ['Transfer-Encoding: gzip\r\n', 'HTTP/1.1 501 Not Implemented'],
  ] as const) {
    await using server = await startServer()
    await using client = await Wire.connect(server.port)
    client.send(`${chunkedHead}0\r\n${trailers}\r\n${smuggled}`)
    await client.all()
    client.socket.end()
    await server.idle()
    t.strictSame(client.statusLines, [status])
    t.strictSame(server.paths, ['/orders'])
    t.equal(server.requests[0]?.complete, false)
  }
})

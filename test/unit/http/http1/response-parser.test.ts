import t from 'tap'
import { FieldParser, responseFaults } from '../../../../src/http/http1/fields.ts'
import { isBodyless, parseResponse } from '../../../../src/http/http1/response-parser.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { unknownLength } from '../../../../src/http/message.ts'

function parse(lines: readonly string[], method = 'GET') {
  return parseResponse(
    lines.map(line => `${line}\r\n`).join(''),
    method,
    new FieldParser(defaultLimits, responseFaults),
  )
}

t.test('the end of an answer follows from its status, the method and the fields', async t => {
  const cases = [
    ['200', 'GET', 'X-A: b', 'until-close', unknownLength],
    ['200', 'GET', 'Content-Length: 5', 'length', 5],
    ['200', 'GET', 'Content-Length: 0', 'none', 0],
    ['200', 'GET', 'Transfer-Encoding: chunked', 'chunked', unknownLength],
    ['200', 'HEAD', 'Content-Length: 5', 'none', 5],
    ['200', 'HEAD', 'Transfer-Encoding: chunked', 'none', unknownLength],
    ['304', 'GET', 'Content-Length: 5', 'none', 5],
    ['304', 'GET', 'X-A: b', 'none', unknownLength],
    ['204', 'GET', 'Content-Length: 5', 'none', 0],
    ['100', 'GET', 'Content-Length: 5', 'none', 0],
  ] as const
  for (const [status, method, field, framing, bodyLength] of cases) {
    const answer = parse([`HTTP/1.1 ${status} X`, field], method)
    t.strictSame([answer.framing, answer.head.bodyLength], [framing, bodyLength], field)
    t.equal(isBodyless(Number(status), method), framing === 'none' && field !== 'Content-Length: 0')
  }
})

t.test('a connection goes on only when both ends saw the end at the same place', async t => {
  const cases: readonly (readonly [keepAlive: boolean, line: string, ...fields: string[]])[] = [
    [true, 'HTTP/1.1 200 OK', 'Content-Length: 5'],
    [true, 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'],
    [true, 'HTTP/1.1 204 No Content'],
    [true, 'HTTP/1.1 304 Not Modified', 'Content-Length: 5'],
    [true, 'HTTP/1.0 200 OK', 'Connection: Keep-Alive', 'Content-Length: 5'],
    [false, 'HTTP/1.1 200 OK'],
    [false, 'HTTP/1.1 200 OK', 'Connection: keep-alive'],
    [false, 'HTTP/1.1 200 OK', 'Content-Length: 5', 'Connection: x, CLOSE'],
    [false, 'HTTP/1.0 200 OK', 'Content-Length: 5'],
    [false, 'HTTP/1.0 200 OK', 'Connection: keep-alive', 'Transfer-Encoding: chunked'],
    [false, 'HTTP/1.1 204 No Content', 'Content-Length: 5'],
    [false, 'HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked'],
  ]
  for (const [keepAlive, ...lines] of cases)
    t.equal(parse(lines).keepAlive, keepAlive, lines.join())
})

t.test('how long the server keeps an idle connection is read where it says so', async t => {
  const secondsOf = (value: string) =>
    parse(['HTTP/1.1 200 OK', `Keep-Alive: ${value}`]).keepAliveSeconds
  t.equal(secondsOf('timeout=5'), 5)
  t.equal(secondsOf('max=100,TIMEOUT=0'), 0)
  t.equal(secondsOf('xtimeout=5'), undefined)
  t.equal(secondsOf('timeout=soon'), undefined)
  t.equal(parse(['HTTP/1.1 200 OK']).keepAliveSeconds, undefined)
})

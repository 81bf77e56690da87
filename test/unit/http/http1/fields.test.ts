import t from 'tap'
import {
  checkLine,
  listTokens,
  FieldParser,
  requestFaults,
  responseFaults,
} from '../../../../src/http/http1/fields.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'

function parse(...lines: readonly string[]) {
  const limits = { ...defaultLimits, maxHeaderCount: 5, maxLineBytes: 50 }
  return new FieldParser(limits, requestFaults).parse(lines.map(line => `${line}\r\n`).join(''), 0)
}

t.test('what stands in several lines is one list', async t => {
  const fields = parse('Connection: A', 'TE: gzip', 'te: trailers', 'connection: ,b,, C ,')
  t.strictSame(fields.connection, ['a', 'b', 'c'])
  t.equal(fields.te, 'gzip,trailers')
  t.strictSame(listTokens(' , '), [])
})

t.test('white space around a value is not of it, within it is', async t => {
  const { headers } = parse('A: \t b \t c\t ', 'B:', 'C:d:e')
  t.strictSame(headers.values, ['b \t c', '', 'd:e'])
})

t.test('each limit is reached before it is passed', async t => {
  t.equal(parse('A: 1', 'A: 2', 'A: 3', 'A: 4', 'A: 5').headers.length, 5)
  t.throws(() => parse('A: 1', 'A: 2', 'A: 3', 'A: 4', 'A: 5', 'A: 6'), {
    code: 'headers_too_large',
  })
  t.equal(parse(`A: ${'x'.repeat(47)}`).headers.length, 1)
  t.throws(() => parse(`A: ${'x'.repeat(48)}`), { code: 'headers_too_large' })
  t.strictSame(parse('Connection: a,b,c,d,e').connection?.length, 5)
  t.throws(() => parse('Connection: a,b,c,d,e,f'), { code: 'headers_too_large' })
})

t.test('the same fault is named by who made it', async t => {
  t.throws(() => checkLine('A: \0', requestFaults), { code: 'bad_request' })
  t.throws(() => checkLine('A: \0', responseFaults), { code: 'upstream_protocol' })
  t.doesNotThrow(() => checkLine('A: \t~', requestFaults))
})

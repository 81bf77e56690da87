import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ExchangeError } from '../../src/base/errors.ts'
import { FieldParser, requestFaults } from '../../src/http/http1/fields.ts'
import { parseRequest } from '../../src/http/http1/request-parser.ts'
import { defaultLimits } from '../../src/http/limits.ts'

const limits = { ...defaultLimits, maxHeaderCount: 6, maxLineBytes: 40 }

/** Few, so that heads repeat each other's lines at the same place and at others; some are none. */
const line = fc.constantFrom(
  'Host: orders',
  'host:payments',
  'Content-Length: 5',
  'Content-Length: 6',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Connection: close',
  'Connection: X-One, keep-alive',
  'X-One: 1',
  'x-one: \t1',
  'X-One: 1\0',
  ' X-One: 1',
  'X-Two',
  `X-Long: ${'x'.repeat(40)}`,
)
const head = fc.array(line, { maxLength: 7 })

/** What the parser makes of it, as far as anybody can see. */
function outcome(lines: readonly string[], parser: FieldParser): unknown {
  const text = ['GET / HTTP/1.1', ...lines].map(each => `${each}\r\n`).join('')
  try {
    return parseRequest(text, parser)
  } catch (error) {
    if (error instanceof ExchangeError) return `${error.code}: ${error.message}`
    throw error
  }
}

t.test('a head means the same whatever came before it on the connection', async t => {
  let accepted = 0
  fc.assert(
    fc.property(fc.array(head, { minLength: 2, maxLength: 6 }), heads => {
      const parser = new FieldParser(limits, requestFaults)
      for (const lines of heads) {
        const alone = outcome(lines, new FieldParser(limits, requestFaults))
        if (typeof alone !== 'string') accepted++
        assert.deepEqual(outcome(lines, parser), alone)
      }
    }),
    { numRuns: 2000 },
  )
  t.ok(accepted > 100, `${accepted} heads were good`)
})

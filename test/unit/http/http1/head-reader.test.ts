import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { requestFaults, responseFaults } from '../../../../src/http/http1/fields.ts'
import { HeadReader } from '../../../../src/http/http1/head-reader.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import { readBuffer } from '../../../../src/http/read-buffer.ts'

const head = 'GET / HTTP/1.1\r\nHost: orders\r\n\r\n'
const lines = head.slice(0, -2)

function reader(changes = {}, faults = requestFaults): HeadReader {
  return new HeadReader({ ...defaultLimits, ...changes }, faults)
}

/** Feeds pieces. @returns the head, and what of its last piece was behind it. */
function feed(heads: HeadReader, pieces: readonly string[]): readonly [string | undefined, string] {
  for (const piece of pieces) {
    const text = heads.read(Buffer.from(piece, 'latin1'))
    if (text !== undefined) return [text, piece.slice(heads.consumed)]
    if (heads.consumed !== piece.length) throw new Error('an unfinished head takes all')
  }
  return [undefined, '']
}

t.test('a head ends at its empty line, what is behind it is left', async t => {
  const heads = reader()
  t.equal(heads.started, false)
  t.strictSame(feed(heads, [`${head}body`]), [lines, 'body'])
  t.equal(heads.started, false)
})

t.test('cut anywhere, once or twice, a head is the same', async t => {
  const whole = `\r\n\r\n${head}body`
  const end = whole.length - 'body'.length
  for (let first = 1; first < end; first++)
    for (let second = first; second < end; second++) {
      const pieces = [whole.slice(0, first), whole.slice(first, second), whole.slice(second)]
      const found = feed(
        reader(),
        pieces.filter(piece => piece !== ''),
      )
      if (found[0] !== lines || found[1] !== 'body') t.fail(`${first}, ${second}: ${found.join()}`)
    }
  t.pass()
})

t.test('one reader finds one head after the other', async t => {
  const heads = reader()
  for (const pieces of [['GET', head.slice(3)], [head], Array.from(head)])
    t.strictSame(feed(heads, pieces), [lines, ''])
})

t.test('it has started with the first byte that is not an empty line', async t => {
  const heads = reader()
  feed(heads, ['\r\n', '\r', '\n'])
  t.equal(heads.started, false)
  feed(heads, ['G'])
  t.equal(heads.started, true)
  t.equal(heads.startsWith('G'), true)
  t.equal(heads.startsWith('GE'), false)
  feed(heads, [head.slice(1)])
  t.equal(heads.started, false)
  t.equal(heads.startsWith('G'), false)
})

t.test('a chunk that was lent is not looked at later', async t => {
  const heads = reader()
  for (const byte of Buffer.from(head)) {
    readBuffer[0] = byte
    const text = heads.read(readBuffer.subarray(0, 1))
    if (text !== undefined) t.equal(text, lines)
  }
  t.equal(heads.started, false)
})

t.test('a head of a megabyte that comes byte by byte costs no more than its bytes', async t => {
  // Copied anew for each byte it would be half a terabyte, and run into the time limit.
  const bytes = 1024 * 1024
  const heads = reader({ maxHeadBytes: 2 * bytes, maxLineBytes: 2 * bytes })
  const x = Buffer.from('x')
  for (let i = 0; i < bytes; i++) heads.read(x)
  t.equal(heads.read(Buffer.from('\r\n\r\n'))?.length, bytes + 2)
})

const refused: Record<string, readonly [code: string, ...pieces: string[]]> = {
  'a first line beyond its limit': ['uri_too_long', 'x'.repeat(101)],
  'a first line beyond its limit, in pieces': ['uri_too_long', 'x'.repeat(60), 'x'.repeat(41)],
  'a head beyond its limit': ['headers_too_large', 'a: b\r\n'.repeat(40)],
  'a head beyond its limit, in pieces': ['headers_too_large', ...Array.from('a: b\r\n'.repeat(40))],
  'a whole head beyond its limit': ['headers_too_large', `${'a: b\r\n'.repeat(40)}\r\n`],
  'a whole head beyond its limit, in two pieces': [
    'headers_too_large',
    'a: b\r\n'.repeat(20),
    `${'a: b\r\n'.repeat(20)}\r\n`,
  ],
  'bare LF behind the first line': ['bad_request', 'GET / HTTP/1.1\n'],
  'bare LF behind a later line': ['bad_request', 'GET / HTTP/1.1\r\nHost: a\n'],
  'bare LF as a piece': ['bad_request', 'GET / HTTP/1.1', '\n'],
  'bare LF as the first byte': ['bad_request', '\n'],
}

for (const [name, [code, ...pieces]] of Object.entries(refused))
  t.test(`${name} is refused before the head ends`, async t => {
    const heads = reader({ maxHeadBytes: 200, maxLineBytes: 100 })
    t.throws(() => feed(heads, pieces), { code })
    t.equal(heads.startsWith(pieces[0]?.slice(0, 1) ?? ''), true)
  })

t.test('the limit of the first line is that of each head', async t => {
  const heads = reader({ maxLineBytes: 100 })
  feed(heads, [head.slice(0, 20), head.slice(20)])
  t.throws(() => feed(heads, ['x'.repeat(101)]), { code: 'uri_too_long' })
})

t.test('CR and LF of one line may come in two pieces', async t => {
  t.strictSame(feed(reader(), ['GET / HTTP/1.1\r', '\nHost: orders\r\n\r', '\n']), [lines, ''])
})

t.test('of an upstream all of it is a fault of upstream', async t => {
  for (const text of ['x'.repeat(101), 'a: b\r\n'.repeat(40), 'HTTP/1.1 200 OK\n'])
    t.throws(
      () =>
        reader({ maxHeadBytes: 200, maxLineBytes: 100 }, responseFaults).read(Buffer.from(text)),
      new ExchangeError('upstream_protocol', ''),
    )
})

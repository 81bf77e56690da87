import t from 'tap'
import {
  ChunkedReader,
  LengthReader,
  UntilCloseReader,
} from '../../../../src/http/http1/body-reader.ts'
import type { BodyReader } from '../../../../src/http/http1/body-reader.ts'
import { requestFaults, responseFaults } from '../../../../src/http/http1/fields.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'

/** Reads pieces until the body is done. */
function read(body: BodyReader, pieces: readonly string[]) {
  const told = { text: '', trailers: undefined as readonly string[] | undefined, ends: 0, rest: '' }
  const sink = {
    onBody(chunk: Buffer) {
      if (chunk.length === 0) t.fail('an empty chunk')
      told.text += chunk.toString('latin1')
    },
    onEnd(trailers: { names: readonly string[] } | undefined) {
      told.ends++
      told.trailers = trailers?.names
    },
  }
  for (const piece of pieces) {
    if (body.done) told.rest += piece
    else told.rest += piece.slice(body.read(Buffer.from(`##${piece}`, 'latin1'), 2, sink) - 2)
  }
  return told
}

function chunkedReader(changes = {}, faults = requestFaults): ChunkedReader {
  return new ChunkedReader({ ...defaultLimits, ...changes }, faults)
}

const wire = '5;name="a b"\r\nhello\r\n00006\r\n world\r\n0;last\r\nX-Sum: 1\r\nx-b: 2\r\n\r\n'

const bodies: Record<string, readonly [make: () => BodyReader, wire: string, names?: string[]]> = {
  'of a length': [() => new LengthReader(11), 'hello world'],
  chunked: [() => chunkedReader(), '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'],
  'chunked with extensions and trailers': [() => chunkedReader(), wire, ['x-sum', 'x-b']],
}

for (const [name, [make, bytes, names]] of Object.entries(bodies))
  t.test(`a body ${name} is the same wherever it is cut, and leaves what follows`, async t => {
    const whole = `${bytes}GET /`
    for (let first = 1; first < whole.length; first++)
      for (let second = first; second < whole.length; second++) {
        const pieces = [whole.slice(0, first), whole.slice(first, second), whole.slice(second)]
        const told = read(
          make(),
          pieces.filter(piece => piece !== ''),
        )
        const found = [told.text, told.ends, told.rest, told.trailers?.join()]
        if (found.join('|') !== ['hello world', 1, 'GET /', names?.join()].join('|'))
          t.fail(`${first}, ${second}: ${found.join('|')}`)
      }
    t.strictSame(read(make(), Array.from(whole)).text, 'hello world')
  })

t.test('what is left of a length is known, of the others not', async t => {
  const body = new LengthReader(5)
  read(body, ['hel'])
  t.strictSame([body.remaining, body.done], [2, false])
  read(body, ['lo'])
  t.strictSame([body.remaining, body.done], [0, true])
  t.equal(chunkedReader().remaining, Number.POSITIVE_INFINITY)
  t.equal(new UntilCloseReader().remaining, Number.POSITIVE_INFINITY)
})

t.test('a body until the end of the connection takes everything and is never done', async t => {
  const body = new UntilCloseReader()
  const told = read(body, ['hello', ' world'])
  t.strictSame([told.text, told.ends, told.rest, body.done], ['hello world', 0, '', false])
})

t.test('chunks within one read are views of it, not copies', async t => {
  const chunk = Buffer.from('5\r\nhello\r\n')
  let found: Buffer | undefined
  chunkedReader().read(chunk, 0, { onBody: view => (found = view), onEnd() {} })
  t.equal(found?.buffer, chunk.buffer)
})

t.test('each chunk may have extensions up to the limit, none beyond', async t => {
  const extended = (bytes: number) => `1;${'a'.repeat(bytes)}\r\nx\r\n`
  const limits = { maxChunkExtensionBytes: 10 }
  t.equal(read(chunkedReader(limits), [extended(10).repeat(5)]).text, 'xxxxx')
  t.throws(() => read(chunkedReader(limits), [extended(11)]), { code: 'bad_request' })
})

t.test('sizes are exact as far as numbers are', async t => {
  const body = chunkedReader()
  t.equal(read(body, ['ffffffffffff\r\nhello']).text, 'hello')
  t.equal(body.done, false)
  t.throws(() => read(chunkedReader(), ['0000000000001\r\n']), { code: 'bad_request' })
})

t.test('trailers are bounded before they end', async t => {
  const limits = { maxHeadBytes: 1000, maxLineBytes: 100, maxHeaderCount: 5 }
  for (const text of ['a'.repeat(101), 'a: b\r\n'.repeat(200), `${'a: b\r\n'.repeat(6)}\r\n`])
    for (const pieces of [[`0\r\n${text}`], ['0\r\n', ...Array.from(text)]])
      t.throws(() => read(chunkedReader(limits), pieces), { code: 'headers_too_large' })
})

t.test('of an upstream every fault is one of upstream', async t => {
  for (const text of ['x', '5\r\nhello!', '0\r\nX\r\n\r\n', '0\r\n: a\r\n\r\n'])
    t.throws(() => read(chunkedReader({}, responseFaults), [text]), { code: 'upstream_protocol' })
})

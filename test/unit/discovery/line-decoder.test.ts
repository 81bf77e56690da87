import t from 'tap'
import { LineDecoder, ProtocolError } from '../../../src/discovery/line-decoder.ts'

function decode(decoder: LineDecoder, text: string): unknown[] {
  return [...decoder.push(Buffer.from(text))]
}

t.test('each line is a value, in the chunk that ends it', async t => {
  const decoder = new LineDecoder(100)
  t.strictSame(decode(decoder, '{"a":1}\n[2]\n"th'), [{ a: 1 }, [2]])
  t.strictSame(decode(decoder, 're'), [])
  t.strictSame(decode(decoder, 'e"'), [])
  t.strictSame(decode(decoder, '\n'), ['three'])
  t.strictSame(decode(decoder, '4\n'), [4])
})

t.test('a letter of several bytes may be cut', async t => {
  const decoder = new LineDecoder(100)
  const bytes = Buffer.from('"é"\n')
  t.strictSame([...decoder.push(bytes.subarray(0, 2))], [])
  t.strictSame([...decoder.push(bytes.subarray(2))], ['é'])
})

t.test('values are handed out before a bad line behind them is met', async t => {
  const values: unknown[] = []
  const decoder = new LineDecoder(100)
  t.throws(() => {
    for (const value of decoder.push(Buffer.from('1\n2\nno\n'))) values.push(value)
  }, ProtocolError)
  t.strictSame(values, [1, 2])
})

const garbage: readonly [what: string, bytes: Buffer][] = [
  ['an empty line', Buffer.from('\n')],
  ['a line that is not JSON', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a line that is not UTF-8', Buffer.from([0x22, 0xff, 0x22, 0x0a])],
  ['a line that nests without end', Buffer.from(`${'['.repeat(50_000)}\n`)],
]

for (const [what, bytes] of garbage)
  t.test(`${what} is no message`, async t => {
    t.throws(() => [...new LineDecoder(100_000).push(bytes)], ProtocolError)
  })

t.test('a line may have its greatest length and no more', async t => {
  const fits = `"${'x'.repeat(8)}"`
  t.strictSame(decode(new LineDecoder(10), `${fits}\n${fits}\n`), ['xxxxxxxx', 'xxxxxxxx'])
  t.throws(() => decode(new LineDecoder(9), `${fits}\n`), /more than 9 bytes/)
})

t.test('a line that is too long is refused before it ends', async t => {
  const decoder = new LineDecoder(10)
  decode(decoder, '"2345')
  decode(decoder, '6789')
  decode(decoder, '0')
  t.throws(() => decode(decoder, '1'), /more than 10 bytes/)
})

t.test('a line that comes byte by byte costs about its own size', async t => {
  const decoder = new LineDecoder(1_000_000)
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 200_000; count++) decode(decoder, 'x')
  const after = process.memoryUsage().arrayBuffers
  t.ok(after - before < 4_000_000, `${after - before} bytes`)
})

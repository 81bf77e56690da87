import * as fc from 'fast-check'
import t from 'tap'
import { DerError, readElements, readOnly } from '../../../src/identity/der.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** The shortest form, as DER wants it. */
function encode(tag: number, content: Buffer): Buffer {
  const { length } = content
  const octets = length < 0x80 ? [length] : bigEndian(length)
  const head = length < 0x80 ? octets : [0x80 | octets.length, ...octets]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function bigEndian(value: number): number[] {
  return value === 0 ? [] : [...bigEndian(Math.floor(value / 256)), value % 256]
}

t.test('elements are read in their order, whatever their length', async t => {
  const lengths = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000]
  const contents = lengths.map(length => Buffer.alloc(length, length % 251))
  const all = Buffer.concat(contents.map((content, index) => encode(index, content)))
  t.strictSame(
    readElements(all).map(({ tag, content }) => [tag, content.length]),
    lengths.map((length, index) => [index, length]),
  )
  t.ok(readElements(all).every(({ content }, index) => contents[index]?.equals(content)))
})

const malformed: readonly [what: string, hex: string][] = [
  ['a tag without a length', '30'],
  ['content beyond the end', '30 02 00'],
  ['a long length cut short', '30 82 01'],
  ['an indefinite length', '30 80' + '00'.repeat(0x80)],
  ['a reserved length', '30 ff 00'],
  ['a long form where the short one fits', '30 81 7f' + '00'.repeat(0x7f)],
  ['a length with a leading zero', '30 82 00 80' + '00'.repeat(0x80)],
  ['a tag of several octets', '1f 00'],
]

for (const [what, hex] of malformed)
  t.test(`${what} is refused`, async t => {
    t.throws(() => readElements(bytes(hex)), DerError)
  })

t.test('where one element is expected, neither two nor another will do', async t => {
  t.equal(readOnly(bytes('04 01 07'), 0x04).content.toString('hex'), '07')
  t.throws(() => readOnly(bytes('04 01 07 04 00'), 0x04), DerError)
  t.throws(() => readOnly(bytes('04 01 07'), 0x03), DerError)
  t.throws(() => readOnly(bytes(''), 0x04), DerError)
})

t.test('what is read fills the bytes exactly', async () => {
  const read = (input: Uint8Array): boolean => {
    try {
      const elements = readElements(Buffer.from(input))
      const again = Buffer.concat(elements.map(({ tag, content }) => encode(tag, content)))
      return again.equals(Buffer.from(input))
    } catch (error) {
      return error instanceof DerError
    }
  }
  const short = fc.uint8Array({ maxLength: 12 })
  fc.assert(fc.property(short, read), { numRuns: 5000 })
})

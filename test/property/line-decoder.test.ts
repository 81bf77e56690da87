import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { LineDecoder, ProtocolError } from '../../src/discovery/line-decoder.ts'

const maxLineBytes = 1000

/** `bytes` in pieces that end at `cuts`, as a socket may bring them. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.filter(cut => cut <= bytes.length), bytes.length].toSorted((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

const cuts = fc.array(fc.nat(300), { maxLength: 20 })

t.test('values arrive as they were sent, however the bytes are cut', async () => {
  const arrive = (values: unknown[], cut: number[]): boolean => {
    const lines = values.map(value => `${JSON.stringify(value)}\n`)
    const decoder = new LineDecoder(maxLineBytes)
    const decoded = pieces(Buffer.from(lines.join('')), cut).flatMap(piece => [
      ...decoder.push(piece),
    ])
    return isDeepStrictEqual(decoded, JSON.parse(`[${lines.join()}]`))
  }
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const value = fc.oneof(
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constant(null),
  )
  const values = fc.array(fc.oneof(value, fc.dictionary(text, value, { maxKeys: 3 })), {
    maxLength: 5,
  })
  fc.assert(fc.property(values, cuts, arrive))
})

t.test('whatever arrives, the outcome is values or a ProtocolError', async () => {
  const hold = (bytes: Uint8Array, cut: number[]): boolean => {
    const decoder = new LineDecoder(20)
    try {
      for (const piece of pieces(Buffer.from(bytes), cut)) void [...decoder.push(piece)]
      return true
    } catch (error) {
      return error instanceof ProtocolError
    }
  }
  const octet = fc.oneof(fc.constantFrom(0x0a, 0x7b, 0x7d, 0x22, 0x31), fc.nat(255))
  const bytes = fc.array(octet, { maxLength: 60 }).map(list => Uint8Array.from(list))
  fc.assert(fc.property(bytes, cuts, hold), { numRuns: 2000 })
})

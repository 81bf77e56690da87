import fc from 'fast-check'
import t from 'tap'
import { HpackDecoder } from '../../src/http/http2/hpack/decoder.ts'
import { HpackEncoder, beginBytes, fieldBound } from '../../src/http/http2/hpack/encoder.ts'
import { FieldBlock } from '../../src/http/http2/hpack/field-block.ts'
import { decodeHuffman } from '../../src/http/http2/hpack/huffman.ts'
import { ConnectionFault } from '../../src/http/http2/protocol.ts'

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map(c => String.fromCharCode(c)),
  maxLength: 300,
})
const name = fc.oneof(
  fc.constantFrom(':path', ':status', 'accept', 'cookie', 'date', 'x-a', 'x-b', 'weft-header-case'),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/),
)
const value = fc.oneof(fc.constantFrom('', '200', 'a', 'text/plain', 'b'.repeat(200)), latin1)
const list = fc.array(fc.tuple(name, value), { maxLength: 20 })
const step = fc.record({ fields: list, resize: fc.option(fc.integer({ min: 0, max: 20_000 })) })

t.test('whatever is encoded is decoded, through any change of the table size', async t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), steps => {
      const encoder = new HpackEncoder(16_384)
      const decoder = new HpackDecoder({
        maxTableBytes: 20_000,
        maxListBytes: 1_000_000,
        maxFields: 100,
      })
      const block = new FieldBlock()
      for (const { fields, resize } of steps) {
        if (resize !== null) encoder.resize(resize)
        const bound = fields.reduce((sum, [n, v]) => sum + fieldBound(n, v), beginBytes)
        const buffer = Buffer.alloc(bound)
        encoder.begin(buffer, 0)
        for (const [n, v] of fields) encoder.field(n, v)
        decoder.decode(buffer, 0, encoder.end(), block)
        const decoded = Array.from({ length: block.length }, (_, i) => [
          block.names[i],
          block.values[i],
        ])
        if (JSON.stringify(decoded) !== JSON.stringify(fields)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('garbage decodes or is a compression error, never anything else', async t => {
  const decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536, maxFields: 100 })
  const block = new FieldBlock()
  let errors = 0
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const source = Buffer.from(bytes)
      try {
        decoder.decode(source, 0, source.length, block)
      } catch (error) {
        errors++
        return error instanceof ConnectionFault
      }
      return block.length <= 100
    }),
    { numRuns: 3000 },
  )
  t.ok(errors > 0)
})

t.test('Huffman garbage is text or undefined', async t => {
  let failures = 0
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      const text = decodeHuffman(Buffer.from(bytes), 0, bytes.length)
      if (text === undefined) failures++
      return text === undefined || text.length <= Math.ceil((bytes.length * 8) / 5)
    }),
    { numRuns: 2000 },
  )
  t.ok(failures > 0)
})

import t from 'tap'
import { HpackDecoder } from '../../../../../src/http/http2/hpack/decoder.ts'
import { HpackEncoder } from '../../../../../src/http/http2/hpack/encoder.ts'
import { FieldBlock } from '../../../../../src/http/http2/hpack/field-block.ts'

type Fields = readonly (readonly [name: string, value: string])[]

function encode(encoder: HpackEncoder, fields: Fields): Buffer {
  const buffer = Buffer.alloc(100_000)
  encoder.begin(buffer, 0)
  for (const [name, value] of fields) encoder.field(name, value)
  return buffer.subarray(0, encoder.end())
}

function decode(decoder: HpackDecoder, block: Buffer): Fields {
  const fields = new FieldBlock()
  decoder.decode(block, 0, block.length, fields)
  return fields.names.slice(0, fields.length).map((name, i) => [name, fields.values[i] ?? ''])
}

function decoder(maxTableBytes = 4096) {
  return new HpackDecoder({ maxTableBytes, maxListBytes: 1_000_000, maxFields: 1000 })
}

t.test('fields of the static table cost a byte', async t => {
  const block = encode(new HpackEncoder(4096), [
    [':method', 'GET'],
    [':status', '200'],
    [':path', '/'],
  ])
  t.equal(block.toString('hex'), '828884')
})

t.test('a value that repeats costs a byte from the third time on', async t => {
  const encoder = new HpackEncoder(4096)
  const fields: Fields = [['user-agent', 'someone']]
  const lengths = [1, 2, 3].map(() => encode(encoder, fields).length)
  t.strictSame(lengths, [10, 9, 1])
})

t.test('values that change never enter the table', async t => {
  const encoder = new HpackEncoder(4096)
  const reader = decoder()
  for (let i = 0; i < 100; i++) {
    const fields: Fields = [
      ['x-request-id', String(i)],
      ['accept', 'text/plain'],
    ]
    t.strictSame(decode(reader, encode(encoder, fields)), fields)
  }
  // `accept` alone is there, so it has the newest index.
  t.equal(encode(encoder, [['accept', 'text/plain']]).toString('hex'), 'be')
})

for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'])
  t.test(`${name} is never indexed, however often it repeats`, async t => {
    const encoder = new HpackEncoder(4096)
    for (let i = 0; i < 4; i++) {
      const block = encode(encoder, [[name, 'secret']])
      t.equal((block[0] ?? 0) & 0xf0, 0x10)
    }
  })

t.test('a smaller table of the peer is obeyed and announced, the smallest first', async t => {
  const encoder = new HpackEncoder(4096)
  const reader = decoder()
  const fields: Fields = [['user-agent', 'someone']]
  for (let i = 0; i < 3; i++) decode(reader, encode(encoder, fields))
  encoder.resize(0)
  encoder.resize(100)
  const block = encode(encoder, fields)
  t.equal(block.subarray(0, 3).toString('hex'), '203f45')
  t.strictSame(decode(reader, block), fields)
  t.equal(encode(encoder, fields)[0], 0x0f)
})

t.test('a table larger than our own bound is not used', async t => {
  const encoder = new HpackEncoder(4096)
  encoder.resize(1_000_000)
  t.equal(encode(encoder, [[':method', 'GET']]).toString('hex'), '82')
})

t.test('a bound below the default is announced before anything else', async t => {
  const block = encode(new HpackEncoder(0), [[':method', 'GET']])
  t.equal(block.toString('hex'), '2082')
})

t.test('any number of names is encoded correctly', async t => {
  const encoder = new HpackEncoder(16_384)
  const reader = decoder(16_384)
  encoder.resize(16_384)
  for (let i = 0; i < 2000; i++) {
    const fields: Fields = [
      [`x-${i}`, 'a'],
      [`x-${i}`, 'a'],
      [`x-${i}`, 'a'],
    ]
    t.strictSame(decode(reader, encode(encoder, fields)), fields)
  }
})

import t from 'tap'
import { HpackDecoder } from '../../../../../src/http/http2/hpack/decoder.ts'
import { FieldBlock } from '../../../../../src/http/http2/hpack/field-block.ts'
import { errorCode } from '../../../../../src/http/http2/protocol.ts'

function decoder(
  limits: { maxTableBytes?: number; maxListBytes?: number; maxFields?: number } = {},
) {
  return new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536, maxFields: 100, ...limits })
}

function decode(hpack: HpackDecoder, hex: string): string[] {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const block = new FieldBlock()
  hpack.decode(bytes, 0, bytes.length, block)
  return block.names.slice(0, block.length).map((name, i) => `${name}: ${block.values[i]}`)
}

const firstRequest = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
const secondRequest = [...firstRequest, 'cache-control: no-cache']
const thirdRequest = [
  ':method: GET',
  ':scheme: https',
  ':path: /index.html',
  ':authority: www.example.com',
  'custom-key: custom-value',
]
const responseFields = (status: string, date: string) => [
  `:status: ${status}`,
  'cache-control: private',
  `date: Mon, 21 Oct 2013 20:13:${date} GMT`,
  'location: https://www.example.com',
]
const thirdResponse = [
  ':status: 200',
  'cache-control: private',
  'date: Mon, 21 Oct 2013 20:13:22 GMT',
  'location: https://www.example.com',
  'content-encoding: gzip',
  'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
]

/** RFC 7541 Appendix C. Each list of blocks is one connection. */
const appendixC: Record<string, { table: number; blocks: [hex: string, fields: string[]][] }> = {
  'C.2.1 literal with indexing': {
    table: 4096,
    blocks: [
      [
        '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
        ['custom-key: custom-header'],
      ],
    ],
  },
  'C.2.2 literal without indexing': {
    table: 4096,
    blocks: [['040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']]],
  },
  'C.2.3 literal never indexed': {
    table: 4096,
    blocks: [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']]],
  },
  'C.2.4 indexed': { table: 4096, blocks: [['82', [':method: GET']]] },
  'C.3 requests': {
    table: 4096,
    blocks: [
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', firstRequest],
      ['8286 84be 5808 6e6f 2d63 6163 6865', secondRequest],
      ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', thirdRequest],
    ],
  },
  'C.4 requests in Huffman code': {
    table: 4096,
    blocks: [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', firstRequest],
      ['8286 84be 5886 a8eb 1064 9cbf', secondRequest],
      ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', thirdRequest],
    ],
  },
  'C.5 responses with a table of 256 bytes': {
    table: 256,
    blocks: [
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        responseFields('302', '21'),
      ],
      ['4803 3330 37c1 c0bf', responseFields('307', '21')],
      [
        '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
        thirdResponse,
      ],
    ],
  },
  'C.6 responses in Huffman code with a table of 256 bytes': {
    table: 256,
    blocks: [
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        responseFields('302', '21'),
      ],
      ['4883 640e ffc1 c0bf', responseFields('307', '21')],
      [
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
        thirdResponse,
      ],
    ],
  },
}

for (const [name, { table, blocks }] of Object.entries(appendixC))
  t.test(`the decoder reads RFC 7541 ${name}`, async t => {
    const hpack = decoder({ maxTableBytes: table })
    for (const [hex, fields] of blocks) t.strictSame(decode(hpack, hex), fields)
  })

/** Blocks after which the table cannot be trusted. */
const broken: Record<string, string> = {
  'index 0': '80',
  'an index beyond the tables': 'be',
  'a name index beyond the tables': '7f00 0161',
  'an integer without end': 'ff',
  'an integer that overflows': 'ffff ffff ffff ff7f',
  'a string length without string': '0001',
  'a string longer than the block': '0001 6105 61',
  'a name alone': '0001 61',
  'a size update above the announced size': '3fe2 1f',
  'a size update behind a field': '8220',
  'padding longer than 7 bits': '0001 6182 ffff',
  'padding of zeros': '0001 6181 00',
  'EOS inside a string': '0001 6184 ffff ffff',
}

for (const [name, hex] of Object.entries(broken))
  t.test(`${name} is a compression error`, async t => {
    t.throws(() => decode(decoder(), hex), { code: errorCode.compressionError })
  })

t.test('a size update at the beginning empties the table', async t => {
  const hpack = decoder()
  decode(hpack, '4001 6101 62')
  t.strictSame(decode(hpack, 'be'), ['a: b'])
  t.throws(() => decode(hpack, '20be'), { code: errorCode.compressionError })
})

t.test('an entry larger than the table empties it and is still delivered', async t => {
  const hpack = decoder({ maxTableBytes: 40 })
  decode(hpack, '4001 6101 62')
  t.strictSame(decode(hpack, '4001 6109 6363 6363 6363 6363 63'), ['a: ccccccccc'])
  t.throws(() => decode(hpack, 'be'), { code: errorCode.compressionError })
})

t.test('past a limit fields are dropped, and the table still follows', async t => {
  const hpack = decoder({ maxFields: 1 })
  const block = new FieldBlock()
  const bytes = Buffer.from('82400161016282', 'hex')
  hpack.decode(bytes, 0, bytes.length, block)
  t.equal(block.tooLarge, true)
  t.equal(block.length, 1)
  t.strictSame(decode(hpack, 'be'), ['a: b'])
})

t.test('the decoded size is bounded, not that of the block', async t => {
  const hpack = decoder({ maxListBytes: 1000 })
  decode(hpack, `4001 617f 8104${'62'.repeat(640)}`)
  const block = new FieldBlock()
  const bomb = Buffer.alloc(60_000, 0xbe)
  hpack.decode(bomb, 0, bomb.length, block)
  t.equal(block.tooLarge, true)
  t.equal(block.length, 1)
})

t.test('an invalid field stays invalid when it comes back from the table', async t => {
  const hpack = decoder()
  const block = new FieldBlock()
  const verdicts = ['4001 6102 620a', 'be', '8286', '7e01 63', '4001 4101 62', '7e01 63'].map(
    hex => {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
      hpack.decode(bytes, 0, bytes.length, block)
      return block.fault !== undefined
    },
  )
  // LF in the value; the same; fine; its name with a good value; upper-case name; that name again.
  t.strictSame(verdicts, [true, true, false, false, true, true])
})

import t from 'tap'
import { readQuery, type Query } from '../../../../src/proxy/dns/message.ts'
import { fitDatagram, writeFault, writeReply } from '../../../../src/proxy/dns/reply.ts'
import {
  dnsQuery,
  headerOf,
  question,
  upstreamAnswer,
  type QueryFields,
} from '../../../support/dns.ts'

const queryOf = (fields: QueryFields = {}): Query => readQuery(dnsQuery(fields)) as Query

t.test('an address is one A record of the name as it was asked for, good for 30 s', async t => {
  const answer = writeReply(
    queryOf({ name: 'oRDers' }),
    { kind: 'address', address: '127.64.1.2' },
    true,
  )
  t.match(headerOf(answer), {
    id: 0x1234,
    response: true,
    authoritative: true,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: true,
    code: 0,
    counts: [1, 1, 0, 0],
  })
  const asked = question('oRDers')
  t.same(answer.subarray(12, 12 + asked.length), asked)
  t.same(
    [...answer.subarray(12 + asked.length)],
    [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 127, 64, 1, 2],
  )
})

t.test('no data is no error, and the SOA says for how long', async t => {
  const answer = writeReply(queryOf(), { kind: 'no-data' }, false)
  t.match(headerOf(answer), { code: 0, recursionAvailable: false, counts: [1, 0, 1, 0] })
  const record = answer.subarray(12 + question('orders').length)
  t.equal(record.readUInt16BE(2), 6)
  t.equal(record.readUInt16BE(10), record.length - 12)
  t.equal(record.readUInt32BE(record.length - 4), 30)
})

t.test(
  'an answer to EDNS has it too, with DO as it came and the upper bits of the code',
  async t => {
    const answer = writeReply(
      queryOf({ edns: 4096, dnssecOk: true }),
      { kind: 'error', code: 16 },
      true,
    )
    t.match(headerOf(answer), { code: 0, authoritative: false, counts: [1, 0, 0, 1] })
    t.same([...answer.subarray(-11)], [0, 0, 41, 1232 >> 8, 1232 & 255, 1, 0, 0x80, 0, 0, 0])
  },
)

t.test('a fault is a header that keeps what the query said', async t => {
  const fault = writeFault({ id: 5, flags: 0x2910 }, 4)
  t.equal(fault.length, 12)
  t.equal(fault.readUInt16BE(2), 0x8000 | 0x2910 | 4)
  t.match(headerOf(fault), { id: 5, counts: [0, 0, 0, 0] })
})

t.test(
  'a datagram holds 512 bytes, with EDNS as many as the client takes, at most 1232',
  async t => {
    const sizes: readonly (readonly [number | undefined, number, boolean])[] = [
      [undefined, 512, false],
      [undefined, 513, true],
      [100, 512, false],
      [100, 513, true],
      [1000, 1000, false],
      [1000, 1001, true],
      [4096, 1232, false],
      [4096, 1233, true],
    ]
    for (const [edns, size, truncated] of sizes) {
      const message = dnsQuery(edns === undefined ? {} : { edns })
      const bare = upstreamAnswer(message, '192.0.2.1', 1).length - 1
      const answer = upstreamAnswer(message, '192.0.2.1', size - bare)
      t.equal(answer.length, size)
      const fitted = fitDatagram(answer, readQuery(message) as Query)
      t.equal(headerOf(fitted).truncated, truncated, `${edns}: ${size}`)
      t.ok(fitted.length <= size)
      if (truncated) t.same(headerOf(fitted).counts, [1, 0, 0, edns === undefined ? 0 : 1])
    }
  },
)

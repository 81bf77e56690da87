import fc from 'fast-check'
import t from 'tap'
import { isAnswerTo, readQuery, type Query } from '../../../../src/proxy/dns/message.ts'
import { dnsQuery, header, nameBytes, opt, question, types } from '../../../support/dns.ts'

function queryOf(message: Buffer): Query {
  const query = readQuery(message)
  if (query === undefined || 'code' in query) throw new Error('is no query')
  return query
}

/** The code with which it is refused; undefined when it is dropped. */
function codeOf(message: Buffer): number | undefined {
  const fault = readQuery(message)
  if (fault !== undefined && !('code' in fault)) throw new Error(`is a query for ${fault.name}`)
  return fault?.code
}

const formatError = 1

t.test('a query tells its name in lower case, type, class and question as it came', async t => {
  const query = queryOf(dnsQuery({ id: 7, name: 'Orders.Default', type: types.AAAA }))
  t.match(query, { id: 7, name: 'orders.default', type: 28, class: 1, edns: undefined })
  t.same(query.question, question('Orders.Default', types.AAAA))
  t.equal(queryOf(dnsQuery({ name: '' })).name, '')
})

t.test('a dot within a label is no dot between labels', async t => {
  const asked = (...labels: string[]) =>
    queryOf(Buffer.concat([header(1, 0, [1, 0, 0, 0]), question(nameBytes(...labels))])).name
  t.equal(asked('orders.default'), 'orders\\.default')
  t.equal(asked('a\\', 'b'), 'a\\\\.b')
  // Only ASCII letters have two cases (RFC 4343): Ä is an octet.
  t.equal(asked('\u00c4A'), '\u00c4a')
})

t.test('EDNS is read wherever it stands among the additional records', async t => {
  const other = Buffer.concat([nameBytes('x'), Buffer.from([0, 16, 0, 1, 0, 0, 0, 0, 0, 1, 9])])
  const pointed = Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0])
  const parts = [question('orders'), other, pointed, opt({ edns: 4096, dnssecOk: true }), other]
  const query = queryOf(Buffer.concat([header(1, 0, [1, 1, 0, 3]), ...parts]))
  t.same(query.edns, { payloadBytes: 4096, version: 0, dnssecOk: true })
})

t.test('what is no query is dropped', async t => {
  t.equal(codeOf(Buffer.alloc(0)), undefined)
  t.equal(codeOf(dnsQuery().subarray(0, 11)), undefined)
  t.equal(codeOf(dnsQuery({ flags: 0x8100 })), undefined, 'an answer')
})

t.test('other operations are not implemented', async t => {
  t.equal(codeOf(dnsQuery({ flags: 5 << 11 })), 4, 'UPDATE')
  t.equal(codeOf(dnsQuery({ flags: 15 << 11 }).subarray(0, 12)), 4)
})

const faults: Record<string, Buffer> = {
  'no question': header(1, 0, [0, 0, 0, 0]),
  'two questions': Buffer.concat([
    header(1, 0, [2, 0, 0, 0]),
    question('orders'),
    question('payments'),
  ]),
  'a question that is not there': header(1, 0, [1, 0, 0, 0]),
  'a cut question': dnsQuery().subarray(0, -1),
  'a cut name': dnsQuery().subarray(0, 15),
  'a pointer to itself': dnsQuery().fill(Buffer.from([0xc0, 12]), 12, 14),
  'a pointer into the header': dnsQuery().fill(Buffer.from([0xc0, 0]), 12, 14),
  'a pointer beyond the end': dnsQuery().fill(Buffer.from([0xff, 0xff]), 12, 14),
  'a label of 64 octets': dnsQuery({ name: 'a'.repeat(64) }),
  'a name of 256 octets': dnsQuery({ name: `${'a.'.repeat(126)}bb` }),
  'a record whose name has a label of 64 octets': Buffer.concat([
    header(1, 0, [1, 0, 0, 1]),
    question('a'),
    question('b'.repeat(64), 16),
    Buffer.alloc(6),
  ]),
  'a byte too many': Buffer.concat([dnsQuery(), Buffer.from([0])]),
  'records that are not there': Buffer.concat([
    header(1, 0, [1, 65535, 65535, 65535]),
    question('a'),
  ]),
  'a record whose data are cut': Buffer.concat([
    header(1, 0, [1, 0, 0, 1]),
    question('a'),
    Buffer.from([0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 9, 1]),
  ]),
  'a record whose name is cut': Buffer.concat([
    header(1, 0, [1, 0, 0, 1]),
    question('a'),
    Buffer.from([0xc0]),
  ]),
  'two OPT records': Buffer.concat([header(1, 0, [1, 0, 0, 2]), question('a'), opt({}), opt({})]),
  'an OPT record among the answers': Buffer.concat([
    header(1, 0, [1, 1, 0, 0]),
    question('a'),
    opt({}),
  ]),
  'an OPT record with a name': Buffer.concat([
    header(1, 0, [1, 0, 0, 1]),
    question('a'),
    nameBytes('a'),
    opt({}).subarray(1),
  ]),
}

t.test('what cannot be read is a format error', async t => {
  for (const [name, message] of Object.entries(faults)) t.equal(codeOf(message), formatError, name)
})

t.test('the longest names are read', async t => {
  const name = `${'a.'.repeat(126)}b`
  t.equal(queryOf(dnsQuery({ name })).name.length, 253)
  t.equal(queryOf(dnsQuery({ name: 'a'.repeat(63) })).name, 'a'.repeat(63))
})

t.test('any bytes are a query, a fault or nothing, never an exception', async () => {
  const query = fc
    .record({ name: fc.stringMatching(/^[a-zA-Z.]{0,40}$/), edns: fc.option(fc.nat(65535)) })
    .map(({ name, edns }) => dnsQuery({ name, ...(edns !== null && { edns }) }))
  const broken = fc
    .tuple(query, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 }), fc.nat(60))
    .map(([message, changes, length]) => {
      for (const [at, octet] of changes) if (at < message.length) message[at] = octet
      return length < 12 ? message.subarray(0, message.length - length) : message
    })
  const garbage = fc.uint8Array({ maxLength: 600 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.oneof(broken, garbage), message => {
      const read = readQuery(message)
      if (read === undefined || 'code' in read) return
      const { question: asked } = read
      if (asked.length > 259 || !message.includes(asked)) throw new Error('reads what is not there')
    }),
    { numRuns: 2000 },
  )
})

t.test('an answer is one to this id and question', async t => {
  const query = queryOf(dnsQuery({ name: 'Example.com' }))
  const answer = (name: string, type: number = types.A, flags = 0x8180, id = 7) =>
    Buffer.concat([header(id, flags, [1, 0, 0, 0]), question(name, type)])
  t.equal(isAnswerTo(answer('Example.com'), query, 7), true)
  t.equal(isAnswerTo(answer('example.COM'), query, 7), true)
  t.equal(isAnswerTo(answer('example.com', types.A, 0x8180, 8), query, 7), false)
  t.equal(isAnswerTo(answer('example.org'), query, 7), false)
  t.equal(isAnswerTo(answer('example.com', types.AAAA), query, 7), false)
  t.equal(isAnswerTo(answer('example.com', types.A, 0x0180), query, 7), false, 'a query')
  t.equal(isAnswerTo(answer('example.com').subarray(0, 20), query, 7), false)
  t.equal(isAnswerTo(Buffer.alloc(3), query, 0), false)
  // Types are numbers: 65 and 97 are no letters.
  const https = queryOf(dnsQuery({ name: 'example.com', type: types.HTTPS }))
  t.equal(isAnswerTo(answer('example.com', 97), https, 7), false)
})

t.test('an error may come without the question, anything else may not', async t => {
  const query = queryOf(dnsQuery())
  t.equal(isAnswerTo(header(7, 0x8181, [0, 0, 0, 0]), query, 7), true)
  t.equal(isAnswerTo(header(7, 0x8180, [0, 0, 0, 0]), query, 7), false)
  t.equal(isAnswerTo(header(7, 0x8180, [0, 1, 0, 0]), query, 7), false)
  t.equal(isAnswerTo(Buffer.concat([header(7, 0x8181, [0, 0, 0, 1]), opt({})]), query, 7), true)
})

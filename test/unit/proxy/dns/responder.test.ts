import fc from 'fast-check'
import t, { type Test } from 'tap'
import { Forwarder } from '../../../../src/proxy/dns/forwarder.ts'
import { Responder, type DnsOutcome } from '../../../../src/proxy/dns/responder.ts'
import { buildZone } from '../../../../src/proxy/dns/zone.ts'
import {
  dnsQuery,
  headerOf,
  startResolver,
  types,
  upstreamAnswer,
  type Answering,
} from '../../../support/dns.ts'
import { serviceOf } from './services.ts'

const silent: Answering = () => undefined

async function startResponder(t: Test, answering?: Answering, timeoutMs = 5000) {
  const resolver = answering && (await startResolver(t, answering))
  const resolvers = resolver === undefined ? [] : [resolver.address]
  const forwarder = new Forwarder({ resolvers, randomId: () => 1, timeoutMs })
  const responder = new Responder(forwarder)
  const services = [serviceOf('orders', 80), serviceOf('payments', 80)]
  responder.zone = buildZone(services, name =>
    name === 'orders.default' ? '127.64.1.2' : undefined,
  )
  return { responder, resolver }
}

/** What was counted, without the zeros. */
function counted({ counts }: Responder): Partial<Record<DnsOutcome, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

t.test('a name of the mesh is answered without asking anybody', async t => {
  const { responder, resolver } = await startResponder(t, silent)
  const answer = responder.respond(dnsQuery(), 'udp') as Buffer
  t.match(headerOf(answer), { code: 0, authoritative: true, counts: [1, 1, 0, 0] })
  t.same(answer.subarray(-4), Buffer.from([127, 64, 1, 2]))
  const none = responder.respond(dnsQuery({ type: types.AAAA }), 'tcp') as Buffer
  t.match(headerOf(none), { code: 0, authoritative: true, counts: [1, 0, 1, 0] })
  t.equal(resolver?.queries.length, 0)
  t.same(counted(responder), { mesh: 2 })
})

t.test('a service that cannot be reached fails', async t => {
  const { responder } = await startResponder(t, silent)
  t.equal(headerOf(responder.respond(dnsQuery({ name: 'payments' }), 'udp') as Buffer).code, 2)
  t.same(counted(responder), { failed: 1 })
})

t.test(
  'other names are forwarded, and what does not fit into a datagram is asked again by TCP',
  async t => {
    const { responder } = await startResponder(t, query => upstreamAnswer(query, '192.0.2.1', 2000))
    const message = dnsQuery({ name: 'example.com', edns: 4096 })
    const short = headerOf((await responder.respond(message, 'udp')) as Buffer)
    t.match(short, { truncated: true, counts: [1, 0, 0, 1] })
    const whole = (await responder.respond(message, 'tcp')) as Buffer
    t.match(headerOf(whole), { truncated: false, counts: [1, 2, 0, 0] })
    t.same(counted(responder), { forwarded: 2 })
  },
)

t.test('an answer that its resolver cut is passed on as it is', async t => {
  const { responder } = await startResponder(t, query => {
    const cut = upstreamAnswer(query, '192.0.2.1')
    cut.writeUInt16BE(0x8380, 2)
    return cut
  })
  const answer = (await responder.respond(dnsQuery({ name: 'example.com' }), 'udp')) as Buffer
  t.match(headerOf(answer), { truncated: true, counts: [1, 1, 0, 0] })
})

t.test('a name that no resolver answers for fails, and without a resolver is refused', async t => {
  const lost = await startResponder(t, silent, 20)
  const message = dnsQuery({ name: 'example.com' })
  const failed = headerOf((await lost.responder.respond(message, 'udp')) as Buffer)
  t.match(failed, { code: 2, recursionAvailable: true })
  t.same(counted(lost.responder), { failed: 1 })
  const alone = await startResponder(t)
  const refused = headerOf(alone.responder.respond(message, 'udp') as Buffer)
  t.match(refused, { code: 5, recursionAvailable: false })
  t.same(counted(alone.responder), { refused: 1 })
})

t.test('what is malformed, unsupported or no query is told apart', async t => {
  const { responder } = await startResponder(t, silent)
  const code = (message: Buffer) => {
    const answer = responder.respond(message, 'udp') as Buffer | undefined
    return answer && headerOf(answer).code
  }
  t.equal(code(dnsQuery().subarray(0, 15)), 1)
  t.same(counted(responder), { malformed: 1 })
  t.equal(code(dnsQuery({ flags: 4 << 11 })), 4)
  const version = responder.respond(dnsQuery({ edns: 1232, ednsVersion: 1 }), 'udp') as Buffer
  t.same([...version.subarray(-11, -4)], [0, 0, 41, 1232 >> 8, 1232 & 255, 1, 0], 'BADVERS')
  t.same(counted(responder), { malformed: 1, unsupported: 2 })
  t.equal(code(dnsQuery({ flags: 0x8100 })), undefined)
  t.equal(code(Buffer.alloc(4097)), undefined)
  t.same(counted(responder), { malformed: 1, unsupported: 2, dropped: 2 })
})

t.test('whatever comes is answered or dropped, and counted once', async t => {
  const { responder } = await startResponder(t)
  let asked = 0
  const bytes = fc.uint8Array({ maxLength: 400 }).map(octets => {
    const message = Buffer.from(octets)
    // Mostly a query, so that what follows the header is looked at.
    if (message.length > 5 && message[0] !== 0) message.set([0, 0, 0, 1], 2)
    return message
  })
  fc.assert(
    fc.property(bytes, message => {
      const answer = responder.respond(message, 'udp')
      asked++
      if (answer === undefined) return
      if (answer instanceof Promise) throw new Error('there is nobody to ask')
      if (answer.readUInt16BE(0) !== message.readUInt16BE(0)) throw new Error('another id')
      if (!headerOf(answer).response) throw new Error('is no answer')
    }),
    { numRuns: 1000 },
  )
  t.equal(
    Object.values(responder.counts).reduce((sum, count) => sum + count),
    asked,
  )
})

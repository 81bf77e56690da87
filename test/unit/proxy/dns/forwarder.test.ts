import { createSocket } from 'node:dgram'
import t, { type Test } from 'tap'
import { Forwarder, type ForwarderOptions } from '../../../../src/proxy/dns/forwarder.ts'
import { readQuery, type Query } from '../../../../src/proxy/dns/message.ts'
import type { Transport } from '../../../../src/proxy/dns/upstream-exchange.ts'
import {
  dnsQuery,
  headerOf,
  startResolver,
  upstreamAnswer,
  type Answering,
} from '../../../support/dns.ts'

type Options = Partial<ForwarderOptions>

function startForwarder(
  t: Test,
  options: Options,
): (message: Buffer, by?: Transport) => Promise<Buffer | undefined> {
  let id = 1000
  const forwarder = new Forwarder({ resolvers: [], randomId: () => id++, ...options })
  t.teardown(() => forwarder.close())
  return (message, by = 'udp') => forwarder.forward(message, readQuery(message) as Query, by)
}

const answers: Answering = query => upstreamAnswer(query, '192.0.2.1')

for (const transport of ['udp', 'tcp'] as const) {
  t.test(`by ${transport}`, async t => {
    t.test(
      'an answer comes back with the id of the query, which the resolver never saw',
      async t => {
        const resolver = await startResolver(t, answers)
        const forward = startForwarder(t, { resolvers: [resolver.address] })
        const message = dnsQuery({ id: 77, name: 'example.com', edns: 4096 })
        const answer = await forward(message, transport)
        t.equal(answer && headerOf(answer).id, 77)
        t.same(answer?.subarray(-4), Buffer.from([192, 0, 2, 1]))
        t.equal(resolver.queries[0]?.readUInt16BE(0), 1000)
        t.same(resolver.queries[0]?.subarray(2), message.subarray(2))
        t.equal(message.readUInt16BE(0), 77, 'the query is left as it was')
      },
    )

    t.test('a wrong id, a wrong question and garbage are passed over', async t => {
      const resolver = await startResolver(t, query => {
        const wrongId = upstreamAnswer(query, '198.51.100.1')
        wrongId.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0)
        const wrongName = Buffer.from(query)
        wrongName.write('f', 13)
        const others = [
          wrongId,
          upstreamAnswer(wrongName, '198.51.100.2'),
          Buffer.alloc(12, 255),
          query,
        ]
        return [...others, upstreamAnswer(query, '192.0.2.1')]
      })
      const forward = startForwarder(t, { resolvers: [resolver.address] })
      const answer = await forward(dnsQuery({ name: 'example.com' }), transport)
      t.same(answer?.subarray(-4), Buffer.from([192, 0, 2, 1]))
    })

    t.test('a resolver that is silent makes way for the next after the timeout', async t => {
      const silent = await startResolver(t, () => undefined)
      const resolver = await startResolver(t, answers)
      const resolvers = [silent.address, resolver.address]
      const forward = startForwarder(t, { resolvers, timeoutMs: 200 })
      t.ok(await forward(dnsQuery({ name: 'example.com' }), transport))
      t.equal(silent.queries.length, 1)
      const ids = [silent, resolver].map(({ queries }) => queries[0]?.readUInt16BE(0))
      t.same(ids, [1000, 1001], 'each try has an id of its own')
    })

    t.test('a port where nobody listens makes way at once', async t => {
      const resolver = await startResolver(t, answers)
      const resolvers = [{ host: '127.0.0.1', port: await closedPort() }, resolver.address]
      const forward = startForwarder(t, { resolvers, timeoutMs: 60_000 })
      t.ok(await forward(dnsQuery({ name: 'example.com' }), transport))
    })

    t.test(
      'one that declines makes way too, and its word counts if no other has a better',
      async t => {
        const declining = (code: number): Answering => {
          return query => {
            const answer = upstreamAnswer(query, '192.0.2.9')
            answer.writeUInt16BE(0x8180 | code, 2)
            return answer
          }
        }
        for (const code of [2, 4, 5]) {
          const refusing = await startResolver(t, declining(code))
          const resolver = await startResolver(t, declining(3))
          const both = startForwarder(t, { resolvers: [refusing.address, resolver.address] })
          const answer = await both(dnsQuery({ name: 'example.com' }), transport)
          t.equal(answer && headerOf(answer).code, 3, 'NXDOMAIN is an answer')
          const alone = startForwarder(t, { resolvers: [refusing.address] })
          const declined = await alone(dnsQuery({ name: 'example.com' }), transport)
          t.equal(declined && headerOf(declined).code, code)
        }
      },
    )

    t.test('there is no answer when no resolver has one', async t => {
      const silent = await startResolver(t, () => undefined)
      const resolvers = [silent.address, silent.address]
      const forward = startForwarder(t, { resolvers, timeoutMs: 20 })
      t.equal(await forward(dnsQuery({ name: 'example.com' }), transport), undefined)
      t.equal(silent.queries.length, 2)
    })
  })
}

t.test('queries that differ by their id alone share one question', async t => {
  const resolver = await startResolver(t, answers)
  const forward = startForwarder(t, { resolvers: [resolver.address] })
  const ids = [1, 2, 3]
  const same = await Promise.all(ids.map(id => forward(dnsQuery({ id, name: 'example.com' }))))
  t.same(
    same.map(answer => answer && headerOf(answer).id),
    ids,
  )
  t.equal(resolver.queries.length, 1)
  await forward(dnsQuery({ name: 'example.com' }))
  t.equal(resolver.queries.length, 2, 'nothing is kept')
})

t.test('each question comes from a port of its own', async t => {
  const resolver = await startResolver(t, answers)
  const forward = startForwarder(t, { resolvers: [resolver.address] })
  const names = ['a.example', 'b.example', 'c.example']
  await Promise.all(names.map(name => forward(dnsQuery({ name }))))
  t.equal(new Set(resolver.sources).size, 3)
})

t.test('beyond the most that may wait, queries fail at once', async t => {
  const silent = await startResolver(t, () => undefined)
  const resolvers = [silent.address]
  const forward = startForwarder(t, { resolvers, timeoutMs: 40, maxWaiting: 2 })
  const waiting = [1, 2].map(id => forward(dnsQuery({ id, name: `${id}.example` })))
  const order: string[] = []
  void Promise.all(waiting).then(() => order.push('waited'))
  await forward(dnsQuery({ name: '3.example' }))
  t.same(order, [])
  await Promise.all(waiting)
  t.equal(silent.queries.length, 2)
})

t.test('close ends all waits', async t => {
  const silent = await startResolver(t, () => undefined)
  const resolvers = [silent.address, silent.address]
  const forwarder = new Forwarder({ resolvers, randomId: () => 1, timeoutMs: 60_000 })
  const message = dnsQuery({ name: 'example.com' })
  const waits = (['udp', 'tcp'] as const).map(transport =>
    forwarder.forward(message, readQuery(message) as Query, transport),
  )
  forwarder.close()
  t.same(await Promise.all(waits), [undefined, undefined])
})

async function closedPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(resolve))
  return port
}

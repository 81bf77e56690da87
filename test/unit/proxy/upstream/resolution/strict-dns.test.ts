import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import type { Cluster } from '../../../../../src/model/cluster.ts'
import type { Endpoint } from '../../../../../src/model/endpoint.ts'
import type { Snapshot } from '../../../../../src/model/snapshot.ts'
import { Exchange } from '../../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../../src/proxy/exchange/filter.ts'
import { ActiveCluster } from '../../../../../src/proxy/upstream/cluster.ts'
import { StrictDns } from '../../../../../src/proxy/upstream/resolution/strict-dns.ts'
import { FakeServerStream } from '../../../../support/fake-streams.ts'
import { clusterPolicy } from '../../../../support/policies.ts'

const name = 'api.example:80'
const named: Endpoint = {
  id: 'api.example:443',
  address: 'api.example',
  port: 443,
  weight: 1,
  workload: 'api.example',
}
const policy = clusterPolicy({ name, discovery: 'dns' })

function snapshotOf(
  clusters: Record<string, Cluster>,
  endpoints: Record<string, Endpoint[]>,
): Snapshot {
  return {
    version: 'test',
    services: {},
    clusters,
    endpoints,
    inbound: { mtls: 'strict' },
    outbound: { trafficPolicy: 'allowAny' },
  }
}

/** Follows `api.example`, for which the test answers. */
function start(t: Test) {
  const questions: PromiseWithResolvers<{ addresses: string[] }>[] = []
  let closed = false
  const strictDns = new StrictDns({
    resolver: {
      resolve: () => {
        const question = Promise.withResolvers<{ addresses: string[] }>()
        questions.push(question)
        return question.promise
      },
      close: () => {
        closed = true
      },
    },
    logger: silentLogger,
    random: () => 0.5,
  })
  t.teardown(() => strictDns.close())
  const pools = {
    lend: () => {
      throw new Error('nobody connects here')
    },
    giveBack: () => {},
  }
  const cluster = new ActiveCluster(policy, [], { pools, now: () => 0, random: () => 0.5 })
  // What an update has made of the endpoints is enough here; ways to them are for others.
  let endpoints: readonly Endpoint[] = []
  cluster.update = (_policy, given) => {
    endpoints = given
  }
  Object.defineProperty(cluster, 'endpoints', { get: () => endpoints })
  const clusters = new Map([[name, cluster]])
  strictDns.follow(snapshotOf({ [name]: policy }, { [name]: [named] }), clusters)
  const chain = new Chain({ filters: [], terminal: () => {}, now: () => 0 })
  const waiting = () => {
    const stream = new FakeServerStream()
    const exchange = new Exchange(stream, chain)
    let went = false
    strictDns.hold(exchange, cluster, () => {
      went = true
    })
    return { stream, exchange, went: () => went }
  }
  const answer = async (addresses: string[]): Promise<void> => {
    questions.at(-1)?.resolve({ addresses })
    await turn()
  }
  const refuse = async (message: string): Promise<void> => {
    questions.at(-1)?.reject(new Error(message))
    await turn()
  }
  const result = { strictDns, cluster, waiting, answer, refuse, clusters, questions }
  return { ...result, endpoints: () => endpoints, closed: () => closed }
}

t.test('each address of a name is an endpoint', async t => {
  const { answer, endpoints, strictDns } = start(t)
  t.same(strictDns.endpointsOf(policy, [named]), [])
  await answer(['10.0.0.2', 'fd00::1'])
  t.match(endpoints(), [
    { id: '10.0.0.2:443', address: '10.0.0.2', port: 443, workload: 'api.example' },
    { id: '[fd00::1]:443', address: 'fd00::1' },
  ])
  t.same(strictDns.endpointsOf(policy, [named]), endpoints())
  const plain = clusterPolicy()
  t.same(strictDns.endpointsOf(plain, [named]), [named])
})

t.test('requests wait for the first answer, and go when it is there', async t => {
  const { answer, waiting } = start(t)
  const [one, other] = [waiting(), waiting()]
  t.notOk(one.went())
  one.exchange.onReset({ code: 'downstream_closed' } as never)
  await answer(['10.0.0.2'])
  t.ok(other.went())
  t.notOk(one.went(), 'whoever has left does not go')
})

t.test('a failure ends the wait with its reason, and further ones need not wait', async t => {
  const { refuse, waiting } = start(t)
  const first = waiting()
  await refuse('queryA ENOTFOUND api.example')
  for (const { stream, exchange } of [first, waiting()]) {
    t.equal(exchange.reason, 'dns_failed')
    t.match(stream.body, 'no address of api.example:80 is known (api.example: queryA ENOTFOUND')
  }
})

t.test('more than a thousand do not wait', async t => {
  const { waiting } = start(t)
  const all = Array.from({ length: 1025 }, waiting)
  t.equal(all.at(-1)?.exchange.reason, 'overloaded')
  t.equal(all.at(-2)?.exchange.reason, undefined)
})

t.test('a cluster that goes takes its name and its waiters along', async t => {
  const { strictDns, waiting, answer, endpoints } = start(t)
  const { exchange } = waiting()
  strictDns.follow(snapshotOf({}, {}), new Map())
  t.equal(exchange.reason, 'dns_failed')
  await answer(['10.0.0.2'])
  t.same(endpoints(), [])
})

t.test('a name that is still named is not asked for anew', async t => {
  const { strictDns, clusters, questions, closed } = start(t)
  strictDns.follow(snapshotOf({ [name]: policy }, { [name]: [named] }), clusters)
  t.equal(questions.length, 1)
  strictDns.close()
  t.ok(closed())
})

t.test('who waits goes when a snapshot says another address', async t => {
  const { strictDns, cluster, waiting, clusters } = start(t)
  const { went } = waiting()
  const fixed = { ...named, id: '10.0.0.9:443', address: '10.0.0.9' }
  cluster.update(policy, [fixed])
  strictDns.follow(snapshotOf({ [name]: policy }, { [name]: [fixed] }), clusters)
  t.ok(went())
})

t.test('who leaves while others go is counted once', async t => {
  const { strictDns, cluster, answer, waiting } = start(t)
  const chain = new Chain({ filters: [], terminal: () => {}, now: () => 0 })
  const first = new Exchange(new FakeServerStream(), chain)
  const others: Exchange[] = []
  strictDns.hold(first, cluster, () => others[0]?.onReset({ code: 'downstream_closed' } as never))
  others.push(waiting().exchange)
  await answer(['10.0.0.2'])
  cluster.update(policy, [])
  const elsewhere = { ...named, id: 'b.example:443', address: 'b.example' }
  strictDns.follow(
    snapshotOf({ [name]: policy }, { [name]: [elsewhere] }),
    new Map([[name, cluster]]),
  )
  const all = Array.from({ length: 1025 }, waiting)
  t.equal(all.at(-1)?.exchange.reason, 'overloaded')
  t.equal(all.at(-2)?.exchange.reason, undefined)
})

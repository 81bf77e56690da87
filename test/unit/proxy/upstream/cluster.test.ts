import t, { type Test } from 'tap'
import type { Cluster } from '../../../../src/model/cluster.ts'
import type { Endpoint } from '../../../../src/model/endpoint.ts'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'

function start(t: Test, policy: Partial<Cluster>, endpoints: readonly Endpoint[]) {
  const clock = { now: 0 }
  const pools = {
    lend: () =>
      new ConnectionPool({
        name: 'test',
        dial: () => new Promise(() => {}),
        maxConnections: 1,
        maxPending: 1,
      }),
    giveBack: (pool: ConnectionPool) => pool.close(),
  }
  const cluster = new ActiveCluster(clusterPolicy(policy), endpoints, {
    pools,
    now: () => clock.now,
    random: () => 0,
  })
  t.teardown(() => cluster.close())
  return { cluster, clock }
}

t.test('what a person has set of the breaker outlives a change of its policy', async t => {
  const { cluster } = start(t, {}, [])
  const { circuitBreaker } = clusterPolicy()
  cluster.breaker.set('open')
  cluster.update(clusterPolicy({ circuitBreaker: { ...circuitBreaker, minRequests: 1 } }), [])
  t.match(cluster.breaker.status, { state: 'open', setting: 'open' })
})

const slowStart = { windowMs: 1000, minRatio: 0.1, aggression: 1 }

t.test(
  'an endpoint that joins those that serve begins slowly, one of a new cluster does not',
  async t => {
    const [first, second, third] = [1, 2, 3].map(port => endpointAt(port))
    if (first === undefined || second === undefined || third === undefined) throw new Error('three')
    const policy = clusterPolicy({ slowStart })
    const { cluster, clock } = start(t, { slowStart }, [first])
    const weights = () => cluster.endpoints.map(({ weight }) => weight)
    t.strictSame(weights(), [1])
    clock.now = 100
    cluster.update(policy, [first, second])
    cluster.pick(100, undefined)
    t.strictSame(weights(), [1, 0.1])
    cluster.update(policy, [first, second])
    cluster.pick(600, undefined)
    t.strictSame(weights(), [1, 0.5], 'a snapshot does not begin it anew')
    for (const state of cluster.endpoints) state.healthy = false
    cluster.update(policy, [first, second, third])
    cluster.pick(1100, undefined)
    t.strictSame(weights(), [1, 1, 1], 'nobody else can serve')
  },
)

t.test('a snapshot that changes other clusters leaves the order of turns', async t => {
  const endpoints = [1, 2, 3].map(port => endpointAt(port))
  const { cluster } = start(t, {}, endpoints)
  const turns = Array.from({ length: 6 }, (_, turn) => {
    if (turn % 2 === 0) cluster.update(clusterPolicy(), structuredClone(endpoints))
    return cluster.pick(0, undefined)?.endpoint.port
  })
  t.strictSame(turns, [1, 2, 3, 1, 2, 3])
})

t.test('a policy that changes makes another balancer of the same endpoints', async t => {
  const endpoints = [1, 2].map(port => endpointAt(port))
  const { cluster } = start(t, {}, endpoints)
  cluster.update(
    clusterPolicy({ loadBalancing: 'maglev', hashOn: [{ kind: 'source', name: '' }] }),
    endpoints,
  )
  const selection = { hash: 5, subset: undefined, setCookie: undefined }
  const picked = new Set(Array.from({ length: 10 }, () => cluster.pick(0, undefined, selection)))
  t.equal(picked.size, 1)
})

t.test('other TLS makes other connections, and the balancer leads to these', async t => {
  const endpoints = [1, 2].map(port => endpointAt(port))
  const { cluster } = start(t, {}, endpoints)
  const [former] = cluster.endpoints
  const tls = { serverName: 'api.example' } as NonNullable<Cluster['tls']>
  cluster.update(clusterPolicy({ tls }), endpoints)
  const picked = cluster.pick(0, undefined)
  t.not(picked, former)
  t.ok(picked !== undefined && cluster.endpoints.includes(picked))
})

t.test('an endpoint that warms up has all of its weight when slow start is taken away', async t => {
  const endpoints = [1, 2].map(port => endpointAt(port))
  const { cluster, clock } = start(t, { slowStart }, endpoints.slice(0, 1))
  clock.now = 100
  cluster.update(clusterPolicy({ slowStart }), endpoints)
  cluster.pick(100, undefined)
  t.equal(cluster.endpoints[1]?.weight, 0.1)
  cluster.update(clusterPolicy(), endpoints)
  cluster.pick(200, undefined)
  t.equal(cluster.endpoints[1]?.weight, 1)
})

t.test('a call that streams ends the probation of its endpoint when its answer begins', async t => {
  const { cluster } = start(t, {}, [endpointAt(1)])
  const [endpoint] = cluster.endpoints
  if (endpoint === undefined) throw new Error('one')
  endpoint.onProbation = true
  endpoint.active = 1
  t.notOk(endpoint.mayServe)
  cluster.observeHead(endpoint, undefined, 5, 0)
  t.ok(endpoint.mayServe)
})

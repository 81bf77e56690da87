import t from 'tap'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import { PoolSet } from '../../../../src/proxy/upstream/pool-set.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'

t.test('another TLS never rides on the old connections', async t => {
  const dialed: (string | undefined)[] = []
  const pools = new PoolSet(({ tls }) => {
    dialed.push(tls?.serverName)
    return new Promise(() => {})
  })
  const environment = { pools, now: () => 0, random: () => 0.5 }
  const endpoint = endpointAt(443)
  const policy = clusterPolicy({ tls: { serverName: 'a.example' } })
  const cluster = new ActiveCluster(policy, [endpoint], environment)
  const dial = (): void => cluster.endpoints[0]?.pool('http/1.1', 0).warm()
  const first = cluster.endpoints[0]
  dial()
  cluster.update({ ...policy, connectTimeoutMs: 7 }, [endpoint])
  t.equal(cluster.endpoints[0], first, 'what is the same is kept')
  for (const tls of [{ serverName: 'b.example' }, { serverName: 'b.example', caFile: '/ca' }]) {
    cluster.update({ ...policy, tls }, [endpoint])
    dial()
  }
  const { tls: _, ...plain } = policy
  cluster.update(plain, [endpoint])
  dial()
  t.same(dialed, ['a.example', 'b.example', 'b.example', undefined])
})

import t from 'tap'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import { HostClusters } from '../../../../src/proxy/upstream/host-clusters.ts'
import { PoolSet } from '../../../../src/proxy/upstream/pool-set.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'

const name = '*.example.com:80'

function start() {
  const pools = new PoolSet(() => new Promise(() => {}))
  const environment = { pools, now: () => 0, random: () => 0.5 }
  const policy = clusterPolicy({ name, discovery: 'host', tls: { serverName: '*.example.com' } })
  const endpoint = endpointAt(443, { id: name, address: '*.example.com' })
  const wildcard = new ActiveCluster(policy, [endpoint], environment)
  return { hosts: new HostClusters(environment), wildcard, policy, endpoint, environment }
}

t.test('each host has a cluster of its own, and is asked for by its name', async t => {
  const { hosts, wildcard } = start()
  const cluster = hosts.of(wildcard, 'a.example.com:80')
  t.match(cluster?.policy, { name: `${name} a.example.com`, tls: { serverName: 'a.example.com' } })
  t.match(cluster?.endpoints[0]?.endpoint, { id: 'a.example.com:443', address: 'a.example.com' })
  for (const same of ['a.example.com', 'a.example.com.', 'a.example.com:8080'])
    t.equal(hosts.of(wildcard, same), cluster, same)
  t.not(hosts.of(wildcard, 'b.example.com'), cluster)
  t.equal(cluster?.stats, wildcard.stats)
})

t.test('what is no name of a host leads nowhere', async t => {
  const { hosts, wildcard } = start()
  for (const authority of ['', 'localhost', 'a/b.example.com', '[::1]:80', 'a..example.com'])
    t.equal(hosts.of(wildcard, authority), undefined, authority)
})

t.test('what is not below the wildcard is not reached by it', async t => {
  const { hosts, wildcard } = start()
  for (const authority of ['evil.org', 'evil-example.com', 'example.com', 'a.example.com.evil.org'])
    t.equal(hosts.of(wildcard, authority), undefined, authority)
})

t.test('a thousand hosts are remembered, those that were called last', async t => {
  const { hosts, wildcard } = start()
  const first = hosts.of(wildcard, 'h0.example.com')
  const second = hosts.of(wildcard, 'h1.example.com')
  for (let index = 2; index < 1024; index++) hosts.of(wildcard, `h${index}.example.com`)
  t.equal(hosts.of(wildcard, 'h0.example.com'), first)
  hosts.of(wildcard, 'new.example.com')
  t.equal(hosts.of(wildcard, 'h0.example.com'), first)
  t.not(hosts.of(wildcard, 'h1.example.com'), second)
})

t.test('a snapshot changes what a wildcard says, or ends it', async t => {
  const { hosts, wildcard, policy, endpoint } = start()
  const cluster = hosts.of(wildcard, 'a.example.com')
  wildcard.update({ ...policy, connectTimeoutMs: 7 }, [endpoint])
  hosts.applied(new Map([[name, wildcard]]))
  t.equal(hosts.of(wildcard, 'a.example.com'), cluster)
  t.equal(cluster?.policy.connectTimeoutMs, 7)
  hosts.applied(new Map())
  t.not(hosts.of(wildcard, 'a.example.com'), cluster)
})

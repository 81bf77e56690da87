import t from 'tap'
import { formatAddress, PassthroughClusters } from '../../../../src/proxy/upstream/passthrough.ts'
import type { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'

function create() {
  let lent = 0
  const pools = {
    lend: () => {
      lent++
      return { close() {} } as unknown as ConnectionPool
    },
    giveBack: () => void lent--,
  }
  const clusters = new PassthroughClusters({ pools, now: () => 0, random: () => 0 })
  return { clusters, lent: () => lent }
}

t.test('an address has one cluster, and all are counted together', async t => {
  const { clusters } = create()
  const first = clusters.to({ host: '10.0.0.1', port: 80 })
  t.equal(clusters.to({ host: '10.0.0.1', port: 80 }), first)
  t.not(clusters.to({ host: '10.0.0.1', port: 81 }), first)
  t.equal(first.stats, clusters.stats)
  clusters.close()
})

t.test('the one that was used longest ago is forgotten when there are too many', async t => {
  const { clusters, lent } = create()
  const first = clusters.to({ host: '10.0.0.1', port: 1 })
  const second = clusters.to({ host: '10.0.0.1', port: 2 })
  for (let port = 3; port <= 1024; port++) clusters.to({ host: '10.0.0.1', port })
  t.equal(clusters.to({ host: '10.0.0.1', port: 1 }), first)
  clusters.to({ host: '10.0.0.1', port: 2000 })
  t.equal(lent(), 1024)
  t.equal(clusters.to({ host: '10.0.0.1', port: 1 }), first)
  t.not(clusters.to({ host: '10.0.0.1', port: 2 }), second)
  clusters.close()
  t.equal(lent(), 0)
})

t.test('addresses are written as authorities have them', async t => {
  t.equal(formatAddress({ host: '10.0.0.1', port: 80 }), '10.0.0.1:80')
  t.equal(formatAddress({ host: 'fd00::1', port: 80 }), '[fd00::1]:80')
})

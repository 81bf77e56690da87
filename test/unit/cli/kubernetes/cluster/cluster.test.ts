import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { Cluster } from '../../../../../src/cli/kubernetes/cluster/cluster.ts'
import { fakeKubectl } from '../../../../support/install/fake-kubectl.ts'

const named = (name: string) => ({ metadata: { name } })

t.test('it asks through kubectl, and leaves nothing behind', async t => {
  const left = () => readdirSync(tmpdir()).filter(name => name.startsWith('weft-kubectl-'))
  const before = left().length
  const kubectl = fakeKubectl(t, {
    'GET /version': { gitVersion: 'v1.34.0' },
    'GET /api/v1/pods': { items: ['a', 'b', 'c', 'd', 'e'].map(named) },
    'POST /reviews': { status: { allowed: true } },
    'GET /secret': 403,
    'GET /broken': 'hang up',
  })
  {
    await using cluster = await Cluster.open({ kubectl })
    t.match(await cluster.ask('GET', '/version'), {
      status: 200,
      body: { gitVersion: 'v1.34.0' },
      serverTime: Number,
    })
    t.match(await cluster.ask('POST', '/reviews', {}), { body: { status: { allowed: true } } })
    const pods = await cluster.list('/api/v1/pods')
    t.same(
      pods.map(({ metadata }) => metadata.name),
      ['a', 'b', 'c', 'd', 'e'],
    )
    t.equal(await cluster.get('/nothing'), undefined)
    t.same(await cluster.list('/kind/that/is/not/there'), [])
    await t.rejects(cluster.get('/secret'), { status: 403, message: 'it says 403 (/secret)' })
    await t.rejects(cluster.get('/broken'), { status: undefined, message: /cannot be asked/ })
  }
  t.equal(left().length, before)
})

t.test('what kubectl says is passed on, where it cannot begin', async t => {
  const kubectl = fakeKubectl(t, {})
  await t.rejects(Cluster.open({ kubectl, context: 'unknown' }), {
    exitCode: 2,
    message: /context "unknown" does not exist/,
  })
  await t.rejects(Cluster.open({ kubectl: '/nonexistent' }), {
    exitCode: 2,
    message: 'there is no /nonexistent: install it, or name it with --kubectl',
  })
})

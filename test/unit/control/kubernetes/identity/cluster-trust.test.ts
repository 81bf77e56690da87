import t, { type Test } from 'tap'
import { monotonicNow } from '../../../../../src/base/clock.ts'
import { silentLogger } from '../../../../../src/base/log.ts'
import {
  ClusterTrust,
  type ClusterTrustOptions,
} from '../../../../../src/control/kubernetes/identity/cluster-trust.ts'
import { webhookConfigurations } from '../../../../../src/control/kubernetes/webhook/webhook-authority.ts'
import { eventually } from '../../../../support/mesh.ts'
import { startApi } from './bound-token.ts'

const configMaps = '/api/v1/configmaps'

async function start(t: Test, options: Partial<ClusterTrustOptions> = {}) {
  const { server, api } = await startApi(t)
  const leader = { isLeader: true }
  const namespaces = ['default']
  const authority = { bundle: 'one' }
  const told: unknown[] = []
  server.handlers.set(`PATCH ${webhookConfigurations}/weft-injector`, body => {
    told.push(body)
    return {}
  })
  const trust = ClusterTrust.start({
    api,
    bundle: () => authority.bundle,
    namespaces: () => namespaces,
    leader,
    webhook: true,
    logger: silentLogger,
    now: monotonicNow,
    random: () => 0,
    ...options,
  })
  t.teardown(() => trust.close())
  const bundleIn = (namespace: string): unknown => {
    const data = server.find(configMaps, `${namespace}/weft-trust-bundle`)?.['data']
    return (data as Record<string, string> | undefined)?.['trust-bundle.pem']
  }
  return { server, trust, leader, namespaces, authority, told, bundleIn }
}

t.test('the bundle comes to each namespace, also to those that are new', async t => {
  const { trust, namespaces, bundleIn } = await start(t)
  await eventually(() => bundleIn('default'), Boolean)
  namespaces.push('shop')
  trust.changed()
  await eventually(() => bundleIn('shop'), Boolean)
})

t.test('what somebody deletes or changes is there again', async t => {
  const { server, bundleIn } = await start(t)
  await eventually(() => bundleIn('default'), Boolean)
  server.remove(configMaps, 'default/weft-trust-bundle')
  await eventually(() => bundleIn('default'), Boolean)
  const metadata = { namespace: 'default', name: 'weft-trust-bundle' }
  server.put(configMaps, { metadata, data: { 'trust-bundle.pem': 'forged' } })
  await eventually(
    () => bundleIn('default'),
    bundle => bundle === 'one',
  )
})

t.test('only who leads writes, and begins when it comes to lead', async t => {
  const leader = { isLeader: false }
  const { server, trust, bundleIn } = await start(t, { leader })
  await eventually(
    () => trust.status,
    watches => watches.every(({ synced }) => synced),
  )
  t.ok(server.requests.every(({ method }) => method === 'GET'))
  leader.isLeader = true
  trust.changed()
  await eventually(() => bundleIn('default'), Boolean)
})

t.test('the API server is told of the CA as soon as the webhook is installed', async t => {
  const { server, told } = await start(t)
  const metadata = { name: 'weft-injector' }
  const webhooks = [{ name: 'pod.weft.dev', clientConfig: { service: {} } }]
  server.put(webhookConfigurations, { metadata: { name: 'of others' }, webhooks })
  server.put(webhookConfigurations, { metadata, webhooks })
  const [patch] = await eventually(
    () => told,
    list => list.length > 0,
  )
  t.match(patch, [{ op: 'test' }, { path: '/webhooks/0/clientConfig/caBundle' }])
})

t.test('without a webhook nothing of webhooks is asked for', async t => {
  const { server, trust, bundleIn } = await start(t, { webhook: false })
  await eventually(() => bundleIn('default'), Boolean)
  t.equal(trust.status.length, 1)
  t.notOk(server.requests.some(({ path }) => path.includes('webhook')))
})

t.test('after an outage of the API server all is caught up', async t => {
  const { server, namespaces, trust, bundleIn } = await start(t)
  await eventually(() => bundleIn('default'), Boolean)
  await server.down()
  namespaces.push('shop')
  trust.changed()
  await server.up()
  await eventually(() => bundleIn('shop'), Boolean)
})

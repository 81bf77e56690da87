import t, { type Test } from 'tap'
import { wallNow } from '../../../../src/base/clock.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { CertificateAuthority } from '../../../../src/control/certificate-authority.ts'
import { KubernetesPlatform } from '../../../../src/control/kubernetes/kubernetes-platform.ts'
import { MetricsRegistry } from '../../../../src/telemetry/metrics.ts'
import { FakeApiServer } from '../../../support/kubernetes/fake-api-server.ts'
import { eventually } from '../../../support/mesh.ts'

const options = {
  trustDomain: 'weft.local',
  environment: {},
  version: '1.2.3',
  logger: silentLogger,
  now: wallNow,
  random: () => 0,
}
const own = { namespace: 'weft-system', replica: 'one' }

async function start(t: Test, changes: object = {}) {
  const server = await FakeApiServer.start(t)
  const tokenFile = `${t.testdir({ token: server.token })}/token`
  const given = { ...own, server: server.url, tokenFile, caFile: '', ...changes }
  const platform = new KubernetesPlatform(given, options)
  const trustDomain = 'weft.local'
  const store = platform.authorityStore
  const authority = await CertificateAuthority.open({ store, trustDomain, now: wallNow })
  const { configuration } = await platform.source.load()
  const feed = { configuration, status: { loadedAt: '', problems: [] } }
  await platform.start({ authority, feed, removeRegistration: () => {} })
  return { server, platform }
}

t.test('outside a cluster it says what is missing', async t => {
  t.throws(() => new KubernetesPlatform(own, options), /KUBERNETES_SERVICE_HOST is not set/)
})

t.test('it tells what it holds, who leads, and what the injector did', async t => {
  const { platform } = await start(t, { webhook: { host: '127.0.0.1', port: 0 } })
  t.teardown(() => platform.close())
  await eventually(
    () => platform.status(),
    status => (status as { leader?: { isLeader: boolean } }).leader?.isLeader === true,
  )
  t.match(platform.status(), { injection: { problems: [] }, leftOut: [] })
  const metrics = new MetricsRegistry()
  metrics.register(platform.metrics)
  const { body } = await metrics.expose()
  for (const line of [
    'weft_control_kubernetes_leader 1',
    'weft_control_kubernetes_objects{kind="Services"} 0',
    'weft_control_kubernetes_synced{kind="ConfigMaps weft-trust-bundle"} 1',
    'weft_control_kubernetes_token_reviews_postponed_total 0',
    'weft_webhook_requests_total{outcome="injected"} 0',
  ])
    t.ok(body.split('\n').includes(line), line)
  t.ok((platform.webhookPort ?? 0) > 0)
})

t.test('closed, it leaves no watch, and the lease to others', async t => {
  const { server, platform } = await start(t)
  const holder = (): unknown => {
    const lease = server.find('/apis/coordination.k8s.io/v1/leases', 'weft-system/weft-control')
    return (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity
  }
  await eventually(holder, name => name === 'one')
  t.equal(platform.webhookPort, undefined)
  await platform.close()
  t.notOk(holder())
  await eventually(
    () => server.watching,
    count => count === 0,
  )
})

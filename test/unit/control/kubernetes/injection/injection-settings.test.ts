import t from 'tap'
import { injectionSettings } from '../../../../../src/control/kubernetes/injection/injection-settings.ts'

t.test('nothing has to be set', async t => {
  t.same(injectionSettings.parse({}), {
    controlPlane: 'weft-control.weft-system.svc:15012',
    mode: 'dns',
    clusterDns: ['10.96.0.10'],
    clusterDomain: 'cluster.local',
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
  })
})

t.test('a setting that would break every pod is refused', async t => {
  for (const bad of [
    { image: 'weft 1' },
    { controlPlane: 'weft-control' },
    { mode: 'magic' },
    { clusterDns: ['kube-dns'] },
    { clusterDns: [] },
    { clusterDomain: '-' },
    { trustDomain: 'A B' },
    { drainTimeout: '0s' },
    { resources: { requests: { cpu: 'much' } } },
    { resources: { request: {} } },
    { logLevel: 'trace' },
    { unknown: true },
  ])
    t.equal(injectionSettings.safeParse(bad).success, false, JSON.stringify(bad))
})

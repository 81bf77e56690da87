import { customResources } from '../../../../../src/cli/kubernetes/manifests/custom-resources.ts'
import t from 'tap'
import { controlChecks } from '../../../../../src/cli/kubernetes/check/control-checks.ts'
import { openAuthority } from '../../../../support/authority.ts'
import { contextOf, findingOf, now, type Answers } from './fake-cluster.ts'

const find = (title: string, answers: Answers, changes: object = {}) =>
  findingOf(controlChecks, title, contextOf(answers, changes))
const labels = (version: string) => ({ 'app.kubernetes.io/version': version })

t.test('CRDs are to be established, and of this version', async t => {
  const crd = (version: string, status = 'True') => ({
    metadata: { labels: labels(version) },
    status: { conditions: [{ type: 'Established', status }] },
  })
  const all = (changes: object) => {
    const found = {
      ...Object.fromEntries(customResources.map(name => [name, crd('1.2.3')])),
      ...changes,
    }
    return Object.fromEntries(
      Object.entries(found).map(([name, object]) => [
        `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}.weft.dev`,
        object,
      ]),
    )
  }
  const message = `${customResources.length}, of version 1.2.3`
  t.match(await find('CRDs', all({})), { verdict: 'ok', message })
  t.match(await find('CRDs', all({ meshes: undefined, workloads: crd('1.2.3', 'False') })), {
    verdict: 'failure',
    message: 'not established: meshes.weft.dev, workloads.weft.dev',
  })
  t.match(await find('CRDs', all({ functions: crd('1.2.2') })), {
    verdict: 'warning',
    message: 'of another version: functions.weft.dev',
  })
})

t.test('replicas: none is a failure, too few a warning', async t => {
  const deployment = (availableReplicas: number, version = '1.2.3') => ({
    '/apis/apps/v1/namespaces/weft-system/deployments/weft-control': {
      metadata: { labels: labels(version) },
      spec: { replicas: 2, template: { spec: { containers: [{ image: 'weft:1' }] } } },
      status: { availableReplicas },
    },
  })
  t.match(await find('replicas', deployment(2)), {
    verdict: 'ok',
    message: '2 of 2 available, weft:1',
  })
  t.match(await find('replicas', deployment(1)), { verdict: 'warning' })
  t.match(await find('replicas', deployment(0)), { verdict: 'failure', hint: /kubectl/ })
  t.match(await find('replicas', deployment(2, '1.0.0')), {
    verdict: 'warning',
    message: /of version 1\.0\.0, this is 1\.2\.3/,
  })
  t.match(await find('replicas', {}), { verdict: 'failure', hint: /weft install/ })
})

t.test('somebody leads, and has said so lately', async t => {
  const lease = (holderIdentity: string, agoMs: number) => ({
    '/apis/coordination.k8s.io/v1/namespaces/weft-system/leases/weft-control': {
      spec: {
        holderIdentity,
        leaseDurationSeconds: 15,
        renewTime: new Date(now - agoMs).toISOString(),
      },
    },
  })
  t.match(await find('leader', lease('weft-control-0', 5000)), {
    verdict: 'ok',
    message: 'weft-control-0',
  })
  t.match(await find('leader', lease('weft-control-0', 120_000)), {
    verdict: 'failure',
    message: 'weft-control-0 has not renewed the Lease for 120 s',
  })
  t.match(await find('leader', lease('', 0)), { verdict: 'failure' })
  t.match(await find('leader', {}), { verdict: 'failure' })
})

const bundlePath = '/api/v1/namespaces/weft-system/configmaps/weft-trust-bundle'
const bundleOf = (bundle: string) => ({ [bundlePath]: { data: { 'trust-bundle.pem': bundle } } })

t.test('the end of the CA is seen coming', async t => {
  const { bundle } = await openAuthority(t, { now: () => now })
  const in10Years = now + 3650 * 86_400_000
  const at = (ms: number) =>
    find('certificate authority', bundleOf(bundle), { now: () => in10Years - ms })
  t.match(await find('certificate authority', bundleOf(bundle)), {
    verdict: 'ok',
    message: /^its certificate is good for 36\d\d days$/,
  })
  t.match(await at(10 * 86_400_000), { verdict: 'warning', message: /ends in \d+ days/ })
  t.match(await at(-86_400_000), { verdict: 'failure' })
  t.match(await find('certificate authority', bundleOf('nothing')), {
    verdict: 'failure',
    message: 'the trust bundle holds no certificate',
  })
  t.match(await find('certificate authority', {}), { verdict: 'failure', hint: /leader/ })
})

t.test('the API server has to know the CA of the injector', async t => {
  const webhooks = (...bundles: (string | undefined)[]) => ({
    ...bundleOf('PEM'),
    '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector': {
      webhooks: bundles.map((bundle, index) => ({
        name: `w${index}`,
        clientConfig: {
          ...(bundle !== undefined && { caBundle: Buffer.from(bundle).toString('base64') }),
        },
      })),
    },
  })
  t.match(await find('injector', webhooks('PEM', 'PEM')), { verdict: 'ok' })
  t.match(await find('injector', webhooks('PEM', undefined, 'old')), {
    verdict: 'failure',
    message: 'the API server does not know its CA: w1, w2',
  })
  t.match(await find('injector', {}), { verdict: 'failure', hint: /weft install/ })
})

t.test('configuration that is not in use is named, with why', async t => {
  const object = (name: string, status: string) => ({
    metadata: { name, namespace: 'shop' },
    status: { conditions: [{ type: 'Accepted', status, message: 'no such Service' }] },
  })
  const path = '/apis/weft.dev/v1alpha1/trafficpolicies'
  t.match(await find('configuration', { [path]: [object('a', 'True')] }), { verdict: 'ok' })
  t.match(await find('configuration', { [path]: [object('a', 'True'), object('b', 'False')] }), {
    verdict: 'warning',
    message: 'not in use: trafficpolicies/b in shop (no such Service)',
  })
  const within = '/apis/weft.dev/v1alpha1/namespaces/shop/trafficpolicies'
  t.match(
    await find('configuration', { [within]: [object('b', 'False')] }, { namespace: 'shop' }),
    {
      verdict: 'warning',
    },
  )
})

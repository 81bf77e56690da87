import t from 'tap'
import { sidecarChecks } from '../../../../../src/cli/kubernetes/check/sidecar-checks.ts'
import { contextOf, findingOf, type Answers } from './fake-cluster.ts'

const find = (title: string, answers: Answers, changes: object = {}) =>
  findingOf(sidecarChecks, title, contextOf(answers, changes))

const podsPath = '/api/v1/pods?fieldSelector=status.phase!=Succeeded,status.phase!=Failed'

function namespace(name: string, inject?: string) {
  return { metadata: { name, labels: inject === undefined ? {} : { 'weft.dev/inject': inject } } }
}

function namespaces(...list: object[]) {
  return { '/api/v1/namespaces': list }
}

function bundle(name: string, pem: string) {
  const path = `/api/v1/namespaces/${name}/configmaps/weft-trust-bundle`
  return { [path]: { data: { 'trust-bundle.pem': pem } } }
}

interface PodChanges {
  readonly sidecar?: boolean
  readonly ready?: boolean
  readonly version?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly hostNetwork?: boolean
}

function pod(name: string, changes: PodChanges = {}) {
  const { sidecar = true, ready = true, version = '1.2.3', annotations, hostNetwork } = changes
  return {
    metadata: {
      namespace: 'shop',
      name,
      annotations: annotations ?? { 'weft.dev/status': JSON.stringify({ version }) },
    },
    spec: {
      hostNetwork,
      containers: [{ name: 'app' }],
      initContainers: sidecar ? [{ name: 'weft-proxy' }] : [],
    },
    status: { initContainerStatuses: sidecar ? [{ name: 'weft-proxy', ready }] : [] },
  }
}

const shop = namespaces(namespace('shop', 'enabled'), namespace('kube-system', 'enabled'))

t.test('a label that means nothing is a slip', async t => {
  t.match(await find('labels of namespaces', shop), {
    verdict: 'ok',
    message: '1 of 1 get sidecars',
  })
  const slips = namespaces(namespace('shop', 'true'), namespace('bank', 'disabled'))
  t.match(await find('labels of namespaces', slips), {
    verdict: 'warning',
    message: 'shop has true',
  })
  t.match(await find('labels of namespaces', namespaces(namespace('shop'))), {
    verdict: 'warning',
    hint: 'kubectl label namespace NAME weft.dev/inject=enabled',
  })
})

t.test('each namespace whose pods get sidecars has the trust bundle of now', async t => {
  const system = { ...shop, ...bundle('weft-system', 'PEM') }
  t.match(await find('trust bundle', { ...system, ...bundle('shop', 'PEM') }), { verdict: 'ok' })
  t.match(await find('trust bundle', { ...system, ...bundle('shop', 'old') }), {
    verdict: 'failure',
    message: 'missing, or an old one, in shop',
  })
  t.match(await find('trust bundle', system), { verdict: 'failure' })
})

t.test('pods without a sidecar are named, but for those that want none', async t => {
  const missing = (list: object[]) => find('pods without', { ...shop, [podsPath]: list })
  const none = { sidecar: false }
  t.match(
    await missing([
      pod('a'),
      pod('b', { ...none, hostNetwork: true }),
      pod('c', { ...none, annotations: { 'weft.dev/inject': 'false' } }),
      { ...pod('d', none), metadata: { namespace: 'other', name: 'd' } },
    ]),
    { verdict: 'ok', message: 'none' },
  )
  const many = Array.from({ length: 7 }, (_, index) => pod(`p${index}`, none))
  t.match(await missing(many), {
    verdict: 'warning',
    message: 'shop/p0, shop/p1, shop/p2, shop/p3, shop/p4 and 2 more',
    hint: /rollout restart/,
  })
})

t.test('sidecars that are not ready, or of another version, are named', async t => {
  const list = {
    [podsPath]: [pod('a'), pod('b', { ready: false }), pod('c', { version: '1.0.0' })],
  }
  t.match(await find('ready', list), { verdict: 'warning', message: '1 of 3 are not: shop/b' })
  t.match(await find('versions', list), {
    verdict: 'warning',
    message: '1 are not of 1.2.3: shop/c',
  })
  t.match(await find('ready', { [podsPath]: [pod('a')] }), { verdict: 'ok', message: 'all 1' })
  t.match(await find('versions', {}), { verdict: 'ok', message: 'there are none' })
  const broken = { [podsPath]: [pod('a', { annotations: { 'weft.dev/status': '{' } })] }
  t.match(await find('versions', broken), { verdict: 'warning' })
})

t.test('one namespace can be looked at alone', async t => {
  const within = podsPath.replace('/v1/', '/v1/namespaces/shop/')
  const answers = { [within]: [pod('a', { ready: false })] }
  t.match(await find('ready', answers, { namespace: 'shop' }), { verdict: 'warning' })
})

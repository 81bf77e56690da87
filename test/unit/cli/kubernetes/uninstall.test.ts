import t, { type Test } from 'tap'
import { parseAllDocuments } from 'yaml'
import { uninstall } from '../../../../src/cli/kubernetes/uninstall.ts'
import { fakeKubectl } from '../../../support/install/fake-kubectl.ts'

const bundles =
  'GET /api/v1/configmaps?fieldSelector=metadata.name=weft-trust-bundle&labelSelector=app.kubernetes.io/managed-by=weft'
const namespaces = 'GET /api/v1/namespaces'
const pods = 'GET /api/v1/pods'

function meshed(namespace: string, name: string) {
  const spec = { containers: [{ name: 'app' }], initContainers: [{ name: 'weft-proxy' }] }
  return { metadata: { namespace, name }, spec }
}

async function run(t: Test, answers: Readonly<Record<string, unknown>>, force = false) {
  const kubectl = fakeKubectl(t, answers)
  let text = ''
  const told: string[] = []
  const code = await uninstall(
    { kubectl, force },
    {
      output: async printed => void (text += printed),
      report: line => void told.push(line),
    },
  )
  const references = parseAllDocuments(text).map(document => {
    const { kind, metadata, ...rest } = document.toJS() as {
      kind: string
      metadata: { namespace?: string; name: string }
    }
    t.same(Object.keys(rest), ['apiVersion'])
    return [kind, ...(metadata.namespace === undefined ? [] : [metadata.namespace]), metadata.name]
  })
  return { code, told, references: references.map(parts => parts.join(' ')) }
}

t.test('nothing new begins, nothing is put back, and what others need goes last', async t => {
  const { code, references, told } = await run(t, {
    [pods]: { items: [{ metadata: { name: 'a' }, spec: { containers: [{ name: 'app' }] } }] },
    [bundles]: { items: [{ metadata: { namespace: 'shop', name: 'weft-trust-bundle' } }] },
    [namespaces]: {
      items: [
        { metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } } },
        { metadata: { name: 'weft-system', labels: { 'weft.dev/inject': 'disabled' } } },
        { metadata: { name: 'other' } },
      ],
    },
  })
  t.equal(code, 0)
  t.same(references.slice(0, 3), [
    'MutatingWebhookConfiguration weft-injector',
    'ClusterRoleBinding weft-control',
    'RoleBinding weft-system weft-control',
  ])
  const definitions = references.findIndex(name => name.startsWith('CustomResourceDefinition'))
  t.same(references.slice(definitions - 3, definitions), [
    'Secret weft-system weft-ca',
    'Lease weft-system weft-control',
    'ConfigMap shop weft-trust-bundle',
  ])
  t.equal(references.at(-1), 'Namespace weft-system')
  t.equal(new Set(references).size, references.length)
  t.same(told, ['the label is yours to take: kubectl label namespace shop weft.dev/inject-'])
})

t.test('pods with sidecars are in the way, unless it is forced', async t => {
  const answers = {
    [pods]: { items: [meshed('shop', 'a'), meshed('shop', 'b'), meshed('bank', 'c')] },
  }
  await t.rejects(run(t, answers), {
    exitCode: 1,
    message: /^3 pods still have a sidecar[^]*shop: 2\n {2}bank: 1\n[^]*--force/,
  })
  t.ok((await run(t, answers, true)).references.length > 10)
})

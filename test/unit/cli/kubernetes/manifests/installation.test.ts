import { customResources } from '../../../../../src/cli/kubernetes/manifests/custom-resources.ts'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { baseFiles } from '../../../../../deploy/kustomize/base-files.ts'
import { chartFiles } from '../../../../../deploy/helm/chart-files.ts'
import { installSettings } from '../../../../../src/cli/kubernetes/manifests/install-settings.ts'
import { installation } from '../../../../../src/cli/kubernetes/manifests/installation.ts'
import {
  formatManifests,
  type KubernetesManifest,
} from '../../../../../src/cli/kubernetes/manifests/manifest.ts'
import { version } from '../../../../../src/cli/version.ts'
import { injectionSettings } from '../../../../../src/control/kubernetes/injection/injection-settings.ts'
import { kinds } from '../../../../../src/model/parsing/validate.ts'

const deploy = resolve(import.meta.dirname, '../../../../../deploy')

function objects(settings: object = {}): KubernetesManifest[] {
  return installation(installSettings.parse(settings), '1.2.3').map(({ object }) => object)
}

function find(kind: string, settings: object = {}): KubernetesManifest {
  const found = objects(settings).find(object => object.kind === kind)
  if (found === undefined) throw new Error(`no ${kind}`)
  return found
}

t.test('what others need comes first, and the webhook last', async t => {
  t.strictSame(
    objects().map(({ kind }) => kind),
    [
      'Namespace',
      ...customResources.map(() => 'CustomResourceDefinition'),
      'ServiceAccount',
      'ClusterRole',
      'ClusterRoleBinding',
      'Role',
      'RoleBinding',
      'Service',
      'NetworkPolicy',
      'ConfigMap',
      'Deployment',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
      'MutatingWebhookConfiguration',
    ],
  )
})

t.test('every kind of weft.dev that the model has can be stored in a cluster', async t => {
  const ours = Object.entries(kinds).flatMap(([kind, schema]) =>
    schema.shape.apiVersion.safeParse('weft.dev/v1alpha1').success ? [kind] : [],
  )
  const definitions = objects().filter(({ kind }) => kind === 'CustomResourceDefinition')
  t.strictSame(
    definitions.map(({ spec }) => (spec as { names: { kind: string } }).names.kind),
    ours,
  )
  for (const { spec } of definitions)
    t.match(spec, {
      scope: 'Namespaced',
      versions: [{ subresources: { status: {} }, storage: true, served: true }],
    })
})

t.test('nothing is allowed by a wildcard, and no Secret outside its own namespace', async t => {
  for (const { kind, rules } of objects()) {
    if (rules === undefined) continue
    t.notMatch(JSON.stringify(rules), /"\*"/)
    const secrets = JSON.stringify(rules).includes('"secrets"')
    t.equal(secrets, kind === 'Role', kind)
  }
})

t.test('with an autoscaler the number of replicas is its own', async t => {
  t.equal((find('Deployment')['spec'] as { replicas?: number }).replicas, undefined)
  const fixed = { replicas: 3, autoscaling: { enabled: false } }
  t.match(find('Deployment', fixed), { spec: { replicas: 3 } })
  t.throws(() => find('HorizontalPodAutoscaler', fixed))
  t.match(find('HorizontalPodAutoscaler', { replicas: 8 }), {
    spec: { minReplicas: 8, maxReplicas: 8 },
  })
})

t.test('settings say what is there, and what it is like', async t => {
  const settings = {
    image: 'registry.example/weft:2',
    imagePullPolicy: 'Always',
    imagePullSecrets: ['pull'],
    trustDomain: 'shop.example',
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'a', operator: 'Exists' }],
    priorityClassName: 'high',
    podDisruptionBudget: false,
    networkPolicy: false,
    podMonitor: true,
    customResources: false,
  }
  const made = objects(settings).map(({ kind }) => kind)
  t.notOk(made.includes('PodDisruptionBudget'))
  t.notOk(made.includes('NetworkPolicy'))
  t.notOk(made.includes('CustomResourceDefinition'))
  t.equal(made.filter(kind => kind === 'PodMonitor').length, 2)
  t.match(find('Deployment', settings), {
    spec: {
      template: {
        spec: {
          imagePullSecrets: [{ name: 'pull' }],
          nodeSelector: { disk: 'ssd' },
          tolerations: [{ key: 'a', operator: 'Exists' }],
          priorityClassName: 'high',
          containers: [{ image: 'registry.example/weft:2', imagePullPolicy: 'Always' }],
        },
      },
    },
  })
  const { data } = find('ConfigMap', settings) as { data?: Record<string, string> }
  t.match(injectionSettings.parse(parse(data?.['injection.yaml'] ?? '')), {
    image: 'registry.example/weft:2',
    imagePullPolicy: 'Always',
    trustDomain: 'shop.example',
    mode: 'dns',
  })
})

t.test('the control plane needs no privilege', async t => {
  t.match(find('Deployment'), {
    spec: {
      template: {
        spec: {
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  })
})

t.test('the injector is never asked about pods of the system', async t => {
  const { webhooks } = find('MutatingWebhookConfiguration') as {
    webhooks?: { namespaceSelector: { matchExpressions: object[] } }[]
  }
  t.equal(webhooks?.length, 2)
  for (const { namespaceSelector } of webhooks ?? [])
    t.strictSame(namespaceSelector.matchExpressions[1], {
      key: 'kubernetes.io/metadata.name',
      operator: 'NotIn',
      values: ['kube-system', 'kube-public', 'kube-node-lease', 'weft-system'],
    })
})

t.test('the text is the objects, each with what it is for', async t => {
  const manifests = installation(installSettings.parse({}), '1.2.3')
  const text = formatManifests(manifests)
  t.strictSame(
    parseAllDocuments(text).map(document => document.toJS() as unknown),
    JSON.parse(JSON.stringify(manifests.map(({ object }) => object))),
  )
  t.match(text, /^---\n# Home of the control plane/)
})

t.test('the chart has what is made of the manifests: else run deploy/helm/write.ts', async t => {
  for (const [path, text] of chartFiles())
    t.equal(readFileSync(join(deploy, 'helm/weft', path), 'utf8'), text, path)
})

t.test('the chart is of this version, and its values are the defaults', async t => {
  const chart = (path: string): unknown =>
    parse(readFileSync(join(deploy, 'helm/weft', path), 'utf8'))
  t.match(chart('Chart.yaml'), { version, appVersion: version })
  const { injection, ...values } = chart('values.yaml') as { injection: object }
  const { injection: initial, ...defaults } = installSettings.parse({})
  t.strictSame(values, defaults)
  t.strictSame(injection, initial)
})

t.test('the base of Kustomize is current: else run deploy/kustomize/write.ts', async t => {
  const folder = join(deploy, 'kustomize/base')
  for (const [name, text] of baseFiles())
    t.equal(readFileSync(join(folder, name), 'utf8'), text, name)
  t.same(readdirSync(folder).sort(), ['kustomization.yaml', ...baseFiles().keys()].sort())
})

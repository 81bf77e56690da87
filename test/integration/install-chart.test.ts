// The chart and the base of Kustomize give the same objects as `weft install`, by the programs that people use.
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { installSettings } from '../../src/cli/kubernetes/manifests/install-settings.ts'
import { installation } from '../../src/cli/kubernetes/manifests/installation.ts'
import { version } from '../../src/cli/version.ts'
import { findPrograms } from '../support/install/programs.ts'

const deploy = resolve(import.meta.dirname, '../../deploy')
const found = findPrograms('helm', 'kubectl')
const skip = 'missing' in found && found.missing

interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
}

/** By kind and name; a text that is YAML itself as what it says. */
function byName(objects: readonly Named[]): Record<string, unknown> {
  const entries = objects.map(object => {
    const text = object.data?.['injection.yaml']
    const plain = text === undefined ? object : { ...object, data: parse(text) as unknown }
    return [`${object.kind} ${object.metadata.name}`, plain]
  })
  return Object.fromEntries(entries) as Record<string, unknown>
}

function documents(text: string): Named[] {
  return parseAllDocuments(text).flatMap(document => (document.toJS() as Named | null) ?? [])
}

function installed(settings: object): Record<string, unknown> {
  const manifests = installation(installSettings.parse(settings), version)
  return byName(JSON.parse(JSON.stringify(manifests.map(({ object }) => object))) as Named[])
}

function run(name: 'helm' | 'kubectl', ...args: readonly string[]): string {
  if ('missing' in found) throw new Error(found.missing)
  return execFileSync(found.programs[name], args, { encoding: 'utf8', stdio: 'pipe' })
}

function template(settings: object, ...options: readonly string[]): string {
  const values = Object.entries(settings).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ])
  const chart = `${deploy}/helm/weft`
  return run('helm', 'template', 'weft', chart, '--namespace=weft-system', ...values, ...options)
}

const cases: Readonly<Record<string, object>> = {
  'by default': {},
  'with everything that can be said': {
    image: 'registry.example/weft:2',
    imagePullPolicy: 'Always',
    imagePullSecrets: ['one', 'two'],
    trustDomain: 'shop.example',
    replicas: 7,
    resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi' } },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'mesh', effect: 'NoSchedule' }],
    priorityClassName: 'system-cluster-critical',
    podMonitor: true,
    injection: {
      mode: 'transparent',
      clusterDns: ['10.43.0.10', 'fd00::10'],
      clusterDomain: 'k8s.example',
      resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '1', memory: '1Gi' } },
      logLevel: 'warn',
      accessLog: 'off',
      drainTimeout: '5s',
    },
  },
  'with little': {
    replicas: 1,
    autoscaling: { enabled: false },
    podDisruptionBudget: false,
    networkPolicy: false,
    customResources: false,
  },
}

for (const [name, settings] of Object.entries(cases))
  t.test(`the chart gives what \`weft install\` prints: ${name}`, { skip }, async t => {
    // A chart cannot make the namespace that it is installed into.
    const { 'Namespace weft-system': _, ...expected } = installed(settings)
    t.same(byName(documents(template(settings))), expected)
  })

t.test('the chart refuses values that mean nothing, and other namespaces', { skip }, async t => {
  t.throws(() => template({ replicas: 0 }), /replicas/)
  t.throws(() => template({ networkPolicies: true }), /networkPolicies/)
  t.throws(() => template({}, '--namespace=default'), /namespace weft-system/)
  t.doesNotThrow(() => template({ global: { any: 'thing' } }))
})

t.test(
  'the base of Kustomize is what `weft install` prints, and can be changed',
  { skip },
  async t => {
    t.same(
      byName(documents(run('kubectl', 'kustomize', `${deploy}/kustomize/base`))),
      installed({}),
    )
    const example = byName(documents(run('kubectl', 'kustomize', `${deploy}/kustomize/example`)))
    t.match(example['HorizontalPodAutoscaler weft-control'], { spec: { minReplicas: 3 } })
    t.match(example['ConfigMap weft-injection'], { data: { clusterDns: ['10.43.0.10'] } })
  },
)

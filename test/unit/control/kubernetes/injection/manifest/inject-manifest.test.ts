import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { injectionSettings } from '../../../../../../src/control/kubernetes/injection/injection-settings.ts'
import {
  injectManifest,
  uninjectManifest,
} from '../../../../../../src/control/kubernetes/injection/manifest/inject-manifest.ts'
import { formatProblem } from '../../../../../../src/model/problem.ts'

const context = { namespace: 'default', settings: injectionSettings.parse({}), version: '1.2.3' }

function inject(text: string) {
  const { problems, reports, text: changed } = injectManifest('app.yaml', text, context)
  return {
    text: changed,
    problems: problems.map(formatProblem),
    reports: reports.map(({ workload, outcome }) => `${workload} ${outcome}`),
  }
}

/** Injects, and checks what must hold for every manifest. */
function injectTwice(t: Test, text: string): string {
  const once = inject(text)
  t.same(once.problems, [])
  t.equal(inject(once.text).text, once.text, 'the second time changes nothing')
  const back = uninjectManifest('app.yaml', once.text)
  t.same(back.problems, [])
  t.same(documentsOf(back.text), documentsOf(text), 'undone, it says what it said')
  return once.text
}

function documentsOf(text: string): unknown[] {
  // An empty field says as much as none.
  const withoutNull = (_key: unknown, value: unknown): unknown => value ?? undefined
  return text.split(/^---$/m).map(part => parse(part, withoutNull, { merge: true }) as unknown)
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders     # of the shop
  namespace: shop
spec:
  selector:
    matchLabels: {app: orders}
  template:
    metadata:
      labels: {app: orders}
    spec:
      # Two of them.
      containers:
      - name: web   # answers
        image: "web:1"
        livenessProbe:
          # Not too often.
          httpGet:
            path: /live # cheap
            port: http
          periodSeconds: 5
        ports:
        - {name: http, containerPort: 8080}
      - name: log
        image: log:1
      volumes:
      - name: scripts
        configMap:
          name: scripts
          defaultMode: 0755
`

t.test('comments and numbers of an injected Deployment stay as they were written', async t => {
  const text = injectTwice(t, deployment)
  for (const kept of [
    '# of the shop',
    '# Two of them.',
    '# answers',
    '# Not too often.',
    '# cheap',
    'image: "web:1"',
    'defaultMode: 0755',
    'matchLabels: {app: orders}',
  ])
    t.ok(text.includes(kept), kept)
  t.match(text, /^      - name: weft-proxy$/m, 'lists are indented as in the rest of it')
})

t.test('all that is no workload stays byte for byte', async t => {
  const before = `# The shop.\n%YAML 1.2\n---\napiVersion: v1\nkind: Service   # odd\nmetadata: { name:   x }\n---\n`
  const after = `...\n---\n# nothing here\n---\nkind: ConfigMap\napiVersion: v1\ndata: {a: 0644, "b" : yes}\n`
  const { text, reports } = inject(before + deployment + after)
  t.same(reports, ['deployment/orders injected'])
  t.ok(text.startsWith(before))
  t.ok(text.endsWith(after))
})

const template = `{metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}`

t.test('every kind that makes pods is known, alone and in a List', async t => {
  const kinds = [
    `apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a}]}\n`,
    ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map(
      kind =>
        `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: x}\nspec: {template: ${template}}\n`,
    ),
    `apiVersion: v1\nkind: ReplicationController\nmetadata: {name: x}\nspec: {template: ${template}}\n`,
    `apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x}\nspec: {template: ${template}}\n`,
    `apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: ${template}}}}\n`,
  ]
  for (const text of kinds) {
    t.match(inject(text).reports, [/^[a-z]+\/x injected$/])
    injectTwice(t, text)
  }
  const items = kinds.map(text => `- ${text.trimEnd().replaceAll('\n', '\n  ')}\n`).join('')
  const list = `apiVersion: v1\nkind: List\nitems:\n${items}`
  t.equal(inject(list).reports.length, kinds.length)
  injectTwice(t, list)
})

t.test('kinds of others are not ours to change', async t => {
  const text = `apiVersion: serving.knative.dev/v1\nkind: Deployment\nspec: {template: ${template}}\n`
  t.same(inject(text), { text, problems: [], reports: [] })
})

t.test('a StatefulSet keeps its claims, and a template without metadata gets some', async t => {
  const text = injectTwice(
    t,
    `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
    template:
        spec:
            containers:
              - name: db
                volumeMounts: [{name: data, mountPath: /data}]
            initContainers: []
            volumes:
    volumeClaimTemplates:
      - metadata: {name: data}
        spec: {resources: {requests: {storage: 1Gi}}}
`,
  )
  t.match(text, /^    volumeClaimTemplates:\n +- metadata: \{name: data\}$/m)
})

t.test('aliases are spelled out where a container changes that shares its lines', async t => {
  const text = injectTwice(
    t,
    `apiVersion: apps/v1
kind: Deployment
metadata: {name: twins}
spec:
  template:
    spec:
      containers:
        - &base
          name: one
          image: x
          livenessProbe: &probe
            httpGet: {path: /, port: 80} # as always
        - <<: *base
          name: two
        - name: three
          livenessProbe: *probe
`,
  )
  for (const name of ['one', 'two', 'three'])
    t.ok(text.includes(`{path: /app-health/${name}/livez, port: 15020}`), name)
  t.notMatch(text, /[&*]probe|<<|&base/)
})

t.test('JSON stays JSON', async t => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x' },
    spec: { containers: [{ name: 'a' }] },
  }
  for (const indent of [undefined, 2, 4]) {
    const text = `${JSON.stringify(pod, undefined, indent)}\n`
    const changed = injectTwice(t, text)
    t.equal(changed, `${JSON.stringify(JSON.parse(changed), undefined, indent)}\n`)
  }
})

t.test('lines end as they did', async t => {
  const windows = deployment.replaceAll('\n', '\r\n')
  const text = injectTwice(t, windows)
  t.notMatch(text, /[^\r]\n/)
})

t.test('what YAML of kubectl reads as text is text', async t => {
  const text = inject(deployment).text
  // YAML 1.1: on, off, yes and no are booleans; quotes keep them text.
  t.match(text, /- name: WEFT_DNS\n +value: "on"\n/)
  t.match(text, /prometheus.io\/port: "15020"/)
  const skipped = inject(
    `apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostNetwork: yes, containers: [{name: a}]}\n`,
  )
  t.same(skipped.reports, ['pod/x host-network'])
})

t.test('a problem has its place in the file, and then nothing changes', async t => {
  const text = `kind: List
apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: x
    annotations:
      weft.dev/injekt: "true"
  spec: {containers: [{name: a}]}
`
  const whole = `${deployment}---\n${text}`
  const { problems, reports, text: same } = inject(whole)
  const line = deployment.split('\n').length + 9
  t.same(problems, [
    `app.yaml:${line}:7 items[0].metadata.annotations.weft.dev/injekt: unknown annotation; did you mean "weft.dev/inject"?`,
  ])
  t.same(reports, ['deployment/orders injected', 'pod/x refused'])
  t.equal(same, whole)
})

t.test('YAML that cannot be read is told with line and column', async t => {
  t.match(inject('a: b\nc: [d\n').problems, [/^app\.yaml:\d:\d+ /])
  t.match(inject('a: *nothing\n').problems, [/^app\.yaml:1:1 .*nothing/])
  t.match(inject(`a: ${'['.repeat(200_000)}`).problems, [/^app\.yaml:1:/])
  t.match(inject(`${deployment}---\na: [`).problems, [/^app\.yaml:\d+:\d+ /])
  t.match(inject('x: 1\nmore: {<<: 5}\n').problems, [/^app\.yaml:1:1 .*[Mm]erge/])
  const endless = `apiVersion: v1\nkind: Pod\nmetadata: &m\n  labels: *m\nspec: {containers: [{name: a}]}\n`
  t.match(inject(endless).problems, [/^app\.yaml:1:1 an alias stands within what its anchor names/])
})

t.test('a bomb of aliases is refused', async t => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (const [one, next] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh'])
    bomb.push(`${next}: &${next} [${Array.from({ length: 10 }, () => `*${one}`).join(', ')}]`)
  t.match(inject(bomb.join('\n')).problems, [/alias/i])
})

t.test('an annotation of ours on the workload itself is told to move', async t => {
  const stray = deployment.replace(
    '  namespace: shop\n',
    '  namespace: shop\n  annotations: {weft.dev/inject: "false"}\n',
  )
  t.match(inject(stray).problems, [
    /^app\.yaml:10:3 spec.template: weft.dev\/inject has no effect where it is: move it to spec\.template\.metadata\.annotations/,
  ])
})

t.test('the namespace of the file decides, else that of the call', async t => {
  const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: kube-system}\nspec: {containers: [{name: a}]}\n`
  t.same(inject(text).reports, ['pod/x system-namespace'])
  t.ok(inject(deployment).text.includes('- shop.svc.cluster.local'))
  t.ok(
    inject(text.replace(', namespace: kube-system', '')).text.includes('default.svc.cluster.local'),
  )
})

t.test('a newer program puts its own sidecar in the place of the old one', async t => {
  const settings = injectionSettings.parse({ image: 'weft:new', mode: 'transparent' })
  const newer = { ...context, settings, version: '2.0.0' }
  const old = inject(deployment).text
  const anew = injectManifest('app.yaml', old, newer)
  t.match(anew.reports, [{ outcome: 'injected' }])
  t.same(parse(anew.text), parse(injectManifest('app.yaml', deployment, newer).text))
  t.equal(anew.text.includes('weft:1.2.3'), false)
})

t.test('what was never injected is not undone', async t => {
  const { text, reports } = uninjectManifest('app.yaml', deployment)
  t.equal(text, deployment)
  t.match(reports, [{ workload: 'deployment/orders', outcome: 'unchanged' }])
})

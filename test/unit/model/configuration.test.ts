import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { configurationFiles, loadConfiguration } from '../../../src/model/configuration.ts'
import { formatProblem } from '../../../src/model/problem.ts'
import { firstServiceYaml } from '../../support/first-service.ts'
import { configurationIn, problemsIn, serviceYaml } from './configurations.ts'

const root = resolve(import.meta.dirname, '../../..')

async function load(path: string) {
  const { configuration, problems } = await loadConfiguration(path)
  return { configuration, problems: problems.map(problem => formatProblem(problem)) }
}

t.test('the Service of the first article loads as it stands there', async t => {
  const { services } = configurationIn(firstServiceYaml)
  t.match(services, [
    {
      metadata: { name: 'my-service', namespace: 'default' },
      spec: { selector: { app: 'my-app' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ])
})

t.test('the mesh that comes with the program is valid', async t => {
  const { problems, configuration } = await load(join(root, 'config/mesh.yaml'))
  t.same(problems, [])
  t.equal(configuration.workloads.length, 4)
  t.same(configuration.mesh, {
    trustDomain: 'weft.local',
    mtls: 'strict',
    outboundTrafficPolicy: 'allowAny',
    defaultAuthorization: 'allow',
    pathNormalization: 'mergeSlashes',
  })
})

t.test('resources are sorted by kind, whatever file they stand in', async t => {
  const workload = (name: string) =>
    `apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: { name: ${name} }\nspec: {}\n---\n`
  const { services, workloads, httpRoutes, mesh } = configurationIn(
    workload('a') + serviceYaml('orders'),
    serviceYaml('payments') + workload('b'),
  )
  t.same(
    services.map(({ metadata }) => metadata.name),
    ['orders', 'payments'],
  )
  t.same(
    workloads.map(({ metadata }) => metadata.name),
    ['a', 'b'],
  )
  t.same(httpRoutes, [])
  t.match(mesh, {
    trustDomain: 'weft.local',
    mtls: 'permissive',
    outboundTrafficPolicy: 'allowAny',
  })
})

t.test('all problems of all documents and files come at once', async t => {
  const first = `${serviceYaml('orders', '[{ prot: 80 }]')}
kind: Servise
---
kind: Service
kind: Service
---${serviceYaml('Payments')}`
  const second =
    'apiVersion: weft.dev/v1alpha1\nkind: Mesh\nmetadata: { name: a }\nspec: { mtl: strict }'
  t.same(problemsIn(first, serviceYaml('users'), second), [
    '0.yaml:5:44 spec.ports[0].port: is missing',
    '0.yaml:5:46 spec.ports[0].prot: unknown field; did you mean "port"?',
    '0.yaml:8:1 kind: unknown kind "Servise"; did you mean "Service"?',
    '0.yaml:11:1 Map keys must be unique',
    '0.yaml:15:13 metadata.name: must be lower-case letters, digits and "-", at most 63',
    '2.yaml:4:9 spec.mtl: unknown field; did you mean "mtls"?',
  ])
})

t.test('a folder stands for its YAML files and not for folders in it', async t => {
  const folder = t.testdir({
    'b.yml': serviceYaml('orders'),
    'a.yaml': serviceYaml('payments'),
    'notes.txt': 'kind: [',
    'old.yaml': { 'c.yaml': 'kind: [' },
  })
  t.same(await configurationFiles(folder), [join(folder, 'a.yaml'), join(folder, 'b.yml')])
  const { problems, configuration } = await load(folder)
  t.same(problems, [])
  t.same(
    configuration.services.map(({ metadata }) => metadata.name),
    ['payments', 'orders'],
  )
})

t.test('problems name the file as the path does', async t => {
  const folder = t.testdir({ 'a.yaml': 'kind: Servise' })
  t.match((await load(folder)).problems, [`${join(folder, 'a.yaml')}:1:1 kind: unknown kind`])
})

t.test('a path that leads nowhere is a problem', async t => {
  const missing = join(t.testdir(), 'mesh.yaml')
  t.match((await load(missing)).problems, [`${missing}:1:1 cannot be read: ENOENT`])
})

t.test('a file that cannot be read hides no problem of the others', async t => {
  const folder = t.testdir({ 'a.yaml': 'kind: Servise', 'c.yaml': serviceYaml('orders', '[]') })
  symlinkSync(join(folder, 'nowhere'), join(folder, 'b.yaml'))
  t.match((await load(folder)).problems, [
    /a.yaml:1:1 kind: unknown kind/,
    /b.yaml:1:1 cannot be read: ENOENT/,
    /c.yaml:5:36 spec.ports/,
  ])
})

t.test('what a file that cannot be read defines is not said to be missing', async t => {
  const upstreams = '[{ service: orders, localPort: 1 }]'
  const workload = `apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: web }
spec: { upstreams: ${upstreams} }`
  const folder = t.testdir({ 'a.yaml': workload })
  t.match((await load(folder)).problems, [/no Service orders.default/])
  symlinkSync(join(folder, 'nowhere'), join(folder, 'b.yaml'))
  t.match((await load(folder)).problems, [/cannot be read/])
})

t.test('a file of more than 8 MiB is not even read', async t => {
  const file = join(t.testdir(), 'mesh.yaml')
  writeFileSync(file, Buffer.alloc(8 * 1024 * 1024 + 1, '#'))
  t.match((await load(file)).problems, [/1:1 cannot be read: it is larger than 8388608 bytes/])
})

t.test('a configuration without a document is taken for one half written', async t => {
  const folder = t.testdir({ 'a.yaml': '# nothing yet\n' })
  t.same((await load(folder)).problems, [`${folder}:1:1 holds no document`])
  const file = join(folder, 'a.yaml')
  t.same((await load(file)).problems, [`${file}:1:1 holds no document`])
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  t.same((await load(empty)).problems, [`${empty}:1:1 holds no document`])
})

t.test('of endless problems a thousand are shown', async t => {
  const problems = problemsIn('--- x\n'.repeat(3000))
  t.equal(problems.length, 1001)
  t.equal(problems.at(-1), '0.yaml:1001:5 and more: only the first 1000 problems are shown')
})

t.test('problems by the hundred thousand are no problem of the reader', async t => {
  t.equal(problemsIn(`--- ${'"a" '.repeat(11)}\n`.repeat(15_000)).length, 1001)
})

t.test('what is a part of a whole may refer to what others define', async t => {
  const folder = t.testdir({
    'route.yaml': `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules: [{ backendRefs: [{ name: orders-v2, port: 80 }] }]
${serviceYaml('payments').replace('apiVersion', '---\napiVersion')}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: payments }
spec:
  parentRefs: [{ kind: Service, name: payments, port: 81 }]
  rules: [{ backendRefs: [{ name: payments }] }]
`,
  })
  const problems = async (isPart: boolean) =>
    (await loadConfiguration(folder, { isPart })).problems.map(({ message }) => message)
  t.match(await problems(false), [/no Service orders/, /no Service orders-v2/, /no port 81/])
  t.match(await problems(true), [/no port 81/], 'what is seen is checked')
})

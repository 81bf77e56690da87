// The program as people meet it: a process with arguments, an exit code and what it prints.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import t from 'tap'
import { wallNow } from '../../../src/base/clock.ts'
import { runProgram } from '../../../src/cli/program.ts'
import { redeemJoinToken } from '../../../src/control/join-token.ts'
import { eventually } from '../../support/mesh.ts'
import { freePorts, WeftProcess } from '../../support/process.ts'

async function weft(directory: string, command: string) {
  await using program = new WeftProcess(command.split(' '), directory)
  const { code } = await program.exited
  return { code, output: program.output }
}

const { version } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8'),
) as { version: string }

t.test('the version is the package’s', async t => {
  t.same(await weft(t.testdir(), '--version'), { code: 0, output: version })
})

t.test('help lists the commands', async t => {
  const { code, output } = await weft(t.testdir(), '--help')
  t.equal(code, 0)
  for (const command of [
    'up',
    'proxy',
    'control',
    'validate',
    'token',
    'status',
    'functions',
    'invoke',
    'logs',
    'ready',
    'drain',
    'compose',
    'inject',
    'install',
    'uninstall',
    'check',
  ])
    t.match(output, new RegExp(`^  ${command} `, 'm'))
})

const mistakes: readonly (readonly [command: string, answer: RegExp])[] = [
  ['upp', /unknown command 'upp'/],
  ['up --port 1', /unknown option '--port'/],
  ['up --control-port 0', /argument '0' is invalid. Expected a port, 1 to 65535/],
  ['up --control-admin-port x', /Expected a port, 1 to 65535/],
  ['proxy --workers 0', /Expected a number of threads, 1 to 64/],
  ['ready --timeout x', /Expected a duration/],
  ['proxy --config a b', /too many arguments/],
  ['control', /name the configuration, or a bootstrap with --config/],
  ['control c --push x', /argument 'x' is invalid. Expected \[host:\]port/],
  ['control c --lease 0s', /Expected a duration/],
  ['validate', /missing required argument 'path'/],
  ['token create', /missing required argument 'workload'/],
  ['token create orders --label x', /Expected key=value/],
  ['status --control-plane localhost:15014', /Expected a URL/],
]

t.test('a mistake on the command line is explained and ends with 2', async t => {
  for (const [command, answer] of mistakes) {
    const errors = t.capture(process.stderr, 'write', () => true)
    t.equal(await runProgram(command.split(' ')), 2, command)
    const text = errors()
      .map(({ args }) => args[0])
      .join('')
    errors.restore()
    t.match(text, answer)
    t.match(text, '--help')
  }
})

t.test('a name that cannot be is told without a stack', async t => {
  const { code, output } = await weft(t.testdir(), 'token create Orders')
  t.same({ code, output }, { code: 2, output: '"Orders" is not the name of a workload' })
})

t.test('a file that is not there is named and ends with 1', async t => {
  for (const command of ['validate', 'control', 'control --config'])
    await t.rejects(
      runProgram([...command.split(' '), '/nowhere']),
      { name: 'CommandError', exitCode: 1, message: /^\/nowhere.*ENOENT/ },
      command,
    )
})

t.test('the usual form of proxy, which goes its own way, answers the same', async t => {
  const folder = t.testdir()
  t.match(await weft(folder, 'proxy --config nowhere'), { code: 1, output: /^nowhere: ENOENT.*$/ })
  t.match(await weft(folder, 'proxy --config a b'), { code: 2, output: /too many arguments/ })
})

const broken = `apiVersion: v1
kind: Service
metadata:
  name: orders
spec:
  selectr: { app: orders }
  ports:
    - port: x
`

t.test('validate prints every problem with file and line', async t => {
  const folder = t.testdir({ 'a.yaml': broken, 'b.yaml': 'kind: Nothing\n' })
  const { code, output } = await weft(folder, 'validate .')
  t.equal(code, 1)
  t.match(output, /^a\.yaml:6:3 spec\.selectr: .*"selector"/m)
  t.match(output, /^a\.yaml:8:7 spec\.ports\[0\]\.port: /m)
  t.match(output, /^b\.yaml:1:\d+ /m)
})

t.test('validate counts what is there', async t => {
  const good = broken.replace('selectr', 'selector').replace('port: x', 'port: 80')
  const folder = t.testdir({ 'mesh.yaml': good })
  t.same(await weft(folder, 'validate mesh.yaml'), {
    code: 0,
    output: 'mesh.yaml is valid (services: 1, routes: 0, workloads: 0)',
  })
})

const doubtful = `apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules:
  - backendRefs: [{ name: orders, port: 80, weight: 0 }]
---
apiVersion: apps/v1
kind: Deployment
`
const doubt =
  'mesh.yaml:12:5 warning: spec.rules[0].backendRefs: leads to no backend, since their weights sum to 0: each request is answered with 500'
const foreign = 'mesh.yaml:15:1 ignored: kind: Deployment is not known here, and ignored'

t.test('validate tells of what is hardly meant, and counts it where that is wished', async t => {
  const folder = t.testdir({ 'mesh.yaml': doubtful })
  const ignoring = 'validate mesh.yaml --ignore-unknown-kinds'
  t.same(await weft(folder, ignoring), {
    code: 0,
    output: `${doubt}\n${foreign}\nmesh.yaml is valid (services: 1, routes: 1, workloads: 0, warnings: 1, ignored: 1)`,
  })
  t.same(await weft(folder, `${ignoring} --strict`), { code: 1, output: `${doubt}\n${foreign}` })
  const { code, output } = await weft(folder, 'validate mesh.yaml')
  t.equal(code, 1)
  t.match(output, 'mesh.yaml:15:1 kind: unknown kind "Deployment"')
  t.match(output, doubt)
})

t.test('validate says the same to programs', async t => {
  const folder = t.testdir({ 'mesh.yaml': doubtful })
  const bad = await weft(folder, 'validate mesh.yaml --json')
  t.equal(bad.code, 1)
  t.match(JSON.parse(bad.output), {
    valid: false,
    problems: [{ file: 'mesh.yaml', line: 15, column: 1, path: 'kind' }],
    warnings: [{ line: 12, path: 'spec.rules[0].backendRefs' }],
    ignored: [],
  })
  const good = await weft(folder, 'validate mesh.yaml --json --ignore-unknown-kinds')
  t.equal(good.code, 0)
  t.match(JSON.parse(good.output), { valid: true, problems: [], ignored: [{ line: 15 }] })
})

t.test('token create takes all that a token says', async t => {
  const folder = t.testdir()
  const command =
    'token create orders --namespace shop --service-account buyer --label app=o --label tier=a=b --life 5m --state-directory s'
  const before = wallNow()
  const { code, output } = await weft(folder, command)
  t.equal(code, 0)
  const record = await redeemJoinToken(join(folder, 's'), output, wallNow())
  const { expiresAt = 0, ...admitted } = record ?? {}
  t.same(admitted, {
    namespace: 'shop',
    name: 'orders',
    serviceAccount: 'buyer',
    labels: { app: 'o', tier: 'a=b' },
  })
  t.ok(expiresAt >= before + 300_000 && expiresAt <= wallNow() + 300_000)
})

t.test('the control plane runs in the trust domain of its configuration', async t => {
  const mesh = `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: shop }
spec: { trustDomain: shop.example }
`
  const folder = t.testdir({ 'mesh.yaml': mesh })
  const [port] = await freePorts(1)
  const command = `control mesh.yaml --push 127.0.0.1:0 --admin ${port} --state-directory s`
  await using control = new WeftProcess(command.split(' '), folder)
  const address = `http://127.0.0.1:${port}`
  await eventually(
    () => fetch(`${address}/readyz`).catch(() => undefined),
    response => response?.status === 200,
  )
  const { code, output } = await weft(folder, `status --control-plane ${address}`)
  t.equal(code, 0)
  t.match(output, /^trust domain shop\.example/)
  control.signal('SIGTERM')
  t.equal((await control.exited).code, 0)
})

t.test('a control plane without a port says so and ends with 1', async t => {
  const thief = createServer().listen(0, '127.0.0.1')
  await once(thief, 'listening')
  t.teardown(() => thief.close())
  const { port } = thief.address() as AddressInfo
  const folder = t.testdir({
    'mesh.yaml': broken.replace('selectr', 'selector').replace('x', '80'),
  })
  const command = `control mesh.yaml --push 127.0.0.1:${port} --admin 0 --state-directory s`
  const { code, output } = await weft(folder, command)
  t.equal(code, 1)
  t.match(JSON.parse(output), {
    level: 'error',
    msg: 'could not start',
    error: { message: new RegExp(`127\\.0\\.0\\.1:${port} .*push`) },
  })
})

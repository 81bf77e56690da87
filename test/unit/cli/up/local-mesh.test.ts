import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LocalMesh } from '../../../../src/cli/up/local-mesh.ts'
import { eventually } from '../../../support/mesh.ts'
import type { MeshPlan, SidecarPlan, WorkloadPlan } from '../../../../src/cli/up/plan.ts'

/** Stands for `main.ts`: ready at once, and writes down when it starts and ends. */
const fakeProgram = `
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
const [, , command, , file] = process.argv
const { admin, journal, name, relays } = JSON.parse(readFileSync(file, 'utf8'))
const ready = { control: '/status', proxy: '/ready' }[command]
appendFileSync(journal, name + ' starts\\n')
process.on('SIGTERM', () => {
  appendFileSync(journal, name + ' ends\\n')
  process.exit()
})
createServer((request, response) => {
  response.statusCode = request.url === ready ? 200 : 404
  if (request.url === '/drain/inbound') appendFileSync(journal, name + ' drains\\n')
  response.end()
}).listen(admin.port, admin.host)
if (command === 'proxy') console.log('{"direction":"outbound"}')
if (relays) console.log('relayed {"workload":"echo","stream":"stdout","line":"{}"}')
`

const fakeApplication = (journal: string): string => `
const { appendFileSync } = require('node:fs')
console.log('listens on', process.env.PORT)
setInterval(() => {}, 1000)
process.on('SIGTERM', () => {
  appendFileSync(${JSON.stringify(journal)}, 'orders ends\\n')
  process.exit()
})
`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function setUp(t: Test) {
  const folder = t.testdir({ 'main.mjs': fakeProgram, journal: '' })
  const journal = join(folder, 'journal')
  async function bootstrap<T>(name: string) {
    const admin = { host: '127.0.0.1', port: await freePort() }
    const bootstrapFile = join(folder, `${name}.json`)
    const content = { name, journal, admin, drainTimeoutMs: 1000, workload: { name: 'orders' } }
    writeFileSync(bootstrapFile, JSON.stringify(content))
    return { bootstrapFile, bootstrap: content as unknown as T }
  }
  const workload: WorkloadPlan = {
    name: 'orders',
    sidecar: await bootstrap<SidecarPlan['bootstrap']>('sidecar'),
    application: {
      host: '127.0.0.1',
      ports: [8080],
      command: process.execPath,
      arguments: ['-e', fakeApplication(journal)],
      environment: { PORT: '8080' },
    },
  }
  // Outside the mesh: only its application is ours to run.
  const legacy: WorkloadPlan = {
    name: 'legacy',
    application: {
      host: '127.0.0.1',
      ports: [],
      command: process.execPath,
      arguments: ['-e', 'console.log(process.cwd()); setInterval(() => {}, 1000)'],
      environment: {},
      directory: folder,
    },
  }
  const foreign: WorkloadPlan = { name: 'foreign' }
  const plan: MeshPlan = {
    control: await bootstrap<MeshPlan['control']['bootstrap']>('control'),
    workloads: [workload, legacy, foreign],
  }
  return { folder, journal, plan, read: () => readFileSync(journal, 'utf8').trim().split('\n') }
}

/** Collects lines; `all` resolves when there are `count`. */
function collectLines(count: number) {
  const lines: string[] = []
  const all = Promise.withResolvers<string[]>()
  function print(line: string): void {
    lines.push(line)
    if (lines.length === count) all.resolve(lines.toSorted())
  }
  return { lines, print, all: all.promise }
}

t.test('a mesh starts from the control plane on and ends with it', async t => {
  const { folder, plan, read } = await setUp(t)
  const { lines, print, all } = collectLines(2)
  const accessed = Promise.withResolvers<string[]>()
  const prepared: string[] = []
  const mesh = new LocalMesh(plan, {
    main: join(folder, 'main.mjs'),
    compileCache: join(folder, 'cache'),
    guard: { add: () => {}, remove: () => {} },
    print,
    onAccess: (...line) => accessed.resolve(line),
    prepare: async ({ bootstrap }) => {
      prepared.push(bootstrap.workload.name, ...read())
    },
  })
  t.teardown(() => mesh.kill())
  await mesh.start()
  t.type(mesh.pids.get('orders')?.sidecar, 'number')
  t.equal(mesh.pids.get('legacy')?.sidecar, undefined)
  t.same(mesh.pids.get('foreign'), { application: undefined, sidecar: undefined })
  t.same(prepared, ['orders', 'control starts'])
  t.same(await all, [`legacy | ${folder}`, 'orders | listens on 8080'])
  t.same(await accessed.promise, ['orders', '{"direction":"outbound"}'])
  await mesh.stop()
  const journal = read()
  t.same(journal.slice(0, 3), ['control starts', 'sidecar starts', 'sidecar drains'])
  t.same(journal.slice(3, 5).toSorted(), ['orders ends', 'sidecar ends'], 'the rest is up to them')
  t.same(journal.slice(5), ['control ends'])
  t.equal(lines.length, 2, 'an end that was asked for is no news')
})

t.test('a sidecar that cannot be prepared fails the start, and nothing outlives kill', async t => {
  const { folder, plan } = await setUp(t)
  const groups = new Set<number>()
  const mesh = new LocalMesh(plan, {
    main: join(folder, 'main.mjs'),
    compileCache: join(folder, 'cache'),
    guard: { add: group => groups.add(group), remove: group => groups.delete(group) },
    print: () => {},
    onAccess: () => {},
    prepare: async () => {
      throw new Error('disk full')
    },
  })
  t.teardown(() => mesh.kill())
  await t.rejects(mesh.start(), { message: 'disk full' })
  t.equal(groups.size, 2, 'the control plane and one application')
  mesh.kill()
  await mesh.stop()
  t.same([...groups], [])
})

t.test(
  'what the control plane starts itself is left to it, and its lines are as those of others',
  async t => {
    const { folder, plan, read } = await setUp(t)
    const [{ sidecar, ...workload } = { name: '' }] = plan.workloads
    if (sidecar === undefined) throw new Error('it has one')
    const onDemand = { ...workload, sidecar: { ...sidecar, onDemand: true as const } }
    const accessed: string[][] = []
    const { bootstrapFile, bootstrap } = plan.control
    writeFileSync(bootstrapFile, JSON.stringify({ ...bootstrap, relays: true }))
    const mesh = new LocalMesh(
      { ...plan, workloads: [onDemand] },
      {
        main: join(folder, 'main.mjs'),
        compileCache: join(folder, 'cache'),
        guard: { add: () => {}, remove: () => {} },
        print: () => {},
        onAccess: (...line) => accessed.push(line),
        prepare: async () => {},
      },
    )
    t.teardown(() => mesh.kill())
    await mesh.start()
    t.equal(mesh.pids.get('orders')?.sidecar, undefined)
    await eventually(() => accessed.length, Boolean)
    t.strictSame(accessed, [['echo', '{}']])
    await mesh.stop()
    t.notOk(read().includes('sidecar starts'))
  },
)

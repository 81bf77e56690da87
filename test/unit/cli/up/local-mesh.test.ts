import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LocalMesh } from '../../../../src/cli/up/local-mesh.ts'
import type { MeshPlan, SidecarPlan, WorkloadPlan } from '../../../../src/cli/up/plan.ts'

/** Stands for `main.ts`: ready at once, and writes down when it starts and ends. */
const fakeProgram = `
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
const [, , command, , file] = process.argv
const { admin, journal, name } = JSON.parse(readFileSync(file, 'utf8'))
const ready = { control: '/status', proxy: '/ready' }[command]
appendFileSync(journal, name + ' starts\\n')
process.on('SIGTERM', () => {
  appendFileSync(journal, name + ' ends\\n')
  process.exit()
})
createServer((request, response) => {
  response.statusCode = request.url === ready ? 200 : 404
  response.end()
}).listen(admin.port, admin.host)
if (command === 'proxy') console.log('{"direction":"outbound"}')
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
    labels: {},
    sidecar: await bootstrap<SidecarPlan['bootstrap']>('sidecar'),
    application: {
      host: '127.0.0.1',
      ports: [8080],
      command: process.execPath,
      arguments: ['-e', fakeApplication(journal)],
      environment: { PORT: '8080' },
    },
  }
  const outside: WorkloadPlan = { name: 'outside', labels: {} }
  const plan: MeshPlan = {
    control: await bootstrap<MeshPlan['control']['bootstrap']>('control'),
    workloads: [workload, outside],
  }
  return { folder, journal, plan, read: () => readFileSync(journal, 'utf8').trim().split('\n') }
}

t.test('a mesh starts from the control plane on and ends with it', async t => {
  const { folder, plan, read } = await setUp(t)
  const printed = Promise.withResolvers<string>()
  const accessed = Promise.withResolvers<string[]>()
  const prepared: string[] = []
  const mesh = new LocalMesh(plan, {
    main: join(folder, 'main.mjs'),
    compileCache: join(folder, 'cache'),
    guard: { add: () => {}, remove: () => {} },
    print: line => printed.resolve(line),
    onAccess: (...line) => accessed.resolve(line),
    prepare: async ({ bootstrap }) => {
      prepared.push(bootstrap.workload.name, ...read())
    },
  })
  t.teardown(() => mesh.kill())
  await mesh.start()
  t.type(mesh.pids.get('orders')?.sidecar, 'number')
  t.same(mesh.pids.get('outside'), { application: undefined, sidecar: undefined })
  t.same(prepared, ['orders', 'control starts'])
  t.equal(await printed.promise, 'orders | listens on 8080')
  t.same(await accessed.promise, ['orders', '{"direction":"outbound"}'])
  await mesh.stop()
  t.same(read(), [
    'control starts',
    'sidecar starts',
    'sidecar ends',
    'orders ends',
    'control ends',
  ])
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WarmPool } from '../../../../../src/functions/runtime/warm/warm-pool.ts'
import type { FunctionSpec } from '../../../../../src/model/function/function.ts'
import { pythonObstacle } from '../../../../support/functions/python.ts'
import { functionSpec, GuardRecord, SandboxRecord } from '../../../../support/functions/sandbox.ts'

const inherited = { PATH: process.env['PATH'] ?? '' }

/** In the place of AWS's client for Node: tells what it finds, and ends with what stands in its environment. */
const client = `
import { readFileSync } from 'node:fs'
const { argv, env } = process
console.log(JSON.stringify({
  argv: argv.slice(1), cwd: process.cwd(), env, input: readFileSync(0, 'utf8'),
}))
process.exitCode = Number(env.CODE)
`

interface Scene {
  readonly pool: WarmPool
  readonly guard: GuardRecord
  readonly spec: FunctionSpec
  readonly client: string
  readonly troubles: string[]
}

function scene(t: Test, source = client): Scene {
  const directory = t.testdir({
    node_modules: { 'aws-lambda-ric': { 'index.mjs': source } },
  })
  const guard = new GuardRecord()
  const troubles: string[] = []
  const pool = new WarmPool({
    guard,
    environment: inherited,
    onTrouble: ({ name }, reason) => troubles.push(`${name}: ${reason}`),
  })
  t.teardown(() => pool.close())
  return {
    pool,
    guard,
    troubles,
    spec: functionSpec({ runtime: 'nodejs22.x', directory }),
    client: join(directory, 'node_modules/aws-lambda-ric/index.mjs'),
  }
}

async function ready(pool: WarmPool, spec: FunctionSpec, count = 1): Promise<void> {
  while (pool.ready(spec) < count) await new Promise(resolve => setTimeout(resolve, 5))
}

function start({ pool, spec }: Scene, environment: Record<string, string>) {
  const record = new SandboxRecord()
  const sandbox = pool.create(spec, { ...inherited, ...environment }, record)
  sandbox.start()
  return { sandbox, record }
}

t.test('a warm process knows nothing of the function until it becomes it', async t => {
  const made = scene(t)
  const { pool, spec, guard, client } = made
  pool.expect(spec, 1)
  await ready(pool, spec)
  const [pid = 0] = guard.groups
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  // tap gives all processes some of its own.
  const foreign = variables.filter(line => !/^(?:PATH=|_TAPJS_|NODE_OPTIONS=|$)/.test(line))
  t.same(foreign, [])
  const { sandbox, record } = start(made, { SECRET: 'x', CODE: '7', NODE_ENV: 'test' })
  t.equal(sandbox.pid, pid)
  t.equal(await record.ended, 'exit 7')
  t.same(JSON.parse(record.lines[0]?.slice('stdout: '.length) ?? ''), {
    argv: [client, 'f.handler'],
    cwd: spec.directory,
    env: { ...inherited, SECRET: 'x', CODE: '7', NODE_ENV: 'test' },
    input: '',
  })
})

t.test('a cold process finds the same', async t => {
  const made = scene(t)
  const { record } = start(made, { SECRET: 'x', CODE: '7' })
  t.equal(await record.ended, 'exit 7')
  t.match(JSON.parse(record.lines[0]?.slice('stdout: '.length) ?? ''), {
    argv: [made.client, 'f.handler'],
    cwd: made.spec.directory,
    env: { SECRET: 'x' },
    input: '',
  })
})

t.test('variables that are read as a process starts make it start anew', async t => {
  const made = scene(t)
  const { pool, spec, guard } = made
  pool.expect(spec, 1)
  await ready(pool, spec)
  const [warm] = guard.groups
  for (const variables of [{ NODE_OPTIONS: '--no-warnings' }, { PATH: `${inherited.PATH}:/x` }]) {
    const { sandbox, record } = start(made, { CODE: '0', ...variables })
    t.not(sandbox.pid, warm)
    t.equal(await record.ended, 'exit 0')
  }
  t.equal(pool.ready(spec), 1)
})

t.test('a process that was taken is put back, and one that dies is replaced', async t => {
  const made = scene(t)
  const { pool, spec, guard } = made
  pool.expect(spec, 1)
  await ready(pool, spec)
  const [first = 0] = guard.groups
  await start(made, { CODE: '0' }).record.ended
  await ready(pool, spec)
  const [second = 0] = guard.groups
  t.not(second, first)
  process.kill(second, 'SIGKILL')
  while (guard.groups.has(second)) await new Promise(setImmediate)
  t.equal(pool.ready(spec), 0)
  await ready(pool, spec)
  t.notOk(guard.groups.has(second))
})

t.test('what a taken process is asked for reaches it', async t => {
  const made = scene(t, 'console.log("up"); setInterval(() => {}, 1000)')
  const { pool, spec } = made
  pool.expect(spec, 1)
  await ready(pool, spec)
  const record = new SandboxRecord()
  const up = record.line('up')
  const sandbox = pool.create(spec, { ...inherited }, record)
  sandbox.start()
  await up
  t.ok(sandbox.freeze())
  sandbox.terminate()
  t.equal(await record.ended, 'exit SIGTERM')
})

t.test('none wanted, none kept', async t => {
  const { pool, spec, guard } = scene(t)
  pool.expect(spec, 2)
  await ready(pool, spec, 2)
  t.equal(guard.groups.size, 2)
  pool.expect(spec, 0)
  await pool.close()
  t.equal(guard.groups.size, 0)
})

t.test('changed code gets processes of its own', async t => {
  const { pool, spec, guard } = scene(t)
  pool.expect(spec, 1)
  await ready(pool, spec)
  const before = [...guard.groups]
  pool.expect({ ...spec, environment: { ANY: 'thing' } }, 1)
  t.equal(pool.ready(spec), 1, 'which is no change to what is kept')
  pool.expect({ ...spec, handler: 'other.handler' }, 1)
  await ready(pool, spec)
  t.notMatch([...guard.groups], before)
})

t.test('functions whose program is not known start as ever', async t => {
  const { pool, guard } = scene(t)
  pool.expect(functionSpec({ command: ['/bin/true'] }), 3)
  pool.expect(functionSpec({ runtime: 'nodejs', directory: '/' }), 3)
  t.equal(guard.groups.size, 0)
})

const obstacle = pythonObstacle()

t.test('what keeps a runtime from being loaded is told', { skip: obstacle ?? false }, async t => {
  const { pool, troubles } = scene(t)
  const directory = t.testdir({ 'awslambdaric.py': 'raise Exception("broken client")' })
  const spec = functionSpec({ runtime: 'python3', directory })
  pool.expect(spec, 1)
  while (troubles.length === 0) await new Promise(resolve => setTimeout(resolve, 20))
  t.same(troubles, ['hello: Exception: broken client'])
})

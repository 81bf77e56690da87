// Containers made by runc, with a runtime in them that speaks to us by loopback.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { OciRuntime } from '../../src/functions/runtime/oci/oci-runtime.ts'
import { OciDriver } from '../../src/functions/runtime/oci/oci-sandbox.ts'
import { testInstance } from '../support/functions/instance.ts'
import { ociObstacle, ociScene } from '../support/functions/oci.ts'
import { eventually } from '../support/mesh.ts'
import { SandboxRecord } from '../support/functions/sandbox.ts'

const obstacle = ociObstacle()
const options = obstacle === undefined ? {} : { skip: obstacle }

function leftIn(directory: string): string[] {
  return ['bundles', 'containers']
    .map(folder => join(directory, folder))
    .flatMap(folder => (existsSync(folder) ? readdirSync(folder) : []))
}

t.test(
  'a function in a container sees its code and its image, and can change neither',
  options,
  async t => {
    const { driver, spec } = ociScene(t)
    const { instance, invoke, ready, lines } = testInstance(t, spec, driver)
    void instance.start()
    t.equal(await ready, undefined)
    t.same(lines, ['up'])
    t.same(
      await invoke('[process.pid, process.getuid(), process.cwd(), process.env.LAMBDA_TASK_ROOT]'),
      [1, 65_534, '/var/task', '/var/task'],
    )
    t.same(await invoke('fs.readdirSync("/var/task")'), ['runtime.mjs'])
    for (const path of ['/x', '/var/task/x', '/proc/sys/kernel/hostname', '/dev/x'])
      t.match(
        await invoke(`{ try { fs.writeFileSync("${path}", "x") } catch ({ code }) { code } }`),
        /^E(?:ROFS|ACCES)$/,
        path,
      )
    t.equal(await invoke('fs.writeFileSync("/tmp/x", "x"), fs.readFileSync("/tmp/x", "utf8")'), 'x')
    const status = String(await invoke('fs.readFileSync("/proc/self/status", "utf8")'))
    t.match(status, /CapEff:\t0+\n/)
    t.match(status, /CapBnd:\t0+\n/)
    t.match(status, /NoNewPrivs:\t1\n/)
  },
)

t.test('how a program ends is told as if there was no container', options, async t => {
  const { driver, spec, directory, guard } = ociScene(t)
  const endOf = async (event: string, changes = {}) => {
    const { instance, invoke, ended } = testInstance(t, { ...spec, ...changes }, driver)
    void instance.start()
    const message = await invoke(event).catch(error => error.message)
    await ended
    return message
  }
  t.match(await endOf('process.exit(7)'), /^Runtime.ExitError: .* exit status 7$/)
  t.match(
    await endOf('process.kill(1, "SIGABRT"), process.abort()'),
    /Runtime exited with error: signal: SIG[A-Z]+$/,
  )
  t.match(
    await endOf('Buffer.alloc(400e6, "x").length', { memoryMib: 128 }),
    /^Runtime.ExitError: .* signal: killed$/,
  )
  t.match(
    await endOf('new Promise(() => {})', { timeoutMs: 200 }),
    /^Sandbox.Timedout: .* after 0.20 seconds$/,
  )
  await driver.close()
  t.same(leftIn(directory), [])
  t.equal(guard.groups.size, 0)
})

t.test('a container is frozen whole, and goes on where it was', options, async t => {
  const { driver, spec } = ociScene(t)
  const { instance, invoke, room } = testInstance(t, spec, driver)
  void instance.start()
  const before = Number(await invoke('ticks'))
  await room()
  instance.freeze()
  t.ok(instance.frozen)
  await new Promise(done => setTimeout(done, 300))
  const after = Number(await invoke('ticks'))
  t.notOk(instance.frozen)
  t.ok(after - before < 30, `${after - before} ticks of 60`)
  await room()
  instance.freeze()
  t.ok(instance.frozen)
  instance.kill()
})

t.test('a container made ahead runs nothing until it is started', options, async t => {
  const { driver, spec, directory, guard } = ociScene(t)
  for (const files of [0, 1, 2]) {
    const unwanted = new SandboxRecord()
    const sandbox = driver.create(spec, {}, unwanted)
    while (leftIn(directory).length < files) await new Promise(setImmediate)
    sandbox.kill()
    t.equal(await unwanted.ended, 'exit SIGKILL')
    while (leftIn(directory).length > 0) await new Promise(setImmediate)
    t.same(
      unwanted.lines.filter(line => line.startsWith('stdout')),
      [],
    )
  }
  t.equal(guard.groups.size, 0)
  const { instance, ready, lines, invoke } = testInstance(t, spec, driver)
  await instance.prepare()
  while (leftIn(directory).length < 2) await new Promise(setImmediate)
  t.same(lines, [])
  void instance.start()
  t.equal(await ready, undefined)
  t.equal(await invoke('1 + 1'), 2)
})

t.test('what can’t run says what to do', options, async t => {
  const { driver, spec, directory } = ociScene(t)
  const failureOf = async (changes: object, made = driver) => {
    const { instance, ready } = testInstance(t, { ...spec, ...changes }, made)
    void instance.start()
    return (await ready)?.message
  }
  t.match(await failureOf({ command: ['./nothing'] }), /nothing: no such file or directory/)
  t.match(await failureOf({ image: '/nowhere' }), /\/nowhere/)
  t.match(await failureOf({ image: undefined }), /give the function an image/)
  t.match(await failureOf({ image: '/' }), /give a copy/)
  t.match(await failureOf({ command: [], runtime: 'nodejs' }), /npm install aws-lambda-ric/)
  const environment = { PATH: process.env['PATH'] ?? '' }
  const runtime = new OciRuntime({ directory, environment, program: 'no-runc' })
  const missing = new OciDriver({ runtime, environment, guard: { add() {}, remove() {} } })
  t.match(await failureOf({}, missing), /no-runc is missing: apt-get install no-runc/)
})

t.test('what a killed sidecar left behind is removed by the next', options, async t => {
  const { driver, spec, directory } = ociScene(t, {
    command: ['node', '-e', 'setInterval(() => {}, 1e6); console.log("up")'],
  })
  const source = resolve(import.meta.dirname, '../../src/functions/runtime/oci')
  const sidecar = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { OciRuntime } = await import(${JSON.stringify(join(source, 'oci-runtime.ts'))})
      const { OciDriver } = await import(${JSON.stringify(join(source, 'oci-sandbox.ts'))})
      const environment = { PATH: process.env.PATH }
      const runtime = new OciRuntime({ directory: ${JSON.stringify(directory)}, environment })
      const guard = { add() {}, remove() {} }
      const driver = new OciDriver({ runtime, environment, guard })
      const sandbox = driver.create(${JSON.stringify(spec)}, environment, {
        onLine: (stream, text) => console.log(text, sandbox.pid), onExit() {}, onFailure: console.log,
      })
      sandbox.start()`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [line] = await once(createInterface({ input: sidecar.stdout }), 'line')
  const runc = Number(/^up (\d+)$/.exec(line)?.[1])
  t.ok(existsSync(`/proc/${runc}`))
  const exited = once(sidecar, 'exit')
  sidecar.kill('SIGKILL')
  await exited
  const [left = ''] = leftIn(directory)
  t.match(left, /^weft-/)
  const record = new SandboxRecord()
  const up = record.line('up')
  const sandbox = driver.create(spec, {}, record)
  sandbox.start()
  await up
  t.notOk(leftIn(directory).includes(left))
  sandbox.kill()
  t.equal(await record.ended, 'exit SIGKILL')
})

t.test('a container whose state was lost can still be ended', options, async t => {
  const { driver, spec, directory } = ociScene(t)
  const { instance, ready, ended, invoke } = testInstance(t, spec, driver)
  void instance.start()
  await ready
  t.equal(await invoke('process.pid'), 1)
  const [id = ''] = leftIn(directory)
  t.ok(processesOf(id).length > 0)
  const state = join(directory, 'containers')
  renameSync(state, `${state}.lost`)
  instance.kill()
  await ended
  // Killed as it is, the kernel may still be at it.
  await eventually(
    () => processesOf(id),
    left => left.length === 0,
  )
  await driver.close()
  rmSync(state, { recursive: true, force: true })
  renameSync(`${state}.lost`, state)
  const runtime = new OciRuntime({ directory, environment: { PATH: process.env['PATH'] ?? '' } })
  const next = await runtime.createBundle()
  t.same(leftIn(directory), [next.id])
  await next.gate.close()
})

function processesOf(id: string): string[] {
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/pids']
    .map(root => `${root}/weft/${id}/cgroup.procs`)
    .flatMap(file =>
      existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [],
    )
}

import { EventEmitter, once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { SupervisedProcess } from '../../../../src/cli/up/supervised-process.ts'

/** A node child that runs `program`; its output and the supervisor's reports arrive as events. */
function setUp(t: Test, program: string, now = () => 0) {
  const events = new EventEmitter()
  const groups = new Set<number>()
  const reports: string[] = []
  const child = new SupervisedProcess(
    {
      name: 'orders',
      command: process.execPath,
      arguments: ['-e', program],
      environment: { GREETING: 'hello' },
      onStdout: line => events.emit('stdout', line),
      onStderr: line => events.emit('stderr', line),
    },
    {
      guard: { add: group => groups.add(group), remove: group => groups.delete(group) },
      report(line) {
        reports.push(line)
        events.emit('report', line)
      },
      now,
      firstBackoffMs: 1,
    },
  )
  t.teardown(() => child.kill())
  return { child, events, groups, reports }
}

const stayAlive = 'setInterval(() => {}, 1000);'

t.test('a child gets its environment only, and its lines are handed over and kept', async t => {
  const { child, events } = setUp(
    t,
    `console.log(process.env.GREETING, process.env.PATH); ${stayAlive}`,
  )
  child.start()
  t.same(await once(events, 'stdout'), ['hello undefined'])
  t.same(child.recentOutput, ['hello undefined'])
})

t.test('a child that dies is started again and its death is reported', async t => {
  const { child, events, reports } = setUp(t, 'console.log("up"); process.exitCode = 3')
  child.start()
  await once(events, 'stdout')
  await once(events, 'stdout')
  t.equal(reports[0], 'orders exited with code 3; starts again in 0.001 s')
  t.equal(child.failures, 1)
  await child.stop(1000)
})

t.test('the wait doubles with each death in a row, and shrinks after a sound life', async t => {
  // Read at each start and at each death.
  const times = [0, 0, 0, 0, 0, 10_000]
  const { child, events, reports } = setUp(t, 'process.kill(process.pid, "SIGKILL")', () => {
    return times.shift() ?? 0
  })
  child.start()
  for (let deaths = 0; deaths < 3; deaths++) await once(events, 'report')
  await child.stop(1000)
  t.same(reports, [
    'orders was ended by SIGKILL; starts again in 0.001 s',
    'orders was ended by SIGKILL; starts again in 0.002 s',
    'orders was ended by SIGKILL; starts again in 0.001 s',
  ])
})

t.test('a command that does not exist is reported like a death', async t => {
  const reports: string[] = []
  const reported = Promise.withResolvers<void>()
  const child = new SupervisedProcess(
    {
      name: 'orders',
      command: '/nowhere/orders',
      arguments: [],
      environment: {},
      onStdout: () => {},
      onStderr: () => {},
    },
    {
      guard: { add: () => {}, remove: () => {} },
      report(line) {
        reports.push(line)
        reported.resolve()
      },
      now: () => 0,
    },
  )
  child.start()
  await reported.promise
  t.match(reports, [/^orders spawn \/nowhere\/orders ENOENT; starts again/])
  await child.stop(1000)
})

t.test('stop asks first, and the child is not started again', async t => {
  const { child, events, groups, reports } = setUp(
    t,
    `process.on("SIGTERM", () => { console.log("ending"); process.exit() }); console.log("up"); ${stayAlive}`,
  )
  child.start()
  await once(events, 'stdout')
  t.same([...groups], [child.pid])
  const ending = once(events, 'stdout')
  await child.stop(10_000)
  t.same(await ending, ['ending'])
  t.equal(child.pid, undefined)
  t.same([...groups], [])
  t.same(reports, [])
})

t.test('a child deaf to SIGTERM is killed when its grace is over', async t => {
  const { child, events } = setUp(
    t,
    `process.on("SIGTERM", () => {}); console.log("up"); ${stayAlive}`,
  )
  child.start()
  await once(events, 'stdout')
  await child.stop(10)
  t.equal(child.pid, undefined)
})

t.test('what the child has started itself ends with it', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const grandchild = `process.on("SIGTERM", () => {}); require("node:net").connect(${port})`
  const { child } = setUp(
    t,
    `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(grandchild)}]);
     ${stayAlive}`,
  )
  child.start()
  const [connection] = (await once(server, 'connection')) as [Socket]
  const closed = once(
    connection.resume().on('error', () => {}),
    'close',
  )
  await child.stop(1000)
  t.ok(await closed)
})

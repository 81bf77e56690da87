import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ProcessDriver } from '../../../../../src/cli/up/on-demand/process-driver.ts'
import type { RelayedLine } from '../../../../../src/cli/up/on-demand/relayed-line.ts'
import type { SidecarPlan } from '../../../../../src/cli/up/plan.ts'
import { eventually } from '../../../../support/mesh.ts'
import { runningOf } from '../../../../support/process.ts'
import { scaledFunction } from '../../../control/scaling/scaled-function.ts'

/** Stands for `main.ts`. */
const program = `
console.log('pid', process.pid)
console.error(process.argv.slice(2).join(' '))
if (process.env.FAILS) process.exit(3)
setInterval(() => {}, 1000)
process.on('SIGTERM', () => process.exit())
`

const echo = scaledFunction()

function setUp(t: Test, environment: Record<string, string> = {}) {
  const folder = t.testdir({ 'main.mjs': program })
  const lines: RelayedLine[] = []
  const prepared: SidecarPlan[] = []
  const groups = new Set<number>()
  let closed = false
  const bootstrap = { drainTimeoutMs: 1000 } as SidecarPlan['bootstrap']
  const sidecar = { name: 'echo', bootstrapFile: '/b.json', bootstrap, onDemand: true as const }
  const driver = new ProcessDriver({
    sidecars: { 'echo.default': sidecar },
    main: join(folder, 'main.mjs'),
    guard: {
      add: group => void groups.add(group),
      remove: group => void groups.delete(group),
      close: async () => void (closed = true),
    },
    environment,
    prepare: async plan => void prepared.push(plan),
    relay: line => lines.push(line),
    now: () => 0,
  })
  t.teardown(() => driver.close())
  const ensure = (hosts: number) => driver.ensure(echo, hosts, AbortSignal.timeout(10_000))
  const pid = async (): Promise<number> => {
    const [line] = await eventually(
      () => lines.filter(({ stream }) => stream === 'stdout'),
      ({ length }) => length > 0,
    )
    return Number(line?.line.split(' ')[1])
  }
  return { driver, ensure, pid, lines, prepared, groups, isClosed: () => closed }
}

t.test('a sidecar runs while one is wanted, and its lines are passed on', async t => {
  const { driver, ensure, pid, lines, prepared, groups } = setUp(t)
  t.equal(await driver.current(echo), 0)
  await ensure(1)
  await ensure(1)
  const running = await pid()
  t.strictSame([...groups], [running])
  t.equal(prepared.length, 1)
  t.equal(await driver.current(echo), 1)
  await eventually(() => lines.length === 2, Boolean)
  t.match(
    lines.find(({ stream }) => stream === 'stderr'),
    {
      workload: 'echo',
      line: 'proxy --config /b.json',
    },
  )
  await ensure(0)
  t.strictSame(runningOf([running]), [])
  t.strictSame([...groups], [])
  t.equal(await driver.current(echo), 0)
  await ensure(1)
  t.equal(await driver.current(echo), 1, 'it comes back')
})

t.test('one that dies is told of, with its last words, and not started again', async t => {
  const { driver, ensure } = setUp(t, { FAILS: 'yes' })
  const lost: string[][] = []
  driver.watch((name, why) => lost.push([name, why]))
  await ensure(1)
  await eventually(() => lost.length, Boolean)
  t.match(lost, [['echo.default', /^echo sidecar exited with code 3; it said: /]])
  t.equal(await driver.current(echo), 0)
})

t.test('a function that was not planned is refused in words', async t => {
  const { driver } = setUp(t)
  const other = { ...echo, name: 'other' }
  await t.rejects(driver.ensure(other, 1, AbortSignal.timeout(1000)), /start `weft up` again/)
  await driver.ensure(other, 0, AbortSignal.timeout(1000))
})

t.test('at the end nothing is left', async t => {
  const { driver, ensure, pid, isClosed } = setUp(t)
  const lost: string[] = []
  driver.watch(name => lost.push(name))
  await ensure(1)
  const running = await pid()
  await driver.close()
  t.strictSame(runningOf([running]), [])
  t.strictSame(lost, [])
  t.equal(isClosed(), true)
})

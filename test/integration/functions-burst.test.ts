// Many calls at once at a function that nobody has called yet.
import t from 'tap'
import { Gate } from '../support/functions/gate.ts'
import { startBadMesh } from '../support/functions/node-runtime.ts'
import { eventually, type Answer } from '../support/mesh.ts'

const calls = 300

const failed = ({ headers }: Answer): boolean => headers['x-amz-function-error'] !== undefined

t.test('a burst at an idle function is served in full, each call by its own event', async t => {
  const mesh = await startBadMesh(t)
  const answers = await Promise.all(Array.from({ length: calls }, (_, i) => mesh.invoke({ i })))
  t.same(
    answers.map(({ status, body }) => [status, body]),
    answers.map((_, i) => [200, JSON.stringify({ i })]),
  )
})

t.test('an instance that is killed fails exactly what it held', async t => {
  const concurrency = 4
  const mesh = await startBadMesh(t, `  concurrency: ${concurrency}\n  scale: { max: 3 }`)
  const gate = await Gate.open(t)
  const events = Array.from({ length: calls }, (_, i) =>
    // Those that come first wait until one of their instances is killed.
    i < 3 * concurrency ? { action: 'wait', port: gate.port } : { i },
  )
  const answers = Promise.all(events.map(event => mesh.invoke(event)))
  const pids = await gate.waiting(3 * concurrency)
  const [victim = 0] = pids
  t.same(pids.filter(pid => pid === victim).length, concurrency)
  process.kill(victim, 'SIGKILL')
  await eventually(
    () => gate.pids.includes(victim),
    there => !there,
  )
  gate.openAll()
  const [held, others] = split(await answers, 3 * concurrency)
  t.equal(held.filter(failed).length, concurrency)
  for (const { body } of held.filter(failed)) {
    const { errorType, errorMessage } = JSON.parse(body)
    t.equal(errorType, 'Runtime.ExitError')
    t.match(errorMessage, /Error: Runtime exited with error: signal: SIGKILL$/)
  }
  const survivors = new Set(held.filter(answer => !failed(answer)).map(({ body }) => Number(body)))
  t.equal(survivors.size, 2)
  t.notOk(survivors.has(victim))
  t.same(
    others.map(({ status, body }) => [status, body]),
    others.map((_, i) => [200, JSON.stringify({ i: i + 3 * concurrency })]),
  )
})

function split<T>(list: readonly T[], at: number): [readonly T[], readonly T[]] {
  return [list.slice(0, at), list.slice(at)]
}

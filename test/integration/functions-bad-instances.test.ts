// An instance that hangs, dies or lingers is replaced, and those who wait are served by its successor.
import { existsSync } from 'node:fs'
import t from 'tap'
import { errorTypeOf, faultOf } from '../support/functions/fault.ts'
import { Gate } from '../support/functions/gate.ts'
import { startBadMesh } from '../support/functions/node-runtime.ts'
import { eventually } from '../support/mesh.ts'

const briefly = { timeout: 5000 }

t.test('a runtime that answers and then asks for nothing is replaced', briefly, async t => {
  const mesh = await startBadMesh(t, '  timeout: 300ms\n  scale: { max: 1 }')
  const pid = (await mesh.invoke({ action: 'linger' })).body
  t.match(pid, /^\d+$/)
  const next = (await mesh.invoke({ action: 'pid' })).body
  t.match(next, /^\d+$/)
  t.not(next, pid)
})

t.test('handlers that hang in one instance together are replaced together', briefly, async t => {
  const mesh = await startBadMesh(t, '  timeout: 300ms\n  concurrency: 2\n  scale: { max: 1 }')
  const hanging = [mesh.invoke({ action: 'hang' }), mesh.invoke({ action: 'hang' })]
  for (const answer of await Promise.all(hanging)) t.equal(errorTypeOf(answer), 'Sandbox.Timedout')
  t.match((await mesh.invoke({ action: 'pid' })).body, /^\d+$/)
})

t.test('what waits goes to the successor of a runtime that asks on without an answer', async t => {
  const mesh = await startBadMesh(t, '  timeout: 300ms\n  scale: { max: 1 }')
  await mesh.invoke({ action: 'pid' })
  const [skipped, next] = await Promise.all([mesh.invoke({ action: 'skip' }), mesh.invoke('1')])
  t.equal(errorTypeOf(skipped), 'Sandbox.Timedout')
  t.equal(next.body, '1')
})

t.test('one that hangs lets the others in its instance finish', async t => {
  const mesh = await startBadMesh(t, '  timeout: 400ms\n  concurrency: 3\n  scale: { max: 1 }')
  await mesh.invoke({ action: 'pid' })
  const hanging = mesh.invoke({ action: 'hang' })
  const beside = mesh.invoke({ action: 'sleep', ms: 300 })
  t.match((await beside).body, /^\d+$/)
  const late = mesh.invoke({ action: 'sleep', ms: 200 })
  t.equal(errorTypeOf(await hanging), 'Sandbox.Timedout')
  t.match((await late).body, /^\d+$/)
})

t.test('an answer that comes after the timeout harms no other', async t => {
  const mesh = await startBadMesh(t, '  timeout: 200ms\n  concurrency: 2\n  scale: { max: 1 }')
  const late = mesh.invoke({ action: 'lateAnswer', ms: 300 })
  t.equal(errorTypeOf(await late), 'Sandbox.Timedout')
  const { body } = await eventually(
    () => mesh.invoke({ action: 'statuses' }),
    answer => answer.body !== '[]',
  )
  t.match(body, /^\[40[03]\]$/)
  t.equal((await mesh.invoke('1')).body, '1')
})

for (const handler of ['garbage-first', 'answers-first'])
  t.test(`a start that begins with "${handler}" is one all the same`, async t => {
    const mesh = await startBadMesh(t, `  handler: ${handler}\n  scale: { max: 1 }`)
    t.equal((await mesh.invoke('1')).body, '1')
    t.equal((await mesh.invoke('2')).body, '2')
  })

t.test('an instance that is stopped or killed from outside is replaced', async t => {
  const mesh = await startBadMesh(t, '  timeout: 300ms\n  scale: { max: 1 }')
  const pid = async () => Number((await mesh.invoke({ action: 'pid' })).body)
  const gate = await Gate.open(t)
  const hold = async () => {
    const held = mesh.invoke({ action: 'wait', port: gate.port })
    const [worker = 0] = await gate.waiting(1)
    return { held, worker }
  }
  const stopped = await hold()
  process.kill(stopped.worker, 'SIGSTOP')
  t.equal(errorTypeOf(await stopped.held), 'Sandbox.Timedout')
  await ended(stopped.worker)
  // It may not have asked for its next event yet.
  const idle = await pid()
  process.kill(idle, 'SIGSTOP')
  await mesh.invoke('1')
  t.not(await pid(), idle)
  const killed = await hold()
  process.kill(killed.worker, 'SIGKILL')
  const { errorType, errorMessage } = faultOf(await killed.held)
  t.equal(errorType, 'Runtime.ExitError')
  t.match(errorMessage, /signal: SIGKILL$/)
  const third = await pid()
  t.not(third, killed.worker)
  // Killed while it is idle: nobody hears of it.
  process.kill(third, 'SIGKILL')
  await ended(third)
  t.ok((await pid()) > 0)
})

t.test('a child that keeps the pipes and leaves the group delays nobody', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  const { pid } = JSON.parse((await mesh.invoke({ action: 'leaveGroup' })).body)
  process.kill(pid, 'SIGKILL')
  const next = (await mesh.invoke({ action: 'pid' })).body
  t.not(next, String(pid))
})

/** Gone, and reaped. */
async function ended(pid: number): Promise<void> {
  await eventually(
    () => existsSync(`/proc/${pid}`),
    there => !there,
  )
}

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { killChildren, signalGroup } from '../../../src/base/process-group.ts'

async function family(t: Test): Promise<{ readonly parent: ChildProcess; readonly child: number }> {
  const parent = spawn('/bin/sh', ['-c', 'setsid sh -c "echo \\$\\$; exec sleep 60" & wait'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  const child = Number(line)
  t.teardown(() => {
    parent.kill('SIGKILL')
    if (lives(child)) process.kill(child, 'SIGKILL')
  })
  return { parent, child }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('children are killed in whatever group they are', async t => {
  const { parent, child } = await family(t)
  const exited = once(parent, 'exit')
  killChildren(parent.pid ?? 0)
  t.same(await exited, [0, null], 'which their parent sees')
  t.notOk(lives(child))
})

t.test('a group is signalled without those who left it', async t => {
  const { parent, child } = await family(t)
  const exited = once(parent, 'exit')
  signalGroup(parent.pid ?? 0, 'SIGTERM')
  t.same(await exited, [null, 'SIGTERM'])
  t.ok(lives(child))
})

t.test('processes that are no more are nobody’s trouble', async t => {
  const { parent } = await family(t)
  const exited = once(parent, 'exit')
  parent.kill('SIGKILL')
  await exited
  t.doesNotThrow(() => killChildren(parent.pid ?? 0))
  t.doesNotThrow(() => signalGroup(parent.pid ?? 0, 'SIGTERM'))
})

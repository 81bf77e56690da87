import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { OrphanGuard } from '../../../src/base/orphan-guard.ts'

const module = resolve(import.meta.dirname, '../../../src/base/orphan-guard.ts')

function sleeper() {
  return spawn('/bin/sh', ['-c', 'sleep 60'], { detached: true, stdio: 'ignore' })
}

t.test('children end when their parent was killed', async t => {
  const child = sleeper()
  t.teardown(() => child.kill('SIGKILL'))
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `import(${JSON.stringify(module)}).then(async ({ OrphanGuard }) => {
        const guard = await OrphanGuard.start()
        guard.add(${child.pid})
        setTimeout(() => console.log('guarded'), 0)
        setInterval(() => {}, 1000)
      })`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(createInterface({ input: parent.stdout }), 'line')
  const exited = once(child, 'exit')
  parent.kill('SIGKILL')
  t.same(await exited, [null, 'SIGTERM'])
})

t.test('a child that was taken off the list is left alone', async t => {
  const child = sleeper()
  t.teardown(() => child.kill('SIGKILL'))
  const guard = await OrphanGuard.start()
  guard.add(child.pid ?? 0)
  guard.remove(child.pid ?? 0)
  await guard.close()
  t.equal(child.exitCode, null)
  t.equal(child.signalCode, null)
})

import { readFileSync } from 'node:fs'
import t from 'tap'
import { ProcessDriver } from '../../../../src/functions/runtime/process-sandbox.ts'
import type { Sandbox } from '../../../../src/functions/runtime/sandbox.ts'
import type { FunctionSpec } from '../../../../src/model/function/function.ts'
import { functionSpec, GuardRecord, SandboxRecord } from '../../../support/functions/sandbox.ts'

const environment = { PATH: process.env['PATH'] ?? '', NAME: 'value' }

interface Scene {
  readonly sandbox: Sandbox
  readonly record: SandboxRecord
  readonly guard: GuardRecord
}

function scene(changes: Partial<FunctionSpec>, variables = environment): Scene {
  const guard = new GuardRecord()
  const record = new SandboxRecord()
  const sandbox = new ProcessDriver(guard).create(functionSpec(changes), variables, record)
  return { sandbox, record, guard }
}

function shell(script: string): Scene {
  return scene({ command: ['/bin/sh', '-c', script] })
}

/** R, S, D, T: as ps says it. */
function stateOf(pid: number): string | undefined {
  return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
}

async function becomes(pid: number, states: string): Promise<void> {
  while (!states.includes(stateOf(pid) ?? 'X')) await new Promise(setImmediate)
}

t.test(
  'a process has its environment and nothing else, and its lines and exit are told',
  async t => {
    const { sandbox, record, guard } = shell('echo $NAME $HOME; echo bad >&2; pwd; exit 3')
    t.equal(sandbox.pid, undefined)
    sandbox.start()
    t.same([...guard.groups], [sandbox.pid])
    t.equal(await record.ended, 'exit 3')
    t.same(record.lines.toSorted(), ['stderr: bad', 'stdout: /', 'stdout: value'])
    t.equal(sandbox.pid, undefined, 'its number may be another’s')
    t.equal(guard.groups.size, 0)
  },
)

t.test('a frozen process gets no processor, and is thawed as it was', async t => {
  const { sandbox, record } = shell('echo up; exec sleep 60')
  const up = record.line('up')
  sandbox.start()
  await up
  const { pid = 0 } = sandbox
  t.ok(sandbox.freeze())
  await becomes(pid, 'T')
  sandbox.thaw()
  await becomes(pid, 'SR')
  sandbox.kill()
  t.equal(await record.ended, 'exit SIGKILL')
})

t.test('a frozen process hears that it is to end', async t => {
  const { sandbox, record } = shell('trap "echo bye; exit 5" TERM; sleep 60 & echo up; wait')
  const up = record.line('up')
  sandbox.start()
  await up
  sandbox.freeze()
  await becomes(sandbox.pid ?? 0, 'T')
  sandbox.terminate()
  t.equal(await record.ended, 'exit 5')
  t.ok(record.lines.includes('stdout: bye'))
})

t.test('what a process has started ends with it', async t => {
  const { sandbox, record } = shell('sleep 60 & echo $!; wait')
  sandbox.start()
  while (record.lines.length === 0) await new Promise(setImmediate)
  const child = Number(record.lines[0]?.split(' ')[1])
  t.ok(stateOf(child))
  sandbox.kill()
  await record.ended
  await ends(child)
})

t.test('so does what it has left behind', async t => {
  const { sandbox, record } = shell('sleep 60 & echo $!')
  sandbox.start()
  t.equal(await record.ended, 'exit 0')
  await ends(Number(record.lines[0]?.split(' ')[1]))
})

/** What is left of it then waits for init. */
async function ends(pid: number): Promise<void> {
  while (!['Z', undefined].includes(existing(pid))) await new Promise(setImmediate)
}

function existing(pid: number): string | undefined {
  try {
    return stateOf(pid)
  } catch {
    return undefined
  }
}

t.test('the end is told though a process that left the group holds the output open', async t => {
  const { sandbox, record } = shell(
    'setsid sh -c "echo out; echo \\$\\$; exec sleep 60" & sleep 60',
  )
  const out = record.line('out')
  sandbox.start()
  await out
  sandbox.kill()
  t.equal(await record.ended, 'exit SIGKILL')
  const holder = Number(record.lines.at(-1)?.split(' ')[1])
  t.equal(existing(holder), 'S')
  process.kill(holder, 'SIGKILL')
})

t.test('what can’t be run says so, after it was started', async t => {
  for (const [changes, message] of [
    [{ command: ['./nothing'] }, /^cannot run \.\/nothing in \/: .*ENOENT/],
    [{ command: ['/bin/sh'], directory: '/nowhere' }, /in \/nowhere: .*ENOENT/],
    [{ command: ['/bin/sh\0'] }, /null bytes/],
    [{ command: [''] }, /in \/: /],
    [{ command: [], runtime: 'cobol' }, /there is no runtime cobol/],
  ] as const) {
    const { sandbox, record, guard } = scene(changes)
    sandbox.start()
    sandbox.kill()
    t.notOk(sandbox.freeze())
    t.match(await record.ended, message)
    t.equal(guard.groups.size, 0)
  }
})

t.test('a sandbox that was never started is nothing', async t => {
  const { sandbox, guard } = shell('exit 0')
  sandbox.kill()
  sandbox.terminate()
  t.notOk(sandbox.freeze())
  t.equal(guard.groups.size, 0)
})

// How `weft up` ends.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  descendantsOf,
  freePorts,
  runningOf,
  runningWith,
  WeftProcess,
} from '../../support/process.ts'

const application = "console.log('runs'); setInterval(() => {}, 1000)"
const deaf = `process.on('SIGTERM', () => {}); ${application}`

interface Orders {
  readonly program: string
  readonly sidecar: boolean
  /** A file stands where the sidecar's folder would be. */
  readonly obstacle?: boolean
}

/** Runs one workload. All its processes have `folder` on their command lines. */
async function startUp(t: Test, { program, sidecar, obstacle = false }: Orders) {
  const folder = t.testdir({ state: { workloads: {} } })
  const [push, admin, adminPort, outboundPort, inboundPort] = await freePorts(5)
  const workload = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Workload',
    metadata: { name: 'orders' },
    spec: {
      sidecar: { enabled: sidecar, adminPort, outboundPort, inboundPort },
      run: { command: ['node', '-e', program, folder] },
    },
  }
  // YAML takes JSON as it is.
  writeFileSync(join(folder, 'mesh.yaml'), JSON.stringify(workload))
  if (obstacle) writeFileSync(join(folder, 'state/workloads/orders.default'), '')
  const command = `up mesh.yaml --control-port ${push} --control-admin-port ${admin} --state-directory state`
  const weft = new WeftProcess(command.split(' '), folder)
  t.teardown(() => weft[Symbol.asyncDispose]())
  return { weft, folder }
}

t.test('a second Ctrl-C kills what takes its time', async t => {
  const { weft } = await startUp(t, { program: deaf, sidecar: false })
  await weft.line(/^Requests appear below/)
  await weft.line(/^orders \| runs/)
  const children = descendantsOf(weft.pid)
  t.equal(children.length, 3, 'control plane, application and guard')
  weft.signal('SIGINT')
  await weft.line(/^stopping; once more to kill/)
  const asked = performance.now()
  weft.signal('SIGINT')
  t.same(await weft.exited, { code: 1, signal: null })
  t.ok(performance.now() - asked < 4000, 'well before the guard would have to')
  t.same(runningOf(children), [])
})

t.test('Ctrl-C during the start ends what has started', async t => {
  const { weft, folder } = await startUp(t, { program: application, sidecar: true })
  // The sidecar starts right after it, and has certificate and configuration to get.
  await weft.line(/^orders \| runs/)
  t.not(runningWith(folder).length, 0)
  weft.signal('SIGINT')
  t.same(await weft.exited, { code: 0, signal: null })
  t.notMatch(weft.output, 'Requests appear below')
  t.same(runningWith(folder), [])
})

t.test('a failed start says why and leaves nothing behind', async t => {
  const { weft, folder } = await startUp(t, { program: deaf, sidecar: true, obstacle: true })
  const [, file] = await weft.line(/^EEXIST: file already exists, mkdir '(.*)'$/)
  t.equal(file, join(folder, 'state/workloads/orders.default'))
  t.same(await weft.exited, { code: 1, signal: null })
  t.notMatch(weft.output, 'Requests appear below')
  t.same(runningWith(folder), [])
})

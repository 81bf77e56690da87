import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import { call, eventually } from '../support/mesh.ts'
import {
  descendantsOf,
  freePorts,
  runningOf,
  runningWith,
  WeftProcess,
} from '../support/process.ts'
import { testFolder } from '../support/test-folder.ts'

const folder = resolve(import.meta.dirname, '../support/functions')

/** A caller, and a function of which nothing runs. */
function yaml([admin, outbound, inbound, ...ports]: readonly number[]): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: web }
spec:
  address: 127.0.0.1
  ports: []
  sidecar: { adminPort: ${admin}, outboundPort: ${outbound}, inboundPort: ${inbound} }
---
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  command: ['${process.execPath}', '${join(folder, 'runtime.mjs')}']
  code: ${folder}
  scale: { zero: gone, keepAlive: 1s }
  sidecar: { adminPort: ${ports[0]}, outboundPort: ${ports[1]}, inboundPort: ${ports[2]} }
`
}

t.test('by `weft up` a function comes with its first call and goes with the last', async t => {
  const state = testFolder(t)
  const config = join(state, 'mesh.yaml')
  const ports = await freePorts(8)
  writeFileSync(config, yaml(ports))
  const [, outbound = 0] = ports
  const command = ['up', config, '--state-directory', join(state, 'state')]
  command.push('--control-port', String(ports[6]), '--control-admin-port', String(ports[7]))
  const weft = new WeftProcess(command, state)
  t.teardown(() => weft[Symbol.asyncDispose]())
  await weft.line(/^Requests appear below/)
  const sidecar = join(state, 'state/workloads/echo.default/bootstrap.json')
  t.strictSame(runningWith(sidecar), [])

  const ask = () => call(outbound, { path: '/hello', headers: { host: 'echo.fn.mesh' } })
  const before = monotonicNow()
  const answer = await ask()
  t.comment(`first answer after ${Math.round(monotonicNow() - before)} ms`)
  t.equal(answer.status, 200, answer.body)
  await weft.line(/web → echo\.fn\.mesh GET \/hello 200 .* via echo/)
  t.equal(runningWith(sidecar).length, 1)

  await eventually(
    () => runningWith(sidecar).length,
    count => count === 0,
  )
  t.equal((await ask()).status, 200, 'and it comes back')

  const children = descendantsOf(weft.pid)
  weft.signal('SIGINT')
  t.same(await weft.exited, { code: 0, signal: null })
  t.same(runningOf(children), [])
})

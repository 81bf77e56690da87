// The commands as people type them, against a mesh in this process.
import t, { type Test } from 'tap'
import { startFunctionMesh } from '../support/functions/mesh.ts'
import { freePorts, WeftProcess } from '../support/process.ts'

async function weft(t: Test, ...command: string[]) {
  await using program = new WeftProcess(command, t.testdirName)
  const { code } = await program.exited
  return { code, output: program.output }
}

t.test('functions are listed, invoked and listened to by their names', async t => {
  const { mesh, caller, host } = await startFunctionMesh(t)
  const sidecar = `http://127.0.0.1:${caller.ports.outbound}`

  const controlPlane = `http://127.0.0.1:${mesh.control.adminPort}`
  const list = await weft(t, 'functions', '--control-plane', controlPlane)
  t.equal(list.code, 0)
  t.match(
    list.output,
    /^FUNCTION +NAMESPACE +DRIVER +RUNS +TIMEOUT +SCALE +VERSIONS +HOSTS\necho +default +process .* 3s +0-10 /,
  )
  t.ok(list.output.endsWith(`127.0.0.1:${host.ports.inbound}`))

  const event = '{"action":"say","text":"a word"}'
  const called = await weft(t, 'invoke', 'echo', '--sidecar', sidecar, '--data', event, '--log')
  t.equal(called.code, 0)
  t.match(called.output, /^"said"$/m)
  t.match(called.output, /^a word$/m)

  const admin = `http://127.0.0.1:${host.ports.admin}`
  const log = await weft(t, 'logs', 'echo', '--admin', admin, '--once')
  t.equal(log.code, 0)
  t.match(log.output, /^\S+Z \d+ \| a word$/m)
})

t.test('what went wrong is told by exit code and in a sentence', async t => {
  const { caller } = await startFunctionMesh(t)
  const sidecar = `http://127.0.0.1:${caller.ports.outbound}`
  const event = '{"action":"throw","message":"no apples"}'
  const failed = await weft(t, 'invoke', 'echo', '--sidecar', sidecar, '--data', event)
  t.same(failed, { code: 1, output: '{"errorType":"Error","errorMessage":"no apples"}' })
  const unknown = await weft(t, 'invoke', 'nobody', '--sidecar', sidecar)
  t.equal(unknown.code, 1)
  t.match(unknown.output, /nobody: Function not found: arn:aws:lambda:local/)
  const [free] = await freePorts(1)
  const nowhere = await weft(t, 'invoke', 'echo', '--sidecar', `http://127.0.0.1:${free}`)
  t.match(
    nowhere.output,
    /no sidecar answers at http:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED.* --sidecar/,
  )
  const noHost = await weft(t, 'logs', 'echo', '--once')
  t.match(noHost.output, /weft up has started no function echo from here: .*--admin/)
  const admin = `http://127.0.0.1:${caller.ports.admin}`
  const notHosted = await weft(t, 'logs', 'echo', '--admin', admin, '--once')
  t.match(notHosted.output, /no log from .*: hosts no function/)
})

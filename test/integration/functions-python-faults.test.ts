// What handlers do wrong under AWS's own runtime client for Python.
import { resolve } from 'node:path'
import t from 'tap'
import { faultOf } from '../support/functions/fault.ts'
import type { FunctionMesh } from '../support/functions/mesh.ts'
import { pythonObstacle, startPythonMesh } from '../support/functions/python.ts'
import type { Answer } from '../support/mesh.ts'

const handlers = resolve(import.meta.dirname, '../support/functions/python')
const obstacle = pythonObstacle()
const options = obstacle === undefined ? {} : { skip: obstacle }

function act(mesh: FunctionMesh, name: string, ...args: unknown[]): Promise<Answer> {
  return mesh.invoke({ act: name, with: args })
}

t.test('exceptions, and results that are no JSON, cost the runtime nothing', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const pid = (await act(mesh, 'pid')).body
  const raised = faultOf(await act(mesh, 'raise', 'no "apples"\n'))
  t.match(raised, { errorType: 'LookupError', errorMessage: 'no "apples"\n' })
  t.match(raised.stackTrace?.at(-1), /raise LookupError/)
  t.equal(faultOf(await act(mesh, 'recurse')).errorType, 'RecursionError')
  const object = faultOf(await act(mesh, 'object'))
  t.equal(object.errorType, 'Runtime.MarshalError')
  t.match(object.errorMessage, /datetime is not JSON serializable/)
  t.equal((await act(mesh, 'nan')).body, 'NaN')
  t.equal((await act(mesh, 'pid')).body, pid)
})

t.test('bytes come back as they are', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const { status, headers, body } = await act(mesh, 'bytes')
  t.equal(status, 200)
  t.equal(headers['x-amz-function-error'], undefined)
  t.equal(headers['content-length'], '3')
  t.equal(body, Buffer.from([0, 0xff, 0]).toString())
})

t.test('a process that ends is replaced, whatever has ended it', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const end = async (name: string, code: number) => faultOf(await act(mesh, name, code))
  t.match(await end('exit', 0), {
    errorType: 'Runtime.ExitError',
    errorMessage: /exited without providing a reason$/,
  })
  t.match((await end('exit', 5)).errorMessage, /exit status 5$/)
  t.match((await end('abort', 6)).errorMessage, /exit status 6$/)
  t.match((await act(mesh, 'pid')).body, /^\d+$/)
})

t.test('a handler that sleeps too long is answered for, and replaced', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act', '  timeout: 700ms')
  const pid = (await act(mesh, 'pid')).body
  const fault = faultOf(await act(mesh, 'sleep', 60))
  t.equal(fault.errorType, 'Sandbox.Timedout')
  t.match(fault.errorMessage, /Task timed out after 0\.70 seconds$/)
  t.not((await act(mesh, 'pid')).body, pid)
})

t.test('a child that keeps the pipes delays nobody', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const { pid } = JSON.parse((await act(mesh, 'leave_child')).body)
  t.equal((await act(mesh, 'pid')).body, String(pid))
  const fault = faultOf(await act(mesh, 'abort', 3))
  t.match(fault.errorMessage, /exit status 3$/)
  const away = JSON.parse((await act(mesh, 'leave_group')).body)
  t.match(faultOf(await act(mesh, 'abort', 4)).errorMessage, /exit status 4$/)
  t.not((await act(mesh, 'pid')).body, String(away.pid))
})

t.test('a thread that goes on after the answer holds nothing up', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const pid = (await act(mesh, 'thread')).body
  t.equal((await act(mesh, 'pid')).body, pid)
})

t.test('floods of output end in a log that is bounded', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act')
  const log = async (event: object) => {
    const { headers } = await mesh.invoke(event, { 'x-amz-log-type': 'Tail' })
    return Buffer.from(String(headers['x-amz-log-result']), 'base64')
  }
  t.equal((await act(mesh, 'flood', 20_000)).body, '20000')
  t.equal((await act(mesh, 'one_line', 1_000_000)).body, '1000000')
  const flooded = await log({ act: 'flood', with: [20_000] })
  t.equal(flooded.length, 4096)
  t.match(await log({ act: 'say', with: ['naïve €'] }).then(String), /\nnaïve €\nEND/)
})

t.test('events and results may be as large as with AWS', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.act', '  timeout: 10s')
  const text = 'x'.repeat(6_291_000)
  t.equal((await act(mesh, 'size', text)).body, '6291000')
  t.equal((await act(mesh, 'large', 6_291_554)).body.length, 6_291_556)
  const over = faultOf(await act(mesh, 'large', 6_291_555))
  t.equal(over.errorType, 'Function.ResponseSizeTooLarge')
  t.match((await act(mesh, 'pid')).body, /^\d+$/, 'its runtime ends itself, and is replaced')
})

t.test('the context knows what the caller and the configuration say', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'acts.describe', '  memory: 1Gi')
  const custom = { custom: { who: 'Zoë', lines: 'a\nb' } }
  const pretty = Buffer.from(JSON.stringify(custom, undefined, 2)).toString('base64')
  const { body } = await mesh.invoke({}, { 'x-amz-client-context': pretty })
  t.same(JSON.parse(body), { name: 'echo', version: '$LATEST', memory: '1024', ...custom })
})

t.test('several processes work on several events at once', options, async t => {
  const spec = '  concurrency: 4\n  scale: { max: 1 }'
  const mesh = await startPythonMesh(t, handlers, 'acts.act', spec)
  const calls = Array.from({ length: 4 }, () => act(mesh, 'sleep', 0.3))
  t.same(
    (await Promise.all(calls)).map(({ body }) => body),
    Array(4).fill('null'),
  )
})

t.test('a module that ends the process when it is loaded is told of', options, async t => {
  const mesh = await startPythonMesh(t, handlers, 'exits.handler')
  t.equal(faultOf(await mesh.invoke({})).errorType, 'Runtime.ExitError')
})

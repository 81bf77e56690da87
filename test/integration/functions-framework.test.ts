// Functions that were written for others: Google's functions-framework, unmodified, and a container's web server.
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import t, { type Test } from 'tap'
import { startFunctionMesh, type FunctionMesh } from '../support/functions/mesh.ts'
import { call, eventually } from '../support/mesh.ts'

const root = resolve(import.meta.dirname, '../..')

function obstacle(...command: [string, ...string[]]): string | false {
  const [program, ...args] = command
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return false
  } catch {
    return `${command.join(' ')} does not work: python3 -m pip install functions-framework`
  }
}

function startServer(t: Test, fields: readonly string[]): Promise<FunctionMesh> {
  const spec = ['protocol: http', ...fields].map(field => `  ${field}`).join('\n')
  return startFunctionMesh(t, {
    document: `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
${spec}`,
  })
}

const framework = [
  'command: [functions-framework, --source, main.py]',
  `code: ${resolve(root, 'test/support/functions/framework')}`,
]
const noFramework = obstacle('python3', '-c', 'import functions_framework')

t.test('a function of functions-framework answers by HTTP', { skip: noFramework }, async t => {
  const mesh = await startServer(t, [...framework, 'handler: hello'])
  t.match(await mesh.call({ path: '/?name=Ada' }), { status: 200, body: 'Hello Ada' })
})

t.test('and takes CloudEvents, of callers and of triggers', { skip: noFramework }, async t => {
  const mesh = await startServer(t, [
    ...framework,
    'handler: noted',
    'environment: { FUNCTION_SIGNATURE_TYPE: cloudevent }',
    "triggers: [{ name: tick, schedule: { cron: '* * * * * *', data: { n: 1 } } }]",
  ])
  const event = { specversion: '1.0', id: '1', source: '/a', type: 'own', subject: 's', data: [1] }
  const answer = await mesh.call({
    method: 'POST',
    body: JSON.stringify(event),
    headers: { 'content-type': 'application/cloudevents+json' },
  })
  t.equal(answer.status, 200)
  const log = await eventually(
    async () => (await call(mesh.host.ports.admin, { path: '/function/logs' })).body,
    lines => lines.includes('own s [1]') && lines.includes('dev.weft.schedule tick'),
  )
  t.match(log, /dev\.weft\.schedule tick \{'n': 1\}/)
})

t.test("a container's web server runs as it is", { skip: obstacle('python3', '-V') }, async t => {
  const code = resolve(root, 'examples/functions/hello-http')
  const mesh = await startServer(t, ['command: [python3, app.py]', `code: ${code}`])
  t.match(await mesh.call(), { status: 200, body: 'Hello from a container!\n' })
})

import t from 'tap'
import { compileFunction, functionEndpoints } from '../../../src/control/function-compiler.ts'
import { functionLabel } from '../../../src/model/function.ts'
import { functionKind } from '../../../src/model/kinds/function.ts'
import type { Registration } from '../../../src/model/registration.ts'

function compiled(spec: object) {
  const head = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'hello' } }
  return compileFunction(functionKind.parse({ ...head, spec: { code: 'hello', ...spec } }))
}

t.test('a runtime becomes the command that AWS’s own client for it has', async t => {
  t.same(compiled({ runtime: 'python3.11', handler: 'a.b' }).command, [
    'python3.11',
    '-m',
    'awslambdaric',
    'a.b',
  ])
  t.same(compiled({ runtime: 'provided.al2023' }).command, ['./bootstrap'])
  t.same(compiled({ command: ['node', 'run.js'] }).command, ['node', 'run.js'])
})

t.test('a function is where sidecars were admitted as its hosts, and are ready', async t => {
  const host = (changes: Partial<Registration>): Registration => ({
    namespace: 'default',
    name: 'hello-1',
    serviceAccount: 'hello',
    labels: { [functionLabel]: 'hello' },
    address: '10.0.0.1',
    ports: [],
    meshPort: 15_008,
    identity: 'spiffe://weft.local/ns/default/sa/hello',
    ready: true,
    ...changes,
  })
  const registrations = [
    host({ address: '10.0.0.2' }),
    host({}),
    host({ address: '10.0.0.3', ready: false }),
    host({ address: '10.0.0.4', namespace: 'other' }),
    host({ address: '10.0.0.5', labels: { [functionLabel]: 'bye' } }),
    host({ address: '10.0.0.6', labels: {} }),
  ]
  const endpoints = functionEndpoints({ name: 'hello', namespace: 'default' }, registrations)
  t.same(
    endpoints.map(({ id, mesh }) => [id, mesh?.identity]),
    [
      ['10.0.0.1:15008', 'spiffe://weft.local/ns/default/sa/hello'],
      ['10.0.0.2:15008', 'spiffe://weft.local/ns/default/sa/hello'],
    ],
  )
})

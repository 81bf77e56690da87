import t from 'tap'
import { declaredProtocol } from '../../../src/model/app-protocol.ts'

t.test('appProtocol says what the application speaks', async t => {
  t.equal(declaredProtocol({ appProtocol: 'kubernetes.io/h2c' }), 'http2')
  t.equal(declaredProtocol({ appProtocol: 'grpc' }), 'http2')
  t.equal(declaredProtocol({ appProtocol: 'HTTP' }), 'http')
  t.equal(declaredProtocol({ appProtocol: 'kubernetes.io/ws' }), 'http')
})

t.test('so does the name of the port, alone or before a dash', async t => {
  t.equal(declaredProtocol({ name: 'grpc' }), 'http2')
  t.equal(declaredProtocol({ name: 'grpc-orders' }), 'http2')
  t.equal(declaredProtocol({ name: 'grpc-web' }), 'http')
  t.equal(declaredProtocol({ name: 'grpc-web-orders' }), 'http')
  t.equal(declaredProtocol({ name: 'http-api' }), 'http')
})

t.test('appProtocol counts before the name, even if it is unknown', async t => {
  t.equal(declaredProtocol({ name: 'http', appProtocol: 'grpc' }), 'http2')
  t.equal(declaredProtocol({ name: 'http', appProtocol: 'example.com/quux' }), undefined)
})

t.test('nothing is guessed from other names', async t => {
  for (const name of [
    undefined,
    '',
    '-',
    '-http',
    'metrics',
    'https2',
    'grpcorders',
    '__proto__',
    'constructor-x',
  ])
    t.equal(declaredProtocol({ name }), undefined, name ?? 'no name')
})

import t from 'tap'
import { BackendIndex } from '../../../../../src/control/compilation/matching/backend-index.ts'
import { functionKind } from '../../../../../src/model/kinds/function/function.ts'
import { configurationIn, serviceYaml } from '../../../model/configurations.ts'

const { services } = configurationIn(
  serviceYaml('orders') +
    serviceYaml('two', '[{ port: 1, name: a }, { port: 2, name: b }]') +
    serviceYaml('dns', '[{ port: 53, protocol: UDP }]'),
)
const hello = functionKind.parse({
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Function',
  metadata: { name: 'hello' },
  spec: {
    runtime: 'nodejs',
    code: '/srv',
    handler: 'index.handler',
    versions: [{ name: 'v1', code: '/srv/v1' }],
  },
})
const index = new BackendIndex({ services, functions: [hello] })

function resolve(name: string, more: object = {}) {
  return index.resolve({ kind: 'Service', name, namespace: 'default', ...more })
}

t.test('a backend is the cluster of a port, or of a function and its versions', async t => {
  t.same(resolve('orders', { port: 80 }), { cluster: 'orders.default:80' })
  t.same(resolve('orders'), { cluster: 'orders.default:80' })
  t.same(resolve('two', { port: 2, group: '' }), { cluster: 'two.default:2' })
  const kind = { kind: 'Function' }
  t.same(resolve('hello', kind), { cluster: 'hello.default.fn:80' })
  t.same(resolve('hello--v1', { ...kind, group: 'weft.dev' }), {
    cluster: 'hello--v1.default.fn:80',
  })
  t.match(resolve('hello--v2', kind), { message: 'there is no Function hello--v2.default' })
})

t.test('what is not there has a reason', async t => {
  t.same(resolve('missing', { port: 80 }), {
    reason: 'BackendNotFound',
    message: 'there is no Service missing.default',
  })
  t.match(resolve('orders', { port: 8080 }), { message: /has no port 8080; it has 80$/ })
  t.match(resolve('two'), { message: /give one of the ports of Service two.default; it has 1, 2$/ })
  t.match(resolve('dns', { port: 53 }), { message: /it has none for TCP$/ })
  t.match(resolve('dns'), { message: /it has none for TCP$/ })
  t.match(resolve('orders', { namespace: 'shop' }), { reason: 'BackendNotFound' })
  t.match(resolve('orders', { kind: 'Pod' }), { reason: 'InvalidKind' })
  t.match(resolve('orders', { group: 'apps' }), { reason: 'InvalidKind', message: /of apps/ })
  for (const name of ['__proto__', 'constructor'])
    t.match(resolve(name), { reason: 'BackendNotFound' })
})

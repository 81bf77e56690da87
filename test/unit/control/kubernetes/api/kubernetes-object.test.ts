import t from 'tap'
import {
  isKubernetesObject,
  keyOf,
} from '../../../../../src/control/kubernetes/api/kubernetes-object.ts'

t.test('objects are known by namespace and name, if they are in one', async t => {
  t.equal(keyOf({ metadata: { name: 'orders', namespace: 'shop' } }), 'shop/orders')
  t.equal(keyOf({ metadata: { name: 'shop' } }), 'shop')
  t.equal(keyOf({ metadata: { name: 'shop', namespace: '' } }), 'shop')
})

t.test('an object has a name and a version', async t => {
  const metadata = { name: 'a', resourceVersion: '1' }
  t.ok(isKubernetesObject({ metadata }))
  const others = [
    null,
    'x',
    {},
    { metadata: 1 },
    { metadata: null },
    { metadata: { ...metadata, name: '' } },
    { metadata: { ...metadata, namespace: 7 } },
    { metadata: { name: 'a' } },
  ]
  for (const other of others) t.notOk(isKubernetesObject(other))
})

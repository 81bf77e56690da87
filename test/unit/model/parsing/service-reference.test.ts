import t from 'tap'
import { parseServiceReference } from '../../../../src/model/parsing/service-reference.ts'

t.test('a name may have a namespace, its suffixes, and a port', async t => {
  const orders = { name: 'orders', namespace: 'shop', port: undefined }
  const readings = {
    orders: orders,
    'orders:80': { ...orders, port: 80 },
    'orders.team': { ...orders, namespace: 'team' },
    'orders.team.svc': { ...orders, namespace: 'team' },
    'orders.team.svc.cluster.local': { ...orders, namespace: 'team' },
    'orders.team.svc.cluster.local:80': { name: 'orders', namespace: 'team', port: 80 },
  }
  for (const [text, reading] of Object.entries(readings))
    t.same(parseServiceReference(text, 'shop'), reading, text)
})

t.test('nothing else is one', async t => {
  for (const text of [
    '',
    'Orders',
    'http://orders',
    'orders/',
    'orders:',
    'orders.team.local',
    'a:b',
  ])
    t.equal(parseServiceReference(text, 'shop'), undefined, text)
})

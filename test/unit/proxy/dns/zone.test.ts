import t from 'tap'
import { readQuery, type Query } from '../../../../src/proxy/dns/message.ts'
import { buildZone, lookUp, serviceNameOf } from '../../../../src/proxy/dns/zone.ts'
import { dnsQuery, types, type QueryFields } from '../../../support/dns.ts'
import { serviceOf } from './services.ts'

const services = [serviceOf('orders', 80), serviceOf('orders', 9090), serviceOf('payments', 80)]
const zone = buildZone(services, name => (name === 'orders.default' ? '127.64.1.2' : undefined))

const ask = (fields: QueryFields) => lookUp(zone, readQuery(dnsQuery(fields)) as Query)

t.test('all ports of a service share its name', async t => {
  t.same(services.map(serviceNameOf), ['orders.default', 'orders.default', 'payments.default'])
})

t.test('each form of a name leads to the address, in any case', async t => {
  const forms = [
    'orders',
    'ORDERS.default',
    'orders.Default.svc',
    'orders.default.svc.cluster.local',
  ]
  for (const name of forms) t.same(ask({ name }), { kind: 'address', address: '127.64.1.2' }, name)
  t.same(ask({ name: 'orders', type: types.ANY }), { kind: 'address', address: '127.64.1.2' })
})

t.test('other types of a name of the mesh have no data', async t => {
  for (const type of [types.AAAA, types.HTTPS, types.TXT, types.SOA])
    t.same(ask({ name: 'orders', type }), { kind: 'no-data' })
})

t.test('a service without a port that is bound fails', async t => {
  t.same(ask({ name: 'payments' }), { kind: 'error', code: 2 })
})

t.test('names beyond the mesh, and other classes, are not ours', async t => {
  for (const name of ['example.com', 'orders.default.svc.cluster', 'default', '', 'orders.orders'])
    t.equal(ask({ name }), undefined, name)
  t.equal(ask({ name: 'orders', class: 3 }), undefined)
})

import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import t from 'tap'
import { formatSpiffeId, parseSpiffeId } from '../../../src/identity/spiffe-id.ts'

t.test('an ID is read into its parts', async t => {
  t.strictSame(parseSpiffeId('spiffe://weft.local/ns/shop/sa/orders-v1'), {
    trustDomain: 'weft.local',
    namespace: 'shop',
    serviceAccount: 'orders-v1',
  })
})

const refused = [
  '',
  'spiffe://weft.local',
  'spiffe://weft.local/',
  'spiffe://weft.local/ns/shop',
  'spiffe://weft.local/ns/shop/sa/',
  'spiffe://weft.local/ns//sa/orders',
  'spiffe:///ns/shop/sa/orders',
  'spiffe://weft.local/ns/shop/sa/orders/',
  'spiffe://weft.local/ns/shop/sa/orders/more',
  'spiffe://weft.local/ns/../sa/orders',
  'spiffe://weft.local/ns/shop/sa/.',
  'spiffe://Weft.local/ns/shop/sa/orders',
  'SPIFFE://weft.local/ns/shop/sa/orders',
  'spiffe://weft.local:80/ns/shop/sa/orders',
  'spiffe://user@weft.local/ns/shop/sa/orders',
  'spiffe://weft.local/ns/shop/sa/orders?x',
  'spiffe://weft.local/ns/shop/sa/orders#x',
  'spiffe://weft.local/ns/shop/sa/or%64ers',
  'spiffe://weft.local/ns/shop/sa/orders\n',
  'spiffe://weft。local/ns/shop/sa/orders',
  `spiffe://${'a'.repeat(256)}/ns/shop/sa/orders`,
  `spiffe://weft.local/ns/shop/sa/${'a'.repeat(2048)}`,
]

for (const text of refused)
  t.test(`${JSON.stringify(text.slice(0, 60))} is no ID of a workload`, async t => {
    t.equal(parseSpiffeId(text), undefined)
  })

t.test('an ID is read as it was written', async () => {
  const letters = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/)
  const trustDomains = fc.stringMatching(/^[a-z0-9._-]{1,30}$/)
  const read = (trustDomain: string, namespace: string, serviceAccount: string): boolean => {
    const id = { trustDomain, namespace, serviceAccount }
    return isDeepStrictEqual(parseSpiffeId(formatSpiffeId(id)), id)
  }
  fc.assert(fc.property(trustDomains, letters, letters, read))
})

t.test('what is read back differently is not written', async t => {
  const id = { trustDomain: 'weft.local', namespace: 'shop', serviceAccount: 'orders' }
  t.throws(() => formatSpiffeId({ ...id, serviceAccount: 'a/ns/b/sa/c' }), RangeError)
  t.throws(() => formatSpiffeId({ ...id, namespace: '..' }), RangeError)
  t.throws(() => formatSpiffeId({ ...id, trustDomain: '' }), RangeError)
})

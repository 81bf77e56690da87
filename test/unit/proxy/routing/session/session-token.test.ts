import fc from 'fast-check'
import t from 'tap'
import { SessionTokens } from '../../../../../src/proxy/routing/session/session-token.ts'

const key = Buffer.alloc(32, 1).toString('base64url')
const tokens = new SessionTokens(key, 'shop/orders/0')
const endpointTag = tokens.tagOf('orders.default:80', '10.0.0.1:15008')
const token = { issuedAt: 1_700_000_000, usedAt: 1_700_000_100, endpointTag }

t.test('a token says what was put into it', async t => {
  const text = tokens.format(token)
  t.match(text, /^[\w-]{43}$/)
  t.same(tokens.parse(text), token)
})

t.test('it is good for the key and the route that it was made for', async t => {
  const text = tokens.format(token)
  t.equal(new SessionTokens(key, 'shop/orders/1').parse(text), undefined)
  const other = Buffer.alloc(32, 2).toString('base64url')
  t.equal(new SessionTokens(other, 'shop/orders/0').parse(text), undefined)
  t.not(new SessionTokens(other, 'shop/orders/0').tagOf('orders', 'a'), tokens.tagOf('orders', 'a'))
  t.not(tokens.tagOf('orders', 'a'), tokens.tagOf('users', 'a'))
})

t.test('it does not show an address', async t => {
  const bytes = Buffer.from(tokens.format(token), 'base64url')
  t.notOk(bytes.includes('10.0.0.1'))
  t.notOk(bytes.includes(Buffer.from([10, 0, 0, 1])))
})

t.test('one that was changed anywhere is none', async () => {
  const bytes = Buffer.from(tokens.format(token), 'base64url')
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ flip
      return tokens.parse(changed.toString('base64url')) === undefined
    }),
  )
})

t.test('no text is too strange to be read', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => tokens.parse(text) === undefined))
})

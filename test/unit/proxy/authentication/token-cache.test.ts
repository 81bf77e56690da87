import t from 'tap'
import { TokenCache } from '../../../../src/proxy/authentication/token-cache.ts'
import type { VerifiedToken } from '../../../../src/proxy/authentication/token-verifier.ts'

function verified(expiresAt: number): VerifiedToken {
  return { expiresAt, claims: {}, rule: {} as VerifiedToken['rule'] }
}

t.test('a token is remembered until it ends, and for five minutes at most', async t => {
  const cache = new TokenCache()
  const [short, long] = [verified(1000), verified(9_999_999)]
  cache.add('short', short, 0)
  cache.add('long', long, 0)
  t.equal(cache.get('short', 999), short)
  t.equal(cache.get('short', 1000), undefined)
  t.equal(cache.get('long', 299_999), long)
  t.equal(cache.get('long', 300_000), undefined)
  t.equal(cache.get('other', 0), undefined)
  t.equal(cache.size, 0)
})

t.test('of many tokens the least used one is forgotten first', async t => {
  const cache = new TokenCache()
  for (let i = 0; i < 4096; i++) cache.add(`token ${i}`, verified(1e9), 0)
  t.ok(cache.get('token 0', 0))
  cache.add('one more', verified(1e9), 0)
  t.equal(cache.size, 4096)
  t.ok(cache.get('token 0', 0))
  t.equal(cache.get('token 1', 0), undefined)
})

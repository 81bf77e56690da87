import { SignJWT } from 'jose'
import t from 'tap'
import { RemoteKeySet, type FetchKeys } from '../../../../src/proxy/authentication/key-set.ts'
import { verifyToken } from '../../../../src/proxy/authentication/token-verifier.ts'
import type { JwtRule } from '../../../../src/model/policy/request-authentication.ts'
import { wallNow } from '../../../../src/base/clock.ts'
import { TestIssuer } from '../../../support/issuer.ts'

const rule: JwtRule = {
  policy: 'default/tokens',
  issuer: 'https://issuer.test',
  audiences: [],
  jwksUri: 'https://issuer.test/keys',
  fromHeaders: [],
  fromParams: [],
  forward: false,
  outputClaimToHeaders: [],
}

/** With a clock that the test moves. */
function keySet(fetch: FetchKeys) {
  const counts = { keysFetched: 0, keysFailed: 0 }
  const clock = { now: 0 }
  const keys = new RemoteKeySet({ fetch, now: () => clock.now, random: () => 1, counts })
  return { keys, counts, clock }
}

async function startIssuer() {
  const issuer = await new TestIssuer(rule.issuer).rotate('one')
  const state: { isAway: boolean; maxAgeMs: number | undefined } = {
    isAway: false,
    maxAgeMs: 600_000,
  }
  const set = keySet(async () => {
    if (state.isAway) throw new Error('nobody answers')
    return { text: JSON.stringify(issuer.jwks), maxAgeMs: state.maxAgeMs }
  })
  const verify = async (token: string) => verifyToken(token, { rule, keys: set.keys }, wallNow())
  return { ...set, issuer, state, verify }
}

t.test(
  'a token by a new key brings the new keys, but not more often than every ten seconds',
  async t => {
    const { issuer, counts, clock, verify } = await startIssuer()
    await verify(await issuer.token())
    await issuer.rotate('two')
    await t.rejects(verify(await issuer.token()), /no applicable key/)
    t.equal(counts.keysFetched, 1)
    clock.now += 10_000
    await verify(await issuer.token())
    t.equal(counts.keysFetched, 2)
  },
)

t.test('keys are fetched anew ahead of their end, while requests go by the old ones', async t => {
  const { issuer, counts, clock, state, verify } = await startIssuer()
  await verify(await issuer.token())
  clock.now += 479_999
  await verify(await issuer.token())
  t.equal(counts.keysFetched, 1)
  clock.now += 1
  state.isAway = true
  await verify(await issuer.token())
  t.equal(counts.keysFailed, 1)
  clock.now += 1000
  state.isAway = false
  await verify(await issuer.token())
  t.equal(counts.keysFetched, 2)
})

t.test('keys of an issuer that stays away are believed for an hour beyond their age', async t => {
  const { issuer, clock, state, verify } = await startIssuer()
  await verify(await issuer.token())
  state.isAway = true
  clock.now += 600_000 + 3_600_000 - 1
  await verify(await issuer.token())
  clock.now += 1
  await t.rejects(verify(await issuer.token()), /can't be had now: nobody answers/)
})

t.test('an issuer that is away is asked less and less often', async t => {
  const { keys, counts, clock } = keySet(async () => {
    throw new Error('nobody answers')
  })
  for (let second = 0; second < 60; second++) {
    await t.rejects(keys.keys(), /nobody answers/)
    clock.now += 1000
  }
  t.equal(counts.keysFailed, 6, 'after 1, 2, 4, 8, 16 and 32 seconds')
})

t.test('requests that come together share a fetch', async t => {
  const { issuer, counts, verify } = await startIssuer()
  const token = await issuer.token()
  await Promise.all(Array.from({ length: 20 }, () => verify(token)))
  t.equal(counts.keysFetched, 1)
})

t.test('what a server says of their age is taken within bounds', async t => {
  for (const [maxAgeMs, freshMs] of [
    [0, 48_000],
    [undefined, 240_000],
    [86_400_000, 2_880_000],
  ] as const) {
    const { counts, clock, state, keys } = await startIssuer()
    state.maxAgeMs = maxAgeMs
    await keys.keys()
    clock.now += freshMs - 1
    await keys.keys()
    t.equal(counts.keysFetched, 1)
    clock.now += 1
    await keys.keys()
    await keys.keys()
    await new Promise(setImmediate)
    t.equal(counts.keysFetched, 2)
  }
})

t.test('what is no set of public keys is none', async t => {
  for (const text of ['', '[]', '{"keys":3}', JSON.stringify({ keys: Array(101).fill({}) })])
    await t.rejects(keySet(async () => ({ text, maxAgeMs: undefined })).keys.keys())
  const secret = { kty: 'oct', k: Buffer.alloc(32).toString('base64url'), alg: 'HS256' }
  const text = JSON.stringify({ keys: [secret] })
  const { keys } = keySet(async () => ({ text, maxAgeMs: undefined }))
  const forger = await new TestIssuer(rule.issuer).rotate('one')
  await t.rejects(verifyToken(await forger.token(), { rule, keys }, wallNow()), /no applicable key/)
})

t.test('where a token does not name its key each that would do is tried', async t => {
  const issuer = await new TestIssuer(rule.issuer).rotate('one')
  await issuer.rotate('two', { isAlone: false })
  const text = JSON.stringify(issuer.jwks)
  const { keys } = keySet(async () => ({ text, maxAgeMs: undefined }))
  const token = await issuer.token({ sub: 'ann' }, { namesKey: false })
  t.match(await verifyToken(token, { rule, keys }, wallNow()), { claims: { sub: 'ann' } })
  const other = await new TestIssuer(rule.issuer).rotate('one')
  const forged = await other.token({}, { namesKey: false })
  await t.rejects(verifyToken(forged, { rule, keys }, wallNow()))
})

t.test('each kind of public key verifies', async t => {
  for (const alg of ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA']) {
    const issuer = await new TestIssuer(rule.issuer).rotate('one', { alg })
    const { keys } = keySet(async () => ({
      text: JSON.stringify(issuer.jwks),
      maxAgeMs: undefined,
    }))
    await verifyToken(await issuer.token(), { rule, keys }, wallNow())
  }
  t.end()
})

t.test('what was signed with a secret is not believed, whatever keys there are', async t => {
  const secret = new TextEncoder().encode('a secret of at least thirty-two bytes')
  const forged = await new SignJWT({ iss: rule.issuer })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(secret)
  const keys = { keys: async () => async () => secret as never, renew: async () => false }
  await t.rejects(verifyToken(forged, { rule, keys }, wallNow()), /"alg"/)
})

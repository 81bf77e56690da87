import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import t from 'tap'
import { wallNow } from '../../../src/base/clock.ts'
import { createIdentity, readIdentity, writeIdentity } from '../../../src/identity/identity.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'
import { makeKeys, makeLeaf } from './certificates.ts'

const hourMs = 3_600_000

t.test('an identity says whose it is and from when to when', async t => {
  t.testdir()
  const now = Math.floor(wallNow() / 1000) * 1000
  const identity = await issueIdentity(await openAuthority(t, { now: () => now }), 'orders')
  t.equal(identity.uri, 'spiffe://weft.local/ns/default/sa/orders')
  t.strictSame(identity.id, {
    trustDomain: 'weft.local',
    namespace: 'default',
    serviceAccount: 'orders',
  })
  t.ok(identity.notBefore <= now - 60_000, 'before now, for clocks that are behind')
  t.equal(identity.notAfter, now + 24 * hourMs)
})

t.test('what does not belong together makes no identity', async t => {
  t.testdir()
  const authority = await openAuthority(t)
  const good = await issueIdentity(authority, 'orders')
  const { privateKey } = makeKeys()
  t.throws(() => createIdentity({ ...good, privateKey }), /for another key/)
  t.throws(() => createIdentity({ ...good, chain: '' }))
  t.throws(() => createIdentity({ ...good, bundle: '' }), /no certificate/)
  t.throws(() => createIdentity({ ...good, bundle: good.chain }), /not of a CA/)
})

t.test('a certificate that names no workload makes no identity', async t => {
  t.testdir()
  const { bundle } = await openAuthority(t)
  const keys = makeKeys()
  const chain = await makeLeaf({ uris: ['https://orders'], keys })
  t.throws(() => createIdentity({ privateKey: keys.privateKey, chain, bundle }), /no SVID/)
})

t.test('the private key does not show where an identity is dumped', async t => {
  t.testdir()
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  const secret = identity.privateKey.export({ format: 'jwk' })['d'] as string
  const der = identity.privateKey.export({ type: 'pkcs8', format: 'der' })
  for (const dump of [
    JSON.stringify(identity),
    inspect(identity, { depth: 9, showHidden: true }),
  ]) {
    t.notMatch(dump, secret)
    t.notMatch(dump, 'PRIVATE')
    t.notMatch(dump, der.toString('base64').slice(40, 80))
  }
})

t.test('an identity is read as it was written, from files of their owner alone', async t => {
  const folder = join(t.testdir(), 'new', 'state')
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  t.equal(await readIdentity(folder, wallNow()), undefined)
  await writeIdentity(folder, identity)
  const { privateKey, ...rest } = (await readIdentity(folder, wallNow())) ?? {}
  t.match(rest, { ...identity, privateKey: undefined })
  t.ok(privateKey?.equals(identity.privateKey))
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.strictSame(readdirSync(folder), ['identity.pem', 'trust-bundle.pem'])
  for (const file of readdirSync(folder))
    t.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
})

t.test('a certificate counts from its first moment to before its last', async t => {
  const folder = t.testdir()
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  await writeIdentity(folder, identity)
  const { notBefore, notAfter } = identity
  const reads = [notBefore - 1, notBefore, notAfter - 1, notAfter].map(async now => {
    const read = await readIdentity(folder, now)
    return read !== undefined
  })
  t.strictSame(await Promise.all(reads), [false, true, true, false])
})

t.test('files that do not make an identity are as none', async t => {
  const folder = t.testdir()
  const authority = await openAuthority(t)
  const identity = await issueIdentity(authority, 'orders')
  const other = await issueIdentity(authority, 'orders')
  const damages: Record<string, () => void> = {
    'an empty bundle': () => truncateSync(join(folder, 'trust-bundle.pem')),
    'a bundle cut short': () => truncateSync(join(folder, 'trust-bundle.pem'), 200),
    'an empty file': () => truncateSync(join(folder, 'identity.pem')),
    'a file cut short': () => truncateSync(join(folder, 'identity.pem'), 700),
    'a key alone': () => {
      const text = readFileSync(join(folder, 'identity.pem'), 'utf8')
      writeFileSync(join(folder, 'identity.pem'), text.slice(0, text.indexOf('-----BEGIN CERT')))
    },
    'the certificate of another key': () => {
      const key = identity.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      writeFileSync(join(folder, 'identity.pem'), `${key}${other.chain}`)
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    await writeIdentity(folder, identity)
    t.ok(await readIdentity(folder, wallNow()))
    damage()
    t.equal(await readIdentity(folder, wallNow()), undefined, what)
  }
})

t.test('whatever lies in the files, reading them does not fail', async t => {
  const folder = t.testdir({ 'trust-bundle.pem': (await openAuthority(t)).bundle })
  const path = join(folder, 'identity.pem')
  const read = async (text: string): Promise<boolean> => {
    const block = `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`
    writeFileSync(path, block)
    return (await readIdentity(folder, wallNow())) === undefined
  }
  await fc.assert(fc.asyncProperty(fc.base64String(), read), { numRuns: 50 })
})

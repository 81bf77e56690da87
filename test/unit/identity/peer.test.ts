import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type tls from 'node:tls'
import t, { type Test } from 'tap'
import { wallNow } from '../../../src/base/clock.ts'
import type { Identity } from '../../../src/identity/identity.ts'
import { verifyClientPeer, verifyServerPeer } from '../../../src/identity/peer.ts'
import {
  anonymousTlsOptions,
  clientTlsOptions,
  serverTlsOptions,
} from '../../../src/identity/tls-options.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'
import {
  makeCarelessAuthority,
  makeKeys,
  makeLeaf,
  workloadUri,
  x509,
  type CarelessAuthority,
  type LeafOptions,
} from './certificates.ts'
import { connectTls, listenTls } from './tls-pair.ts'

const { digitalSignature, keyCertSign } = x509.KeyUsageFlags
const dayMs = 86_400_000
const permissive = { rejectUnauthorized: false }

t.beforeEach(t => void t.testdir())

/** Both ends of one connection between a client and a server that take whoever comes. */
async function connectPair(t: Test, { client, server }: { client: Identity; server: Identity }) {
  const listener = await listenTls(t, serverTlsOptions(server, permissive))
  const accepted = listener.next()
  const near = await connectTls(t, listener, { ...clientTlsOptions(client), ...permissive })
  return { near, far: (await accepted) as tls.TLSSocket }
}

/** What the CA would never issue, and so `createIdentity` would not take. */
async function forge(issuer: CarelessAuthority, options: LeafOptions): Promise<Identity> {
  const keys = makeKeys()
  const chain = await makeLeaf({ ...options, keys, issuer })
  const { privateKey } = keys
  return { privateKey, chain, bundle: issuer.bundle } as Identity
}

t.test('both ends learn who the other is', async t => {
  const authority = await openAuthority(t)
  const client = await issueIdentity(authority, 'web')
  const server = await issueIdentity(authority, 'orders')
  const { near, far } = await connectPair(t, { client, server })
  t.equal(verifyServerPeer(far, 'weft.local'), client.uri)
  t.equal(verifyClientPeer(near, server.uri), undefined)
})

t.test('a server that is another workload of the mesh is not the one', async t => {
  const authority = await openAuthority(t)
  const client = await issueIdentity(authority, 'web')
  const server = await issueIdentity(authority, 'payments')
  for (const expected of [workloadUri, `${server.uri}2`, server.uri.toUpperCase()]) {
    const { near } = await connectPair(t, { client, server })
    t.match(verifyClientPeer(near, expected), {
      code: 'identity_mismatch',
      message: `expected ${expected}, the peer is ${server.uri}`,
    })
  }
})

t.test('a certificate that TLS has not verified proves nothing on either side', async t => {
  const authority = await openAuthority(t)
  const old = await openAuthority(t, { now: () => wallNow() - 2 * dayMs })
  const early = await openAuthority(t, { now: () => wallNow() + 2 * dayMs })
  const foreign = await openAuthority(t, { name: 'foreign' })
  const good = await issueIdentity(authority, 'orders')
  const bad: Record<string, Identity> = {
    CERT_HAS_EXPIRED: await issueIdentity(old, 'orders'),
    CERT_NOT_YET_VALID: await issueIdentity(early, 'orders'),
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: await issueIdentity(foreign, 'orders', authority.bundle),
  }
  for (const [reason, identity] of Object.entries(bad)) {
    const asClient = await connectPair(t, { client: identity, server: good })
    t.equal(asClient.far.getPeerX509Certificate() === undefined, false)
    t.equal(verifyServerPeer(asClient.far, 'weft.local'), undefined, reason)
    const asServer = await connectPair(t, { client: good, server: identity })
    const error = verifyClientPeer(asServer.near, identity.uri)
    t.equal(error?.code, 'tls_failed', reason)
    t.match(String(error?.cause), reason)
  }
})

t.test('where it has to be verified, the handshake fails already', async t => {
  const authority = await openAuthority(t)
  const foreign = await openAuthority(t, { name: 'foreign' })
  const good = await issueIdentity(authority, 'orders')
  const bad = await issueIdentity(foreign, 'orders', authority.bundle)

  const impostor = await listenTls(t, serverTlsOptions(bad, permissive))
  await t.rejects(connectTls(t, impostor, clientTlsOptions(good)), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  })

  const strict = await listenTls(t, serverTlsOptions(good, { rejectUnauthorized: true }))
  for (const options of [clientTlsOptions(bad), anonymousTlsOptions(good.bundle)]) {
    const refused = strict.next()
    await connectTls(t, strict, options)
    t.type(await refused, Error)
  }
  t.equal(strict.accepted.length, 0)
})

t.test('whoever shows no certificate is no one', async t => {
  const server = await issueIdentity(await openAuthority(t), 'orders')
  const listener = await listenTls(t, serverTlsOptions(server, permissive))
  const accepted = listener.next()
  await connectTls(t, listener, anonymousTlsOptions(server.bundle))
  t.equal(verifyServerPeer((await accepted) as tls.TLSSocket, 'weft.local'), undefined)
})

t.test('another trust domain is no one, also under a root that is believed', async t => {
  const authority = await openAuthority(t)
  const other = await openAuthority(t, { name: 'other', trustDomain: 'other.local' })
  const both = authority.bundle + other.bundle
  const client = await issueIdentity(other, 'web', both)
  const server = await issueIdentity(authority, 'orders', both)
  const { far } = await connectPair(t, { client, server })
  t.equal(far.authorized, true)
  t.equal(verifyServerPeer(far, 'weft.local'), undefined)
  t.equal(verifyServerPeer(far, 'other.local'), client.uri)
})

const hostile: readonly [what: string, leaf: LeafOptions][] = [
  ['a leaf with two identities', { uris: [workloadUri, 'spiffe://weft.local/ns/a/sa/b'] }],
  ['a leaf without an identity', { uris: [], dnsNames: ['orders'] }],
  ['a leaf that is a CA', { ca: true }],
  ['a leaf that may sign others', { usage: digitalSignature | keyCertSign }],
]

for (const [what, leaf] of hostile)
  t.test(`${what} proves nothing although our CA has signed it`, async t => {
    const authority = await makeCarelessAuthority()
    const bad = await forge(authority, leaf)
    const good = await forge(authority, {})
    const asClient = await connectPair(t, { client: bad, server: good })
    t.equal(asClient.far.authorized, true)
    t.equal(verifyServerPeer(asClient.far, 'weft.local'), undefined)
    const asServer = await connectPair(t, { client: good, server: bad })
    t.match(verifyClientPeer(asServer.near, workloadUri), {
      code: 'identity_mismatch',
      message: /no SVID/,
    })
  })

t.test('the root itself, shown as a leaf, proves nothing', async t => {
  const authority = await openAuthority(t)
  const good = await issueIdentity(authority, 'orders')
  const privateKey = createPrivateKey(readFileSync(join(t.testdirName, 'ca/ca.pem')))
  const root = { ...good, privateKey, chain: authority.bundle }
  const { far } = await connectPair(t, { client: root, server: good })
  t.equal(verifyServerPeer(far, 'weft.local'), undefined)
  const { near } = await connectPair(t, { client: good, server: root })
  t.ok(verifyClientPeer(near, 'spiffe://weft.local'))
})

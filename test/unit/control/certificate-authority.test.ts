import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AuthorityFile, type AuthorityStore } from '../../../src/control/authority-store.ts'
import { CertificateAuthority } from '../../../src/control/certificate-authority.ts'
import { readSvid } from '../../../src/identity/certificate.ts'
import { KeyRequest } from '../../../src/identity/key-request.ts'

const hourMs = 3_600_000
const yearMs = 365 * 24 * hourMs
const start = Date.UTC(2030, 0, 1)
const orders = { namespace: 'shop', serviceAccount: 'orders' }

function open(stateDirectory: string, now = start, trustDomain = 'weft.local') {
  const store = new AuthorityFile(stateDirectory)
  return CertificateAuthority.open({ store, trustDomain, now: () => now })
}

async function newKey(): Promise<KeyObject> {
  const { publicKey } = await KeyRequest.create()
  return createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' })
}

t.test('the root is a CA for leaves only, of this trust domain, for ten years', async t => {
  const { bundle } = await open(t.testdir())
  const root = new X509Certificate(bundle)
  t.equal(root.ca, true)
  t.equal(root.subjectAltName, 'URI:spiffe://weft.local')
  t.ok(root.verify(root.publicKey))
  t.equal(root.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.equal(Date.parse(root.validTo) - Date.parse(root.validFrom), 10 * yearMs)
  t.ok(Date.parse(root.validFrom) < start)
  // pathLenConstraint 0 after cA TRUE.
  t.ok(root.raw.includes(Buffer.from('30060101ff020100', 'hex')))
})

t.test('the secret of sessions goes with the root, and tells nothing of its key', async t => {
  const folder = t.testdir()
  const { sessionSecret } = await open(folder)
  t.equal(Buffer.from(sessionSecret, 'base64url').length, 32)
  t.equal((await open(folder)).sessionSecret, sessionSecret, 'after a restart too')
  t.not((await open(join(folder, 'other'))).sessionSecret, sessionSecret)
})

t.test('a certificate names exactly the identity asked for, for 24 hours', async t => {
  const authority = await open(t.testdir())
  const key = await newKey()
  const { chain, notAfter } = await authority.issue(key, orders)
  const leaf = new X509Certificate(chain)
  const root = new X509Certificate(authority.bundle)
  t.match(readSvid(leaf.raw), { uri: 'spiffe://weft.local/ns/shop/sa/orders' })
  t.equal(leaf.subjectAltName, 'URI:spiffe://weft.local/ns/shop/sa/orders')
  t.equal(leaf.subject, undefined)
  t.ok(leaf.publicKey.equals(key))
  t.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey))
  t.equal(leaf.ca, false)
  t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  t.equal(notAfter, start + 24 * hourMs)
  t.equal(Date.parse(leaf.validTo), notAfter)
  t.equal(Date.parse(leaf.validFrom), start - 300_000, 'for clocks that are behind')
})

t.test('no two certificates have one serial number', async t => {
  const authority = await open(t.testdir())
  const key = await newKey()
  const issued = await Promise.all([1, 2, 3].map(() => authority.issue(key, orders)))
  const serials = issued.map(({ chain }) => new X509Certificate(chain).serialNumber)
  t.equal(new Set(serials).size, 3)
  t.ok(serials.every(serial => serial.length >= 16))
})

t.test('no certificate outlives the root', async t => {
  const folder = t.testdir()
  await open(folder, start)
  const end = start - 300_000 + 10 * yearMs
  const authority = await open(folder, end - hourMs)
  t.equal((await authority.issue(await newKey(), orders)).notAfter, end)
})

t.test('what cannot be an identity is not issued', async t => {
  const authority = await open(t.testdir())
  const key = await newKey()
  await t.rejects(authority.issue(key, { ...orders, namespace: 'a/b' }), RangeError)
  await t.rejects(authority.issue(key, { ...orders, serviceAccount: '' }), RangeError)
})

t.test('the same root serves after a restart', async t => {
  const folder = t.testdir()
  const before = await open(folder)
  const { chain } = await before.issue(await newKey(), orders)
  const after = await open(folder, start + hourMs)
  t.equal(after.bundle, before.bundle)
  t.equal(readFileSync(join(folder, 'trust-bundle.pem'), 'utf8'), before.bundle)
  t.ok(new X509Certificate(chain).verify(new X509Certificate(after.bundle).publicKey))
  const next = await after.issue(await newKey(), orders)
  t.ok(new X509Certificate(next.chain).verify(new X509Certificate(before.bundle).publicKey))
})

t.test('the key lies in one file, for its owner alone, and is not in the bundle', async t => {
  const folder = join(t.testdir(), 'state')
  const { bundle } = await open(folder)
  t.strictSame(readdirSync(folder), ['ca.pem', 'trust-bundle.pem'])
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(join(folder, 'ca.pem')).mode & 0o777, 0o600)
  t.match(readFileSync(join(folder, 'ca.pem'), 'utf8'), /PRIVATE KEY/)
  t.notMatch(bundle, /PRIVATE KEY/)
  t.notMatch(readFileSync(join(folder, 'trust-bundle.pem'), 'utf8'), /PRIVATE KEY/)
})

t.test('a root that cannot be used is not replaced but named', async t => {
  const folder = t.testdir()
  await open(folder)
  const path = join(folder, 'ca.pem')
  const good = readFileSync(path, 'utf8')
  const key = good.slice(0, good.indexOf('-----BEGIN CERT'))
  const other = join(folder, 'other')
  await open(other)
  const others = readFileSync(join(other, 'ca.pem'), 'utf8')
  const unfit: Record<string, [text: string, problem: RegExp]> = {
    empty: ['', /expected a private key and a certificate/],
    'cut short': [good.slice(0, -40), /expected a private key and a certificate/],
    'without a certificate': [key, /expected a private key and a certificate/],
    'without a key': [good.slice(key.length), /expected a private key and a certificate/],
    "another's key": [
      others.slice(0, others.indexOf('-----BEGIN CERT')) + good.slice(key.length),
      /do not match/,
    ],
  }
  for (const [what, [text, problem]] of Object.entries(unfit)) {
    writeFileSync(path, text)
    await t.rejects(open(folder), { message: new RegExp(`^${path}: .*${problem.source}`) }, what)
    t.equal(readFileSync(path, 'utf8'), text)
  }
  writeFileSync(path, good)
  await t.rejects(open(folder, start, 'other.local'), /not of the trust domain other.local/)
  await t.rejects(open(folder, start + 11 * yearMs), /the root ended/)
})

t.test('the control plane has an identity of its own, with a new key each time', async t => {
  const authority = await open(t.testdir())
  const [one, other] = [await authority.issueOwn(), await authority.issueOwn()]
  t.equal(one.uri, 'spiffe://weft.local/ns/weft-system/sa/weft-control')
  t.equal(one.bundle, authority.bundle)
  t.notOk(one.privateKey.equals(other.privateKey))
})

t.test(
  'a server gets a certificate for its names and addresses, which makes it nobody',
  async t => {
    const authority = await open(t.testdir())
    const names = ['weft-control.weft-system.svc', 'localhost', '127.0.0.1']
    const { chain, privateKey, notBefore, notAfter } = await authority.issueServer(names)
    const leaf = new X509Certificate(chain)
    t.equal(
      leaf.subjectAltName,
      'DNS:weft-control.weft-system.svc, DNS:localhost, IP Address:127.0.0.1',
    )
    t.ok(leaf.checkHost('weft-control.weft-system.svc'))
    t.ok(leaf.verify(new X509Certificate(authority.bundle).publicKey))
    t.ok(leaf.checkPrivateKey(privateKey))
    t.strictSame(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
    t.match(readSvid(leaf.raw), { problem: /0 URI names/ })
    t.strictSame([notBefore, notAfter], [start - 300_000, start + 24 * hourMs])
  },
)

/** Of several replicas, where one is quicker than the other. */
class SharedStore implements AuthorityStore {
  readonly place = 'the store'
  stored: string | undefined
  published: string | undefined

  async read(): Promise<string | undefined> {
    return undefined
  }

  async create(authority: string): Promise<string> {
    return (this.stored ??= authority)
  }

  async publish(bundle: string): Promise<void> {
    this.published = bundle
  }
}

t.test('of two replicas that start at once, both have the root of the quicker one', async t => {
  const store = new SharedStore()
  const options = { store, trustDomain: 'weft.local', now: () => start }
  const [one, other] = await Promise.all([
    CertificateAuthority.open(options),
    CertificateAuthority.open(options),
  ])
  t.equal(one.bundle, other.bundle)
  t.equal(store.published, one.bundle)
  t.ok(store.stored?.endsWith(one.bundle))
})

t.test('what is stored and unfit is named by its place', async t => {
  const store = Object.assign(new SharedStore(), { read: async () => 'nothing' })
  await t.rejects(
    CertificateAuthority.open({ store, trustDomain: 'weft.local', now: () => start }),
    { message: /^the store: expected a private key/ },
  )
})

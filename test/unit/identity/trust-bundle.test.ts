import t from 'tap'
import { certificatesIn, checkTrustBundle } from '../../../src/identity/trust-bundle.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'

t.test('a bundle of CA certificates is taken, with remarks between them', async t => {
  t.testdir()
  const old = await openAuthority(t, { name: 'old' })
  const next = await openAuthority(t, { name: 'next' })
  const bundle = `# old\n${old.bundle}\n# next\n${next.bundle}`
  checkTrustBundle(bundle)
  t.strictSame(certificatesIn(bundle), [old.bundle, next.bundle])
})

t.test('a bundle that names no CA is refused: Node would believe the public ones', async t => {
  t.testdir()
  const authority = await openAuthority(t)
  const { chain } = await issueIdentity(authority, 'orders')
  t.throws(() => checkTrustBundle(''), /no certificate/)
  t.throws(() => checkTrustBundle(authority.bundle.slice(0, -10)), /no certificate/)
  t.throws(() => checkTrustBundle(chain), /not of a CA/)
  t.throws(() => checkTrustBundle(`${authority.bundle}${chain}`), /not of a CA/)
  t.throws(() => checkTrustBundle(authority.bundle.replace(/\n.{8}/, '\nAAAAAAAA')))
})

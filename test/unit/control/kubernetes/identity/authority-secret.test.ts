import t, { type Test } from 'tap'
import { AuthoritySecret } from '../../../../../src/control/kubernetes/identity/authority-secret.ts'
import { CertificateAuthority } from '../../../../../src/control/certificate-authority.ts'
import { wallNow } from '../../../../../src/base/clock.ts'
import { startApi } from './bound-token.ts'

const secrets = '/api/v1/secrets'

async function start(t: Test) {
  const { server, api } = await startApi(t)
  const { signal } = new AbortController()
  const open = () => {
    const store = new AuthoritySecret({ api, namespace: 'weft-system', signal })
    return CertificateAuthority.open({ store, trustDomain: 'weft.local', now: wallNow })
  }
  return { server, open }
}

t.test('the first replica makes the Secret, and all have what is in it', async t => {
  const { server, open } = await start(t)
  const first = await open()
  const secret = server.find(secrets, 'weft-system/weft-ca')
  t.match(secret, {
    type: 'Opaque',
    metadata: { labels: { 'app.kubernetes.io/managed-by': 'weft' } },
  })
  const data = (secret?.['data'] as Record<string, string> | undefined)?.['ca.pem'] ?? ''
  t.match(Buffer.from(data, 'base64').toString(), /PRIVATE KEY[\s\S]*BEGIN CERTIFICATE/)
  t.equal((await open()).bundle, first.bundle)
  t.equal(server.requests.filter(({ method }) => method === 'POST').length, 1)
})

t.test('of replicas that start at once, all have the Secret of the quickest', async t => {
  const { open } = await start(t)
  const all = await Promise.all([open(), open(), open()])
  t.equal(new Set(all.map(({ bundle }) => bundle)).size, 1)
})

t.test('a Secret that holds something else is named, and not replaced', async t => {
  const { server, open } = await start(t)
  const metadata = { namespace: 'weft-system', name: 'weft-ca' }
  server.put(secrets, { metadata, data: { other: 'AAAA' } })
  await t.rejects(open(), { message: /^Secret weft-system\/weft-ca has no ca.pem: delete it/ })
  server.put(secrets, { metadata, data: { 'ca.pem': Buffer.from('nothing').toString('base64') } })
  await t.rejects(open(), { message: /^Secret weft-system\/weft-ca: expected a private key/ })
})

t.test('a role that does not allow it is named', async t => {
  const { server, open } = await start(t)
  server.fail(/secrets/, { status: 403, reason: 'Forbidden' })
  await t.rejects(open(), { message: /the verb get on secrets .* in namespace weft-system/ })
})

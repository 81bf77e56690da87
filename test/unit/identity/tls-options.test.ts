import { once } from 'node:events'
import tls from 'node:tls'
import t from 'tap'
import {
  anonymousTlsOptions,
  clientTlsOptions,
  serverTlsOptions,
} from '../../../src/identity/tls-options.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'
import { connectTls, listenTls } from './tls-pair.ts'

const strict = { rejectUnauthorized: true }

t.beforeEach(t => void t.testdir())

t.test(
  'a connection is TLS 1.3 with the hybrid key exchange, and speaks what was agreed',
  async t => {
    const authority = await openAuthority(t)
    const identity = await issueIdentity(authority, 'orders')
    const server = await listenTls(t, serverTlsOptions(identity, { ...strict, alpn: ['b', 'a'] }))
    const socket = await connectTls(t, server, clientTlsOptions(identity, { alpn: ['a', 'b'] }))
    t.equal(socket.getProtocol(), 'TLSv1.3')
    t.match(socket.getEphemeralKeyInfo(), { name: 'X25519MLKEM768' })
    t.equal(socket.alpnProtocol, 'b')
  },
)

t.test('a peer without the hybrid key exchange is served too', async t => {
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  const server = await listenTls(t, serverTlsOptions(identity, { rejectUnauthorized: false }))
  const older = { ca: identity.bundle, ecdhCurve: 'P-256', checkServerIdentity: () => undefined }
  const socket = await connectTls(t, server, older)
  t.match(socket.getEphemeralKeyInfo(), { name: 'prime256v1' })
})

t.test('neither side does TLS 1.2', async t => {
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  const { privateKey, chain, bundle } = identity
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const old = { key, cert: chain, ca: bundle, maxVersion: 'TLSv1.2' } as const
  const server = await listenTls(t, serverTlsOptions(identity, strict))
  await t.rejects(connectTls(t, server, { ...old, checkServerIdentity: () => undefined }))
  const oldServer = await listenTls(t, old)
  await t.rejects(connectTls(t, oldServer, clientTlsOptions(identity)))
})

t.test('no session is resumed, so that every peer shows its certificate', async t => {
  const identity = await issueIdentity(await openAuthority(t), 'orders')
  const server = await listenTls(t, serverTlsOptions(identity, strict))
  const options = { ...clientTlsOptions(identity), host: '127.0.0.1', port: server.port }
  const first = tls.connect(options)
  t.teardown(() => first.destroy())
  const [session] = (await once(first, 'session')) as [Buffer]
  const accepted = server.next()
  const second = await connectTls(t, server, { ...options, session })
  await accepted
  t.equal(second.isSessionReused(), false)
  t.ok(second.getPeerX509Certificate())
  t.ok(server.accepted[1]?.getPeerX509Certificate())
})

t.test('an empty bundle is refused, for Node would believe the public CAs', async t => {
  t.throws(() => anonymousTlsOptions(''), /no certificate/)
})

t.test('a renewed certificate is shown to new peers, and old connections go on', async t => {
  const authority = await openAuthority(t)
  const [before, after] = [
    await issueIdentity(authority, 'before'),
    await issueIdentity(authority, 'after'),
  ]
  const server = await listenTls(t, serverTlsOptions(before, strict))
  const accepted = server.next()
  const first = await connectTls(t, server, clientTlsOptions(before))
  await accepted
  server.server.setSecureContext(serverTlsOptions(after, strict))
  const second = await connectTls(t, server, clientTlsOptions(after))
  const shown = [first, second].map(socket => socket.getPeerX509Certificate()?.subjectAltName)
  t.strictSame(shown, [`URI:${before.uri}`, `URI:${after.uri}`])
  server.accepted[0]?.write('still here')
  t.equal(String((await once(first, 'data'))[0]), 'still here')
})

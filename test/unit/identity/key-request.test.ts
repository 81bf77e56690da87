import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { forgetPendingKey, KeyRequest } from '../../../src/identity/key-request.ts'
import { issueIdentity, openAuthority } from '../../support/authority.ts'

function publicKeyOf(request: KeyRequest): KeyObject {
  const key = Buffer.from(request.publicKey, 'base64')
  return createPublicKey({ key, type: 'spki', format: 'der' })
}

t.test('each request has a key of its own, on P-256', async t => {
  const [one, other] = await Promise.all([KeyRequest.create(), KeyRequest.create()])
  t.equal(publicKeyOf(one).asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.not(one.publicKey, other.publicKey)
})

t.test('the proof fits this key and this material only', async t => {
  const request = await KeyRequest.create()
  const other = await KeyRequest.create()
  const material = Buffer.from('material')
  const proof = Buffer.from(request.prove(material), 'base64')
  t.equal(verify('sha256', material, publicKeyOf(request), proof), true)
  t.equal(verify('sha256', Buffer.from('Material'), publicKeyOf(request), proof), false)
  t.equal(verify('sha256', material, publicKeyOf(other), proof), false)
})

t.test('the private key shows nowhere', async t => {
  const request = await KeyRequest.create()
  t.strictSame(Object.keys(request), ['publicKey'])
  t.notMatch(inspect(request, { showHidden: true }), /private/i)
})

t.test('a certificate for another key completes nothing', async t => {
  t.testdir()
  const { chain, bundle } = await issueIdentity(await openAuthority(t), 'orders')
  const request = await KeyRequest.create()
  t.throws(() => request.complete(chain, bundle), /for another key/)
})

t.test('a key whose certificate got lost is taken up again, until it is forgotten', async t => {
  const folder = t.testdir({ other: '' })
  const first = await KeyRequest.pending(folder)
  t.equal((await KeyRequest.pending(folder)).publicKey, first.publicKey)
  t.equal(statSync(join(folder, 'pending-key.pem')).mode & 0o777, 0o600)
  await forgetPendingKey(folder)
  t.strictSame(readdirSync(folder), ['other'])
  t.not((await KeyRequest.pending(folder)).publicKey, first.publicKey)
})

t.test('one that is damaged is replaced', async t => {
  const folder = t.testdir({ 'pending-key.pem': 'no key' })
  const request = await KeyRequest.pending(folder)
  t.equal((await KeyRequest.pending(folder)).publicKey, request.publicKey)
  await forgetPendingKey(folder)
  await forgetPendingKey(folder)
})

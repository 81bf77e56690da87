import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { createJoinToken } from '../../../../src/control/join-token.ts'
import { Admissions } from '../../../../src/control/sidecars/admissions.ts'
import {
  AttestationError,
  AttestationPostponed,
  type Attestor,
  type Evidence,
} from '../../../../src/control/sidecars/attestor.ts'
import { Signing } from '../../../../src/control/sidecars/signing.ts'
import type { ControlStream } from '../../../../src/discovery/control-stream.ts'
import type { SignRequest } from '../../../../src/discovery/message.ts'
import { KeyRequest } from '../../../../src/identity/key-request.ts'
import { openAuthority } from '../../../support/authority.ts'

const now = 1_900_000_000_000
const workload = { namespace: 'shop', name: 'orders-1' }
const identity = 'spiffe://weft.local/ns/shop/sa/orders'
const record = {
  ...workload,
  serviceAccount: 'orders',
  labels: { app: 'orders' },
  expiresAt: now + 60_000,
}

/** One TLS connection, as far as keys are concerned. */
function streamOf(secret: string, remoteAddress?: string): ControlStream {
  const exportKeyingMaterial = (length: number, label: string): Buffer =>
    Buffer.from(`${secret} ${label}`.padEnd(length))
  const tls = { exportKeyingMaterial, remoteAddress }
  return Object.assign(new Duplex(), tls) as Duplex as ControlStream
}

const stream = streamOf('one')
const material = stream.exportKeyingMaterial(32, 'EXPORTER-weft-sign', Buffer.alloc(0))

async function open(t: Test, attestors: readonly Attestor[] = []) {
  const stateDirectory = t.testdir()
  const authority = await openAuthority(t, { now: () => now })
  const admissions = await Admissions.open(
    join(stateDirectory, 'admissions.json'),
    () => now,
    attestors,
  )
  const options = { authority, admissions, stateDirectory, now: () => now, attestors }
  const signing = new Signing(options)
  const token = await createJoinToken(stateDirectory, record)
  return { signing, admissions, authority, token, stateDirectory }
}

async function signRequest(token?: string): Promise<SignRequest> {
  const request = await KeyRequest.create()
  return {
    type: 'sign',
    publicKey: request.publicKey,
    proof: request.prove(material),
    ...(token !== undefined && { token }),
  }
}

/** With a proof by this very key, whatever it is. */
function proven(publicKey: KeyObject, privateKey: KeyObject, token: string): SignRequest {
  return {
    type: 'sign',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    proof: sign('sha256', material, privateKey).toString('base64'),
    token,
  }
}

t.test('a token gets a certificate for the identity that the token is for', async t => {
  const { signing, admissions, authority, token } = await open(t)
  const request = await signRequest(token)
  const signed = await signing.admit(request, stream)
  if (signed.type !== 'signed') throw new Error(signed.reason)
  const leaf = new X509Certificate(signed.chain)
  t.equal(leaf.subjectAltName, `URI:${identity}`)
  t.equal(
    leaf.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    request.publicKey,
  )
  t.equal(signed.bundle, authority.bundle)
  const { expiresAt: _, ...rest } = record
  const expiresAt = Date.parse(leaf.validTo)
  t.strictSame(admissions.find(workload, identity), { ...rest, identity, expiresAt })
})

t.test('what else the request says counts for nothing', async t => {
  const { signing, token } = await open(t)
  const ambitious = { namespace: 'weft-system', serviceAccount: 'weft-control', name: 'root' }
  const signed = await signing.admit({ ...(await signRequest(token)), ...ambitious }, stream)
  if (signed.type !== 'signed') throw new Error(signed.reason)
  t.equal(new X509Certificate(signed.chain).subjectAltName, `URI:${identity}`)
})

t.test('a token that is unknown, used or expired gets none', async t => {
  const { signing, token, stateDirectory } = await open(t)
  const expired = await createJoinToken(stateDirectory, { ...record, expiresAt: now })
  await signing.admit(await signRequest(token), stream)
  for (const bad of [token, expired, 'x'.repeat(43)])
    t.match(await signing.admit(await signRequest(bad), stream), {
      type: 'denied',
      reason: /unknown, used or expired/,
    })
  t.equal(signing.refusals.bad_token, 3)
})

t.test('who shows nothing that counts here is told what would', async t => {
  const nobody: Attestor = { takes: 'a handshake', attest: async () => undefined }
  const { signing } = await open(t, [nobody])
  t.match(await signing.admit(await signRequest(), stream), {
    reason: /^no token was shown.*taken here: a join token \(`weft token create`\), a handshake$/,
  })
  t.match(await signing.admit(await signRequest('a.b.c'), stream), {
    reason: /^the token is of no kind known here/,
  })
  t.equal(signing.refusals.no_evidence, 2)
})

const pod = { namespace: 'shop', name: 'web-0', serviceAccount: 'web', labels: { app: 'web' } }

t.test('attestors are asked in turn, after join tokens, with all that was shown', async t => {
  const asked: [string, Evidence][] = []
  const attestor = (name: string, answer?: typeof pod): Attestor => ({
    attest: async evidence => {
      asked.push([name, evidence])
      return answer
    },
  })
  const { signing, token } = await open(t, [attestor('one'), attestor('two', pod), attestor('no')])
  await signing.admit(await signRequest(token), stream)
  t.strictSame(asked, [])
  const request = await signRequest('a.b.c')
  const signed = await signing.admit(request, streamOf('one', '::ffff:10.1.2.3'))
  if (signed.type !== 'signed') throw new Error(signed.reason)
  t.equal(
    new X509Certificate(signed.chain).subjectAltName,
    'URI:spiffe://weft.local/ns/shop/sa/web',
  )
  const evidence = { token: 'a.b.c', publicKey: request.publicKey, address: '10.1.2.3' }
  t.strictSame(asked, [
    ['one', evidence],
    ['two', evidence],
  ])
  await signing.admit(await signRequest(), streamOf('one', 'fd00::ffff:1'))
  t.match(asked[2], ['one', { token: undefined, address: 'fd00::ffff:1' }])
})

t.test('an attestor that refuses has the last word, and is counted by its reason', async t => {
  const refusing: Attestor = {
    attest: () => Promise.reject(new AttestationError('seen before', 'replayed_token')),
  }
  const { signing } = await open(t, [refusing, { attest: async () => pod }])
  t.strictSame(await signing.admit(await signRequest('a.b.c'), stream), {
    type: 'denied',
    reason: 'seen before',
  })
  t.match(signing.refusals, { replayed_token: 1, bad_token: 0 })
})

t.test('where nothing can be said now, nothing is', async t => {
  const { signing } = await open(t, [
    { attest: () => Promise.reject(new AttestationPostponed('not now')) },
  ])
  await t.rejects(signing.admit(await signRequest('a.b.c'), stream), { message: 'not now' })
  t.ok(Object.values(signing.refusals).every(count => count === 0))
})

t.test('what an attestor recalls is not remembered: it renews only while it is there', async t => {
  let known: typeof pod | undefined = pod
  let time = now
  const attestor: Attestor = { attest: async () => known, recall: () => known }
  const stateDirectory = t.testdir()
  const authority = await openAuthority(t, { now: () => time })
  const file = join(stateDirectory, 'admissions.json')
  const admissions = await Admissions.open(file, () => time, [attestor])
  const options = { authority, admissions, stateDirectory, now: () => time }
  const signing = new Signing({ ...options, attestors: [attestor] })
  await signing.admit(await signRequest('a.b.c'), stream)
  t.notOk(existsSync(file))
  const proven = { workload: pod, identity: 'spiffe://weft.local/ns/shop/sa/web' }
  const renew = async () => (await signing.renew(await signRequest(), stream, proven)).type
  time += 12 * 3_600_000
  t.equal(await renew(), 'signed')
  known = undefined
  t.equal(await renew(), 'denied')
  t.equal(signing.refusals.not_admitted, 1)
})

t.test('nobody becomes the control plane', async t => {
  const impostor = { ...pod, namespace: 'weft-system', serviceAccount: 'weft-control' }
  const { signing } = await open(t, [{ attest: async () => impostor }])
  t.match(await signing.admit(await signRequest('a.b.c'), stream), {
    type: 'denied',
    reason: /the control plane/,
  })
  t.equal(signing.refusals.bad_identity, 1)
})

t.test('of many who come with one token at once, one gets a certificate', async t => {
  const { signing, token } = await open(t)
  const requests = await Promise.all(Array.from({ length: 20 }, () => signRequest(token)))
  const outcomes = await Promise.all(requests.map(request => signing.admit(request, stream)))
  t.equal(outcomes.filter(({ type }) => type === 'signed').length, 1)
})

t.test('a key that the stream does not prove gets none, and the token stays good', async t => {
  const { signing, token } = await open(t)
  const good = await signRequest(token)
  const other = await signRequest(token)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const unproven: Record<string, SignRequest> = {
    "another key's proof": { ...good, proof: other.proof },
    'no proof': { ...good, proof: '' },
    'no key': { ...good, publicKey: '' },
    'no key at all': { ...good, publicKey: Buffer.from('key').toString('base64') },
    'an RSA key': proven(rsa.publicKey, rsa.privateKey, token),
    'a key on another curve': proven(p384.publicKey, p384.privateKey, token),
  }
  for (const [what, request] of Object.entries(unproven))
    t.match(await signing.admit(request, stream), { type: 'denied', reason: /proof/ }, what)
  t.match(
    await signing.admit(good, streamOf('another connection')),
    { type: 'denied' },
    'a request that was overheard',
  )
  t.equal(signing.refusals.bad_key, Object.keys(unproven).length + 1)
  t.match(await signing.admit(good, stream), { type: 'signed' })
})

t.test('a renewal is for the identity of the last certificate', async t => {
  const { signing, token, admissions } = await open(t)
  await signing.admit(await signRequest(token), stream)
  const request = await signRequest()
  const signed = await signing.renew(request, stream, { workload, identity })
  if (signed.type !== 'signed') throw new Error(signed.reason)
  t.equal(new X509Certificate(signed.chain).subjectAltName, `URI:${identity}`)
  t.match(admissions.find(workload, identity), { labels: record.labels })
  t.match(await signing.renew({ ...request, proof: '' }, stream, { workload, identity }), {
    type: 'denied',
    reason: /proof/,
  })
})

t.test('whoever was not admitted as this workload gets no renewal', async t => {
  const { signing, token } = await open(t)
  await signing.admit(await signRequest(token), stream)
  const strangers = [
    { workload: { ...workload, name: 'orders-2' }, identity },
    { workload, identity: `${identity}2` },
  ]
  for (const stranger of strangers)
    t.match(await signing.renew(await signRequest(), stream, stranger), {
      type: 'denied',
      reason: /not admitted/,
    })
})

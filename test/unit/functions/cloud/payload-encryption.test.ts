import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { CompactEncrypt, compactDecrypt } from 'jose'
import t from 'tap'
import type {
  Backend,
  BackendCall,
  BackendResult,
} from '../../../../src/functions/cloud/backend.ts'
import {
  EncryptedBackend,
  PayloadCipher,
} from '../../../../src/functions/cloud/payload-encryption.ts'
import { invokeCall } from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const key = randomBytes(32)
const wallNow = (): number => 1_000_000
const cipher = new PayloadCipher(key, 'key-1', wallNow)

function jweOf(body: Buffer): string {
  return (JSON.parse(body.toString()) as { weftEncrypted: string }).weftEncrypted
}

async function seal(plain: string, header: Readonly<Record<string, string>>): Promise<Buffer> {
  const jwe = await new CompactEncrypt(Buffer.from(plain))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header })
    .encrypt(key)
  return Buffer.from(JSON.stringify({ weftEncrypted: jwe }))
}

t.test('whoever has the key can open an event, by the standard alone', async t => {
  const body = await cipher.encrypt(Buffer.from('{"secret":1}'), 'event', 'id-1')
  t.notMatch(body.toString(), 'secret":1')
  const { plaintext, protectedHeader } = await compactDecrypt(jweOf(body), key)
  t.equal(Buffer.from(plaintext).toString(), '{"secret":1}')
  t.same(protectedHeader, {
    alg: 'dir',
    enc: 'A256GCM',
    kid: 'key-1',
    weftUse: 'event',
    weftId: 'id-1',
    iat: 1000,
  })
})

t.test('the same event looks different each time', async t => {
  const [a, b] = [
    await cipher.encrypt(Buffer.from('x'), 'event', 'i'),
    await cipher.encrypt(Buffer.from('x'), 'event', 'i'),
  ]
  t.not(a.toString(), b.toString())
})

t.test('only the answer to this very event is opened', async t => {
  const good = await seal('yes', { weftUse: 'answer', weftId: 'id-1' })
  t.equal(String(await cipher.decrypt(good, 'answer', 'id-1')), 'yes')
  const tampered = good
    .toString()
    .replace(/.(.....)"}$/, (end, rest) => `${end[0] === 'A' ? 'B' : 'A'}${rest}"}`)
  const parts = jweOf(good).split('.')
  const bad = [
    Buffer.from(tampered),
    await seal('yes', { weftUse: 'event', weftId: 'id-1' }),
    await seal('yes', { weftUse: 'answer', weftId: 'id-2' }),
    await seal('yes', {}),
    Buffer.from('{"weftEncrypted":1}'),
    Buffer.from('{"weftEncrypted":"a.b.c.d.e"}'),
    Buffer.from(JSON.stringify({ weftEncrypted: parts.toSpliced(1, 1, 'AAAA').join('.') })),
    // An event of ours given back.
    await cipher.encrypt(Buffer.from('yes'), 'event', 'id-1'),
    await new PayloadCipher(randomBytes(32), 'key-1', wallNow).encrypt(
      Buffer.from('x'),
      'answer',
      'id-1',
    ),
  ]
  for (const body of bad)
    await t.rejects(cipher.decrypt(body, 'answer', 'id-1'), { code: 'encryption' }, body.toString())
})

t.test('nothing is inflated', async t => {
  const body = await seal('x'.repeat(1000), { zip: 'DEF', weftUse: 'answer', weftId: 'i' })
  await t.rejects(cipher.decrypt(body, 'answer', 'i'), { code: 'encryption' })
})

t.test('keys are 32 bytes, raw or as base64', async t => {
  const folder = t.testdir({
    raw: key,
    base64: `${key.toString('base64')}\n`,
    url: key.toString('base64url'),
    short: key.subarray(1),
    text: 'hidden'.repeat(8),
  })
  const body = await cipher.encrypt(Buffer.from('x'), 'answer', 'i')
  for (const name of ['raw', 'base64', 'url']) {
    const other = await PayloadCipher.fromFile(join(folder, name), 'key-1', wallNow)
    t.equal(String(await other.decrypt(body, 'answer', 'i')), 'x', name)
  }
  for (const name of ['short', 'text', 'missing']) {
    const error = await PayloadCipher.fromFile(join(folder, name), 'k', wallNow).catch(
      (thrown: unknown) => thrown,
    )
    t.match(error, { name: 'BackendError', message: name })
    t.notMatch(inspect(error), 'hidden')
  }
  t.notMatch(inspect(cipher, { depth: 9 }), 'Uint8Array')
})

function inner(answer: (call: BackendCall) => Promise<BackendResult>): Backend {
  return { name: 'inner', kind: 'http', region: 'r', invoke: answer }
}

function result(body: Buffer | Readable): BackendResult {
  return { kind: 'result', form: 'function', status: 200, headers: [], contentType: 'x', body }
}

/** What a handler in the cloud does. */
async function handler(call: BackendCall): Promise<BackendResult> {
  const { plaintext } = await compactDecrypt(jweOf(call.payload), key)
  const body = await seal(`got ${Buffer.from(plaintext).toString()}`, {
    weftUse: 'answer',
    weftId: call.requestId,
  })
  return result(body)
}

t.test('a backend sees nothing in plain, and the caller nothing else', async t => {
  const seen: BackendCall[] = []
  const backend = new EncryptedBackend(
    inner(call => {
      seen.push(call)
      return handler(call)
    }),
    cipher,
    true,
  )
  const http = { method: 'GET', path: '/private', query: '', headers: [], body: Buffer.alloc(0) }
  const answer = await backend.invoke(invokeCall({ payloadFormat: 'http', http }), never)
  t.match(answer, { kind: 'result', form: 'function', contentType: 'application/json' })
  t.same(answer.kind === 'result' && answer.body, Buffer.from('got {"n":1}'))
  t.equal(seen[0]?.payloadFormat, 'invoke')
  t.notMatch(inspect(seen, { depth: 9 }), '/private')
})

t.test('an answer in plain, or one that streams, is refused where it must not be', async t => {
  const plain = inner(async () => result(Buffer.from('"plain"')))
  t.match(await new EncryptedBackend(plain, cipher, true).invoke(invokeCall(), never), {
    kind: 'backend-failure',
    code: 'encryption',
    retryable: false,
  })
  t.match(await new EncryptedBackend(plain, cipher, false).invoke(invokeCall(), never), {
    kind: 'result',
  })
  const stream = Readable.from([Buffer.from('x')])
  const streaming = inner(async () => result(stream))
  const backend = new EncryptedBackend(streaming, cipher, false)
  t.match(await backend.invoke(invokeCall(), never), { code: 'encryption' })
  t.ok(stream.destroyed)
})

t.test('an answer that can not be opened is a failure, whatever is required', async t => {
  const other = new PayloadCipher(randomBytes(32), 'key-1', wallNow)
  const wrong = inner(async call =>
    result(await other.encrypt(Buffer.from('x'), 'answer', call.requestId)),
  )
  const backend = new EncryptedBackend(wrong, cipher, false)
  const answer = await backend.invoke(invokeCall({ idempotent: true }), never)
  t.match(answer, { code: 'encryption', retryable: false })
})

t.test('failures of the backend pass', async t => {
  const failing = inner(async () => ({
    kind: 'function-error',
    document: Buffer.alloc(0),
    errorType: 'E',
  }))
  t.match(await new EncryptedBackend(failing, cipher, true).invoke(invokeCall(), never), {
    kind: 'function-error',
  })
})

import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { Now } from '../../base/clock.ts'
import {
  BackendError,
  failure,
  failureOf,
  type Backend,
  type BackendAnswer,
  type BackendCall,
  type BackendKind,
  type BackendResult,
} from './backend.ts'
import { parseObject } from './credentials/aws-source.ts'
import { readSecret } from './credentials/secret-file.ts'

type Use = 'event' | 'answer'

const keyBytes = 32

/**
 * Keeps events and answers from whoever carries them. On the wire: `{"weftEncrypted":"<jwe>"}`, a JWE in compact form
 * (RFC 7516), `alg` `dir`, `enc` `A256GCM`. A handler opens it with the shared key, by any library of JOSE, and answers
 * in the same form.
 *
 * The protected header of an answer has to carry `weftUse` `answer` and the `weftId` of its event: otherwise whoever
 * is between could give an event, or another answer, back as the answer. A handler should look for `weftUse` `event`.
 */
export class PayloadCipher {
  readonly #key: Uint8Array
  readonly #keyId: string
  readonly #wallNow: Now

  constructor(key: Uint8Array, keyId: string, wallNow: Now) {
    this.#key = key
    this.#keyId = keyId
    this.#wallNow = wallNow
  }

  /** @throws BackendError when the file holds no key. */
  static async fromFile(path: string, keyId: string, wallNow: Now): Promise<PayloadCipher> {
    const content = await readSecret(path)
    const key = content.length === keyBytes ? content : decodeKey(content)
    if (key === undefined)
      throw new BackendError('encryption', `${path}: must hold ${keyBytes} bytes, raw or as base64`)
    return new PayloadCipher(Uint8Array.from(key), keyId, wallNow)
  }

  async encrypt(payload: Buffer, use: Use, id: string): Promise<Buffer> {
    const header = {
      alg: 'dir',
      enc: 'A256GCM',
      kid: this.#keyId,
      weftUse: use,
      weftId: id,
      iat: Math.floor(this.#wallNow() / 1000),
    }
    const jwe = await new CompactEncrypt(payload).setProtectedHeader(header).encrypt(this.#key)
    return Buffer.from(JSON.stringify({ weftEncrypted: jwe }))
  }

  /** Undefined: it is not encrypted at all. @throws BackendError when it can't be opened, or is not for this. */
  async decrypt(body: Buffer, use: Use, id: string): Promise<Buffer | undefined> {
    const jwe = parseObject(body)?.['weftEncrypted']
    if (jwe === undefined) return undefined
    try {
      return await this.#open(jwe, use, id)
    } catch {
      // Why it failed would help who tries keys, and nobody else.
      throw new BackendError('encryption', `the ${use} can't be opened with the key ${this.#keyId}`)
    }
  }

  async #open(jwe: unknown, use: Use, id: string): Promise<Buffer> {
    if (typeof jwe !== 'string') throw new TypeError('no JWE')
    // Nothing is inflated: a few bytes could become any number.
    if (decodeProtectedHeader(jwe)['zip'] !== undefined) throw new TypeError('compressed')
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, this.#key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    const { weftUse, weftId } = protectedHeader as Readonly<Record<string, unknown>>
    if (weftUse !== use || weftId !== id) throw new TypeError('another message')
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
  }
}

function decodeKey(content: Buffer): Buffer | undefined {
  const text = content.toString('latin1').trim()
  const key = /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
  return key?.length === keyBytes ? key : undefined
}

/**
 * A backend that sees events and answers encrypted alone. What came by HTTP goes as an event too, since path and
 * headers say as much as a body; the answer is what the function returns.
 */
export class EncryptedBackend implements Backend {
  readonly kind: BackendKind
  readonly name: string
  readonly region: string | undefined
  readonly #inner: Backend
  readonly #cipher: PayloadCipher
  readonly #required: boolean

  constructor(inner: Backend, cipher: PayloadCipher, required: boolean) {
    this.kind = inner.kind
    this.name = inner.name
    this.region = inner.region
    this.#inner = inner
    this.#cipher = cipher
    this.#required = required
  }

  async invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    const { requestId, traceId, deadlineAt, idempotent } = call
    const common = { requestId, traceId, deadlineAt, idempotent }
    try {
      const payload = await this.#cipher.encrypt(call.payload, 'event', requestId)
      const sealed: BackendCall = { ...common, payload, payloadFormat: 'invoke' }
      const result = await this.#inner.invoke(sealed, signal)
      return result.kind === 'result' ? await this.#opened(result, requestId) : result
    } catch (error) {
      return failureOf(error, { ...call, idempotent: false })
    }
  }

  async #opened(answer: BackendAnswer, requestId: string): Promise<BackendResult> {
    if (!Buffer.isBuffer(answer.body)) {
      answer.body.destroy()
      return failure('encryption', 'an answer that is streamed can not be encrypted', false)
    }
    const body = await this.#cipher.decrypt(answer.body, 'answer', requestId)
    if (body !== undefined) return { ...answer, headers: [], contentType: 'application/json', body }
    return this.#required
      ? failure('encryption', 'the answer came in plain, and must not', false)
      : answer
  }
}

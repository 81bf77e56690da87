import { generateKeyPair, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { createIdentity, type Identity } from './identity.ts'

const generate = promisify(generateKeyPair)

/** A new key on its way to a certificate. The private half is made here and never leaves the process but to its file. */
export class KeyRequest {
  /** SPKI, DER, base64. */
  readonly publicKey: string
  readonly #privateKey: KeyObject

  private constructor(publicKey: KeyObject, privateKey: KeyObject) {
    this.publicKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    this.#privateKey = privateKey
  }

  /** ECDSA on P-256. */
  static async create(): Promise<KeyRequest> {
    const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' })
    return new KeyRequest(publicKey, privateKey)
  }

  /** ECDSA with SHA-256, base64: shows that whoever asks holds the private key. */
  prove(material: Buffer): string {
    return sign('sha256', material, this.#privateKey).toString('base64')
  }

  /** @throws Error when the CA answered with a certificate for another key, or with none for a workload. */
  complete(chain: string, bundle: string): Identity {
    return createIdentity({ privateKey: this.#privateKey, chain, bundle })
  }
}

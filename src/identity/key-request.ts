import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  sign,
  type KeyObject,
} from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { createIdentity, type Identity } from './identity.ts'

const generate = promisify(generateKeyPair)

const pendingFile = 'pending-key.pem'

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

  /**
   * The one that lies in a directory, whose certificate got lost on its way, or a new one, which is laid there: a token
   * that serves one key only serves a process that starts again. Mode 0600; {@link forgetPendingKey} removes it.
   */
  static async pending(directory: string): Promise<KeyRequest> {
    const path = join(directory, pendingFile)
    const stored = await readKey(path)
    if (stored !== undefined) return new KeyRequest(createPublicKey(stored), stored)
    const request = await KeyRequest.create()
    const pem = request.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await writeFileAtomically(path, pem)
    return request
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

/** To be called when the certificate is stored. */
export async function forgetPendingKey(directory: string): Promise<void> {
  await rm(join(directory, pendingFile), { force: true })
}

async function readKey(path: string): Promise<KeyObject | undefined> {
  try {
    const key = createPrivateKey(await readFile(path, 'utf8'))
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    // There is none, or it is damaged: a new one will do.
    return undefined
  }
}

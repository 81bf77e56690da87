import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomically } from '../base/atomic-file.ts'
import { readSvid } from './certificate.ts'
import type { SpiffeId } from './spiffe-id.ts'
import { certificatesIn, checkTrustBundle } from './trust-bundle.ts'

/** Our SPIFFE ID with the key and chain that prove it, and the CAs whose word about others we take. */
export interface Identity {
  readonly uri: string
  readonly id: SpiffeId
  /** An object of node:crypto, which neither JSON nor a dump of the object opens. */
  readonly privateKey: KeyObject
  /** PEM, leaf first. */
  readonly chain: string
  /** PEM, all roots of our trust domain. */
  readonly bundle: string
  /** ms since 1970, of the leaf. */
  readonly notBefore: number
  readonly notAfter: number
}

export interface IdentityMaterial {
  readonly privateKey: KeyObject
  readonly chain: string
  readonly bundle: string
}

/** Bundle and key with chain: two files, because the bundle alone is what other programs ask for. */
const bundleFile = 'trust-bundle.pem'
const identityFile = 'identity.pem'

/** @throws Error when the parts do not belong together, the leaf is no SVID or the bundle names no CA. */
export function createIdentity({ privateKey, chain, bundle }: IdentityMaterial): Identity {
  checkTrustBundle(bundle)
  const leaf = new X509Certificate(chain)
  if (!leaf.checkPrivateKey(privateKey)) throw new Error('the certificate is for another key')
  const reading = readSvid(leaf.raw)
  if ('problem' in reading) throw new Error(`the certificate is no SVID: ${reading.problem}`)
  return {
    ...reading,
    privateKey,
    chain,
    bundle,
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  }
}

/** Writes both files, each atomically and with mode 0600. A crash between them leaves a pair that still works. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  const { privateKey, chain, bundle } = identity
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFileAtomically(join(directory, bundleFile), bundle)
  await writeFileAtomically(join(directory, identityFile), `${key.toString()}${chain}`)
}

/** What {@link writeIdentity} wrote; undefined when there is none, when it is damaged, or not valid at `now`. */
export async function readIdentity(directory: string, now: number): Promise<Identity | undefined> {
  const identity = await readIdentityFiles(directory)
  if (identity === undefined) return undefined
  return identity.notBefore <= now && now < identity.notAfter ? identity : undefined
}

async function readIdentityFiles(directory: string): Promise<Identity | undefined> {
  try {
    const bundle = await readFile(join(directory, bundleFile), 'utf8')
    const text = await readFile(join(directory, identityFile), 'utf8')
    const chain = certificatesIn(text).join('')
    return createIdentity({ privateKey: createPrivateKey(text), chain, bundle })
  } catch {
    // Missing, cut short or by another program: each is mended by asking for a new certificate.
    return undefined
  }
}

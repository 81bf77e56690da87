// First: the certificate library looks for it when it is loaded.
import 'reflect-metadata'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  hkdfSync,
  webcrypto,
  X509Certificate,
  type KeyObject,
} from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import * as x509 from '@peculiar/x509'
import type { Now } from '../base/clock.ts'
import type { Identity } from '../identity/identity.ts'
import { KeyRequest } from '../identity/key-request.ts'
import { formatSpiffeId, type SpiffeId } from '../identity/spiffe-id.ts'
import type { AuthorityStore } from './authority-store.ts'

const hourMs = 3_600_000
const rootLifeMs = 10 * 365 * 24 * hourMs
const svidLifeMs = 24 * hourMs
/** Certificates begin this long ago, for clocks that are behind. */
const backdateMs = 300_000

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' }
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' }

export interface AuthorityOptions {
  readonly store: AuthorityStore
  readonly trustDomain: string
  /** ms since 1970. */
  readonly now: Now
}

/** A certificate as it was issued. */
export interface IssuedSvid {
  /** PEM, leaf first. */
  readonly chain: string
  /** ms since 1970. */
  readonly notAfter: number
}

/** For a server that is no workload of the mesh: its callers look for a DNS name or an address. */
export interface ServerCertificate {
  readonly privateKey: KeyObject
  /** PEM, leaf first. */
  readonly chain: string
  /** ms since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Issues SVIDs under a root of its own, which it makes at its first start and keeps in its store. */
export class CertificateAuthority {
  readonly trustDomain: string
  /** PEM of the root. */
  readonly bundle: string
  /** Derived from the key of the root: the same for all replicas and after each restart. base64url. */
  readonly sessionSecret: string
  readonly #signingKey: webcrypto.CryptoKey
  readonly #root: x509.X509Certificate
  readonly #now: Now

  private constructor(
    { trustDomain, now }: AuthorityOptions,
    { bundle, sessionSecret }: Pick<CertificateAuthority, 'bundle' | 'sessionSecret'>,
    signingKey: webcrypto.CryptoKey,
  ) {
    this.trustDomain = trustDomain
    this.bundle = bundle
    this.sessionSecret = sessionSecret
    this.#signingKey = signingKey
    this.#root = new x509.X509Certificate(bundle)
    this.#now = now
  }

  /** @throws Error when the stored root is damaged, has ended, or is of another trust domain. */
  static async open(options: AuthorityOptions): Promise<CertificateAuthority> {
    const { store } = options
    const stored = (await store.read()) ?? (await store.create(await makeRoot(options)))
    const { bundle, key } = readRoot(stored, store.place, options)
    const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
    const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, keyAlgorithm, false, [
      'sign',
    ])
    await store.publish?.(bundle)
    const sessionSecret = Buffer.from(
      hkdfSync('sha256', pkcs8, '', 'weft session persistence', 32),
    ).toString('base64url')
    return new CertificateAuthority(options, { bundle, sessionSecret }, signingKey)
  }

  /** A certificate of 24 hours for `publicKey` and exactly this identity; whose it is the caller has established. */
  async issue(publicKey: KeyObject, id: Omit<SpiffeId, 'trustDomain'>): Promise<IssuedSvid> {
    const uri = formatSpiffeId({ trustDomain: this.trustDomain, ...id })
    const { chain, notAfter } = await this.#sign(publicKey, {
      names: [{ type: 'url', value: uri }],
      usages: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
    })
    return { chain, notAfter }
  }

  /**
   * A server's certificate of 24 hours, with a new key. It has no SPIFFE ID, so that it is nobody in the mesh.
   * @param names of DNS, or IP addresses.
   */
  async issueServer(names: readonly string[]): Promise<ServerCertificate> {
    const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' })
    const issued = await this.#sign(publicKey, {
      names: names.map(value => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      usages: [x509.ExtendedKeyUsage.serverAuth],
    })
    return { privateKey, ...issued }
  }

  /** The control plane's own identity, with a new key. */
  async issueOwn(): Promise<Identity> {
    const request = await KeyRequest.create()
    const publicKey = createPublicKey({
      key: Buffer.from(request.publicKey, 'base64'),
      type: 'spki',
      format: 'der',
    })
    const { chain } = await this.issue(publicKey, controlPlaneAccount)
    return request.complete(chain, this.bundle)
  }

  async #sign(
    publicKey: KeyObject,
    { names, usages }: Subject,
  ): Promise<Omit<ServerCertificate, 'privateKey'>> {
    const now = this.#now()
    const notBefore = now - backdateMs
    const notAfter = Math.min(now + svidLifeMs, this.#root.notAfter.getTime())
    const certificate = await x509.X509CertificateGenerator.create({
      publicKey: publicKey.export({ type: 'spki', format: 'der' }),
      issuer: this.#root.subjectName,
      signingKey: this.#signingKey,
      signingAlgorithm,
      notBefore: new Date(notBefore),
      notAfter: new Date(notAfter),
      extensions: [
        // RFC 5280 §4.2.1.6: critical, since the subject is empty.
        new x509.SubjectAlternativeNameExtension([...names], true),
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([...usages]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#root.publicKey),
      ],
    })
    return { chain: `${certificate.toString('pem')}\n`, notBefore, notAfter }
  }
}

/** What a certificate says of its owner. */
interface Subject {
  readonly names: readonly { readonly type: 'url' | 'dns' | 'ip'; readonly value: string }[]
  readonly usages: readonly x509.ExtendedKeyUsage[]
}

const generate = promisify(generateKeyPair)

/** Who the control plane is: nobody else is given this identity. */
export const controlPlaneAccount = {
  namespace: 'weft-system',
  serviceAccount: 'weft-control',
} as const

async function makeRoot({ trustDomain, now }: AuthorityOptions): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const start = now() - backdateMs
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: [trustDomain] }, { CN: ['Weft root'] }],
    keys,
    signingAlgorithm,
    notBefore: new Date(start),
    notAfter: new Date(start + rootLifeMs),
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  const key = createPrivateKey({ key: Buffer.from(pkcs8), type: 'pkcs8', format: 'der' })
  return `${key.export({ type: 'pkcs8', format: 'pem' }).toString()}${root.toString('pem')}\n`
}

function readRoot(
  stored: string,
  place: string,
  { trustDomain, now }: AuthorityOptions,
): { bundle: string; key: KeyObject } {
  const start = stored.indexOf('-----BEGIN CERTIFICATE-----')
  const bundle = stored.slice(Math.max(0, start))
  const [root, key] = parseRoot(stored, bundle, place)
  if (!root.checkPrivateKey(key)) throw new Error(`${place}: key and certificate do not match`)
  if (Date.parse(root.validTo) <= now()) throw new Error(`${place}: the root ended ${root.validTo}`)
  if (root.subjectAltName !== `URI:spiffe://${trustDomain}`)
    throw new Error(`${place}: the root is not of the trust domain ${trustDomain}`)
  return { bundle, key }
}

function parseRoot(stored: string, bundle: string, place: string): [X509Certificate, KeyObject] {
  try {
    return [new X509Certificate(bundle), createPrivateKey(stored)]
  } catch (error) {
    throw new Error(`${place}: expected a private key and a certificate, PEM`, { cause: error })
  }
}

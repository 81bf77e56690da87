import 'reflect-metadata'
import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { wallNow } from '../../../src/base/clock.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000

export const workloadUri = 'spiffe://weft.local/ns/default/sa/orders'

/** A CA that signs whatever it is asked to. */
export interface CarelessAuthority {
  readonly bundle: string
  readonly keys: KeyPairKeyObjectResult
}

export interface LeafOptions {
  readonly subject?: string
  /** URI names. Default {@link workloadUri}. */
  readonly uris?: readonly string[]
  readonly dnsNames?: readonly string[]
  /** Default false; undefined leaves the extension out. */
  readonly ca?: boolean | undefined
  /** Default digitalSignature; undefined leaves the extension out. */
  readonly usage?: x509.KeyUsageFlags | undefined
  /** In addition. */
  readonly extensions?: readonly x509.Extension[]
  readonly keys?: KeyPairKeyObjectResult
  /** Default: in a day. */
  readonly notAfter?: Date
  /** Default: the leaf signs itself. */
  readonly issuer?: CarelessAuthority
}

export function makeKeys(): KeyPairKeyObjectResult {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

/** A certificate of any shape, PEM. */
export async function makeLeaf(options: LeafOptions = {}): Promise<string> {
  const { subject = 'CN=leaf', keys = makeKeys(), issuer } = options
  const { notAfter = new Date(wallNow() + dayMs) } = options
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer === undefined ? subject : new x509.X509Certificate(issuer.bundle).subject,
    publicKey: keys.publicKey.toCryptoKey(algorithm, true, ['verify']),
    signingKey: (issuer?.keys ?? keys).privateKey.toCryptoKey(algorithm, false, ['sign']),
    signingAlgorithm: algorithm,
    notBefore: new Date(wallNow() - dayMs),
    notAfter,
    extensions: extensionsOf(options),
  })
  return `${certificate.toString('pem')}\n`
}

function extensionsOf(options: LeafOptions): x509.Extension[] {
  const { uris = [workloadUri], dnsNames = [], extensions = [] } = options
  const ca = 'ca' in options ? options.ca : false
  const usage = 'usage' in options ? options.usage : x509.KeyUsageFlags.digitalSignature
  const names = [
    ...uris.map(value => ({ type: 'url', value }) as const),
    ...dnsNames.map(value => ({ type: 'dns', value }) as const),
  ]
  return [
    ...(ca === undefined ? [] : [new x509.BasicConstraintsExtension(ca, undefined, true)]),
    ...(usage === undefined ? [] : [new x509.KeyUsagesExtension(usage, true)]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names, true)]),
    ...extensions,
  ]
}

export async function makeCarelessAuthority(): Promise<CarelessAuthority> {
  const keys = makeKeys()
  const usage = x509.KeyUsageFlags.keyCertSign
  return { keys, bundle: await makeLeaf({ subject: 'CN=root', keys, ca: true, usage }) }
}

/** As {@link makeLeaf}, in DER. */
export async function makeLeafDer(options: LeafOptions = {}): Promise<Buffer> {
  return Buffer.from(x509.PemConverter.decodeFirst(await makeLeaf(options)))
}

export { x509 }

import { DerError, readElements, readOnly } from './der.ts'
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts'

/** What a leaf certificate says about its owner, or why it says nothing that counts. */
export type SvidReading =
  | { readonly uri: string; readonly id: SpiffeId }
  | { readonly problem: string }

const sequence = 0x30
const boolean = 0x01
const bitString = 0x03
const octetString = 0x04
const objectIdentifier = 0x06
/** `[3]` of TBSCertificate (RFC 5280 §4.1). */
const extensionsField = 0xa3
/** `[6]` of GeneralName (RFC 5280 §4.2.1.6). */
const uriName = 0x86

/** Content octets of 2.5.29.x, in hex. */
const keyUsage = '551d0f'
const subjectAltName = '551d11'
const basicConstraints = '551d13'

/** First octet of KeyUsage's bits (RFC 5280 §4.2.1.3). */
const digitalSignature = 0x80
const keyCertSign = 0x04
const crlSign = 0x02

/**
 * Reads the SPIFFE ID of a leaf in DER (X509-SVID §2, §4, §5). Signature and dates are not its concern: it is called
 * for certificates that TLS has verified. Node's `subjectAltName` text is not used: what an issuer may put into a
 * name can look like a second name in it (CVE-2021-44532).
 */
export function readSvid(der: Buffer): SvidReading {
  try {
    return judge(readExtensions(der))
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    return { problem: `malformed certificate: ${error.message}` }
  }
}

type Extensions = ReadonlyMap<string, Buffer>

function judge(extensions: Extensions): SvidReading {
  if (isAuthority(extensions.get(basicConstraints))) return { problem: 'it is a CA certificate' }
  const usage = readKeyUsage(extensions.get(keyUsage))
  if ((usage & digitalSignature) === 0) return { problem: 'its key usage is not to sign' }
  if ((usage & (keyCertSign | crlSign)) !== 0) return { problem: 'its key may sign certificates' }
  const uris = readUris(extensions.get(subjectAltName))
  const [uri] = uris
  if (uri === undefined || uris.length > 1)
    return { problem: `it has ${uris.length} URI names instead of one` }
  const id = parseSpiffeId(uri)
  return id === undefined
    ? { problem: 'its URI name is not a SPIFFE ID of a workload' }
    : { uri, id }
}

function readExtensions(der: Buffer): Extensions {
  const [body] = readElements(readOnly(der, sequence).content)
  if (body?.tag !== sequence) throw new DerError('no TBSCertificate')
  const extensions = new Map<string, Buffer>()
  const field = readElements(body.content).find(({ tag }) => tag === extensionsField)
  if (field === undefined) return extensions
  for (const extension of readElements(readOnly(field.content, sequence).content)) {
    const [oid, value] = readExtension(extension.content)
    // RFC 5280 §4.2: not more than one instance of an extension. Two readers could choose differently.
    if (extensions.has(oid)) throw new DerError('an extension stands twice')
    extensions.set(oid, value)
  }
  return extensions
}

function readExtension(content: Buffer): [oid: string, value: Buffer] {
  const [oid, ...rest] = readElements(content)
  if (rest[0]?.tag === boolean) rest.shift()
  const [value] = rest
  if (oid?.tag !== objectIdentifier || value?.tag !== octetString || rest.length > 1)
    throw new DerError('a malformed extension')
  return [oid.content.toString('hex'), value.content]
}

function isAuthority(extension: Buffer | undefined): boolean {
  if (extension === undefined) return false
  const [flag] = readElements(readOnly(extension, sequence).content)
  return flag?.tag === boolean && flag.content.some(octet => octet !== 0)
}

function readKeyUsage(extension: Buffer | undefined): number {
  if (extension === undefined) return 0
  // The first octet counts the unused bits of the last one.
  return readOnly(extension, bitString).content[1] ?? 0
}

function readUris(extension: Buffer | undefined): string[] {
  if (extension === undefined) return []
  return readElements(readOnly(extension, sequence).content)
    .filter(({ tag }) => tag === uriName)
    .map(({ content }) => content.toString('latin1'))
}

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP, type TcpSocketConnectOpts } from 'node:net'
import tls from 'node:tls'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { WireProtocol } from '../../http/message.ts'
import type { SharedReader } from '../../http/shared-reader.ts'
import { explainTlsFault } from '../../http/tls-fault.ts'
import type { ClusterTls } from '../../model/cluster-tls.ts'
import { established } from './connect.ts'

/** Contexts that are kept: each holds parsed roots. */
const maxContexts = 256

/** How long a context is believed before its files are read again. */
const rereadMs = 10_000

interface Context {
  readonly secure: tls.SecureContext
  readonly material: string
  readAt: number
}

export interface TlsTarget {
  readonly place: Pick<TcpSocketConnectOpts, 'host' | 'port' | 'lookup'>
  readonly tls: ClusterTls
  readonly protocol: WireProtocol
  readonly timeoutMs: number
}

/**
 * TLS to servers beyond the mesh. Their chain and their name are checked in every handshake: no session is ever resumed,
 * and nothing switches the check off.
 */
export class TlsOrigination {
  readonly #now: Now
  readonly #contexts = new Map<string, Context>()

  constructor(now: Now) {
    this.#now = now
  }

  /** Rejects with an ExchangeError: `tls_failed` says what is wrong with the server and what to do. */
  async connect(target: TlsTarget, reader: SharedReader): Promise<tls.TLSSocket> {
    const { place, protocol, timeoutMs } = target
    const { serverName } = target.tls
    const where = `${serverName} (${place.host}:${place.port})`
    const options = {
      ...place,
      secureContext: await this.#contextFor(target.tls, where),
      // RFC 6066 §3: an address is no name to ask for.
      servername: isIP(serverName) === 0 ? serverName : '',
      rejectUnauthorized: true,
      checkServerIdentity: identityCheck(target.tls),
      allowHalfOpen: true,
      onread: reader.onread,
      ...(protocol !== 'tcp' && { ALPNProtocols: [protocol] }),
    }
    // `onread` is documented, and missing in the types.
    const socket = tls.connect(options as tls.ConnectionOptions)
    socket.setNoDelay(true)
    await established(socket, 'secureConnect', where, timeoutMs).catch((error: ExchangeError) => {
      throw explained(error, where)
    })
    // A server that knows no ALPN speaks HTTP/1.1 (RFC 7301 §3.1 lets it ignore the extension).
    if (protocol === 'h2' && socket.alpnProtocol !== 'h2') {
      socket.destroy()
      const message = `${where} does not speak HTTP/2; give its port the protocol http in the ServiceEntry`
      throw new ExchangeError('tls_failed', message)
    }
    return socket
  }

  async #contextFor(wanted: ClusterTls, where: string): Promise<tls.SecureContext> {
    const key = JSON.stringify([wanted.caFile, wanted.caCertificate, wanted.client])
    const known = this.#contexts.get(key)
    const now = this.#now()
    const hasFiles = wanted.caFile !== undefined || wanted.client !== undefined
    if (known !== undefined && (!hasFiles || now - known.readAt < rereadMs)) return known.secure
    const read = await readMaterial(wanted).catch((error: Error) => {
      throw ofNoUse(error, where)
    })
    const material = JSON.stringify(read)
    if (known !== undefined && known.material === material) {
      known.readAt = now
      return known.secure
    }
    const secure = createContext(read, where)
    this.#contexts.delete(key)
    this.#contexts.set(key, { secure, material, readAt: now })
    const [oldest] = this.#contexts.keys()
    if (this.#contexts.size > maxContexts && oldest !== undefined) this.#contexts.delete(oldest)
    return secure
  }
}

interface Material {
  /** Undefined: those of the system. */
  readonly ca: string | undefined
  readonly cert?: string
  readonly key?: string
}

async function readMaterial({ caFile, caCertificate, client }: ClusterTls): Promise<Material> {
  const ca = caFile === undefined ? caCertificate : await readFile(caFile, 'utf8')
  if (client === undefined) return { ca }
  const [cert, key] = await Promise.all([
    readFile(client.certificateFile, 'utf8'),
    readFile(client.keyFile, 'utf8'),
  ])
  return { ca, cert, key }
}

function createContext({ ca, ...own }: Material, where: string): tls.SecureContext {
  try {
    // OpenSSL takes a text without a certificate for an empty list, and would then refuse everybody without saying why.
    if (ca !== undefined) new X509Certificate(ca)
    return tls.createSecureContext({ ca: ca ?? systemRoots(), ...own, minVersion: 'TLSv1.2' })
  } catch (error) {
    throw ofNoUse(error as Error, where)
  }
}

function ofNoUse(error: Error, where: string): ExchangeError {
  const message = `${where}: tls of its ServiceEntry is of no use: ${error.message}`
  return new ExchangeError('tls_failed', message, error)
}

let roots: string[] | undefined

/** Of the operating system; those that come with Node where it has none. */
function systemRoots(): string[] {
  if (roots === undefined) {
    const system = tls.getCACertificates('system')
    const bundled = system.length > 0 ? system : tls.getCACertificates('bundled')
    roots = [...bundled, ...tls.getCACertificates('extra')]
  }
  return roots
}

function identityCheck({
  serverName,
  subjectAltNames,
}: ClusterTls): NonNullable<tls.ConnectionOptions['checkServerIdentity']> {
  return (_host, certificate) => {
    if (subjectAltNames === undefined) return tls.checkServerIdentity(serverName, certificate)
    const uris = urisOf(certificate)
    const isMeant = (name: string): boolean =>
      uris.includes(name) || tls.checkServerIdentity(name, certificate) === undefined
    if (subjectAltNames.some(isMeant)) return undefined
    const [first = serverName] = subjectAltNames
    return tls.checkServerIdentity(first, certificate)
  }
}

function urisOf({ subjectaltname = '' }: tls.PeerCertificate): string[] {
  // Node quotes what could be taken for two names; such a URI is nobody's.
  return subjectaltname
    .split(', ')
    .flatMap(name => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []))
}

function explained(error: ExchangeError, where: string): ExchangeError {
  const explanation = error.code === 'connect_timeout' ? undefined : explainTlsFault(error.cause)
  if (explanation === undefined) return error
  const { message } = error.cause as Error
  return new ExchangeError('tls_failed', `${where}: ${explanation} (${message})`, error)
}

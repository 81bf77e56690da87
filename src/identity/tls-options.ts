import { constants } from 'node:crypto'
import {
  createSecureContext,
  type ConnectionOptions,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls'
import type { Identity } from './identity.ts'
import { checkTrustBundle } from './trust-bundle.ts'

/** The post-quantum hybrid first; a peer without it falls back to the others. */
const keyExchangeGroups = 'X25519MLKEM768:X25519:P-256'

/** TLS 1.3 alone, and no memory of sessions: a resumed one would skip the check of the peer's certificate. */
const common = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ecdhCurve: keyExchangeGroups,
  // Without tickets OpenSSL hands out session numbers, which lead nowhere since no one stores sessions here.
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions

export interface ServerTlsSettings {
  readonly alpn?: readonly string[]
  /** True ends handshakes without a valid client certificate. False lets them in, without an identity. */
  readonly rejectUnauthorized: boolean
}

/** For `tls.createServer`, and for its `setSecureContext` when the identity was renewed. */
export function serverTlsOptions(
  identity: Identity,
  { alpn, rejectUnauthorized }: ServerTlsSettings,
): TlsOptions {
  return {
    ...common,
    ...material(identity),
    requestCert: true,
    rejectUnauthorized,
    ...(alpn && { ALPNProtocols: [...alpn] }),
  }
}

export interface ClientTlsSettings {
  readonly alpn?: readonly string[]
}

/**
 * For `tls.connect`. Made once for an identity and used for many connections: it holds the parsed key.
 * The chain is verified in the handshake; whose it is must be asked of `verifyClientPeer` on each connection.
 */
export function clientTlsOptions(
  identity: Identity,
  { alpn }: ClientTlsSettings = {},
): ConnectionOptions {
  return clientOptions({ ...common, ...material(identity) }, alpn)
}

/**
 * As {@link clientTlsOptions} before there is a certificate: to ask for the first one.
 * @throws Error when the bundle, PEM, names no CA.
 */
export function anonymousTlsOptions(bundle: string): ConnectionOptions {
  checkTrustBundle(bundle)
  return clientOptions({ ...common, ca: bundle }, undefined)
}

function clientOptions(
  context: SecureContextOptions,
  alpn: readonly string[] | undefined,
): ConnectionOptions {
  return {
    secureContext: createSecureContext(context),
    rejectUnauthorized: true,
    // SVIDs carry no host names.
    checkServerIdentity: () => undefined,
    ...(alpn && { ALPNProtocols: [...alpn] }),
  }
}

function material({ privateKey, chain, bundle }: Identity): SecureContextOptions {
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: chain, ca: bundle }
}

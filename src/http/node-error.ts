import { ExchangeError, type ErrorCode } from '../base/errors.ts'

type Side = 'upstream' | 'downstream'

const connectCodes: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['ECONNREFUSED', 'connect_failed'],
  ['EHOSTUNREACH', 'connect_failed'],
  ['ENETUNREACH', 'connect_failed'],
  ['EADDRNOTAVAIL', 'connect_failed'],
  ['ENOTFOUND', 'connect_failed'],
  ['EAI_AGAIN', 'connect_failed'],
  ['EMFILE', 'connect_failed'],
  ['ETIMEDOUT', 'connect_timeout'],
])

/** OpenSSL's and Node's names of what can be wrong with a handshake or a certificate. */
const tlsCode =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA)/

/**
 * What a failure of a socket means for an exchange; the only place that compares Node's error codes.
 * @param where address of the peer, for the message.
 */
export function toExchangeError(error: unknown, side: Side, where: string): ExchangeError {
  if (error instanceof ExchangeError) return error
  const { code, message } = describe(error)
  const text = `${where}: ${message}`
  if (side === 'downstream') return new ExchangeError('downstream_closed', text, error)
  if (tlsCode.test(code)) return new ExchangeError('tls_failed', text, error)
  return new ExchangeError(connectCodes.get(code) ?? 'upstream_reset', text, error)
}

/** The first code on the way down the causes; happy-eyeballs wraps those of all addresses. */
function describe(error: unknown): { code: string; message: string } {
  let message = 'the connection failed'
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; depth++) {
    if (depth === 0) message = at.message
    const code = 'code' in at ? at.code : undefined
    if (typeof code === 'string') return { code, message: message === '' ? code : message }
    at = at instanceof AggregateError ? at.errors[0] : at.cause
  }
  return { code: '', message }
}

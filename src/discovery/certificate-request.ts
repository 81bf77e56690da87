import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../base/backoff.ts'
import type { Random } from '../base/random.ts'
import { maxControlLineBytes, readControlMessage } from './control-message.ts'
import { proofMaterial, type ControlStream } from './control-stream.ts'
import type { ControlMessage, Signed, SidecarMessage, SignRequest } from './message.ts'
import { MessageStream } from './message-stream.ts'

/** A new key that wants a certificate. */
export interface CertificateRequest {
  /** SPKI, DER, base64. */
  readonly publicKey: string
  /** ECDSA with SHA-256 by the private key, base64. */
  prove(material: Buffer): string
}

/** The control plane will not do what was asked; asking again would not help. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}

export function signRequest(
  request: CertificateRequest,
  stream: ControlStream,
  token?: string,
): SignRequest {
  return {
    type: 'sign',
    publicKey: request.publicKey,
    proof: request.prove(proofMaterial(stream)),
    ...(token !== undefined && { token }),
  }
}

export interface IdentityRequestOptions {
  /** Opens a TLS connection without a client certificate. */
  readonly connect: () => Promise<ControlStream>
  /**
   * Read anew for each attempt, since whoever issues tokens may replace one meanwhile; where it can't be read, that
   * is final. Absent: where the connection comes from says enough.
   */
  readonly token?: () => Promise<string>
  readonly request: CertificateRequest
  readonly random: Random
  readonly signal: AbortSignal
  /** Told of each attempt that failed before an answer came. */
  readonly onFailure: (error: unknown) => void
}

const retry = { baseMs: 100, maxMs: 5000 }
const answerTimeoutMs = 10_000

/**
 * Gets the first certificate, trying until the control plane answers.
 * @throws RefusedError when it says no: the token is wrong, used or too old, or nobody knows where the connection
 * comes from. Rejects when `signal` aborts.
 */
export async function requestIdentity(options: IdentityRequestOptions): Promise<Signed> {
  const { random, signal, onFailure } = options
  for (let failures = 1; ; failures++) {
    signal.throwIfAborted()
    const token = await options.token?.()
    try {
      return await askOnce(options, token)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof RefusedError) throw error
      onFailure(error)
    }
    await delay(backoff(failures, retry, random), undefined, { signal })
  }
}

async function askOnce(
  { connect, request, signal }: IdentityRequestOptions,
  token: string | undefined,
): Promise<Signed> {
  const stream = await connect()
  const { promise, resolve, reject } = Promise.withResolvers<Signed>()
  const messages = new MessageStream<SidecarMessage>(stream, {
    maxLineBytes: maxControlLineBytes,
    onMessage: value => settle(readControlMessage(value), resolve, reject),
    onClose: reason => reject(reason ?? new Error('the control plane closed the stream')),
  })
  const giveUp = (): void => messages.destroy(new Error('no answer from the control plane'))
  const timer = setTimeout(giveUp, answerTimeoutMs)
  signal.addEventListener('abort', giveUp, { once: true })
  // Where asking itself throws, no one waits for the answer.
  promise.catch(() => {})
  try {
    if (signal.aborted) giveUp()
    else messages.send(signRequest(request, stream, token))
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    messages.destroy()
  }
}

function settle(
  message: ControlMessage,
  resolve: (signed: Signed) => void,
  reject: (error: Error) => void,
): void {
  if (message.type === 'signed') resolve(message)
  else if (message.type === 'refused') reject(new RefusedError(message.reason))
}

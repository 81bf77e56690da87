import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import type { Now } from '../../base/clock.ts'
import { proofMaterial, type ControlStream } from '../../discovery/control-stream.ts'
import type { Signed, SignRequest } from '../../discovery/message.ts'
import { formatSpiffeId } from '../../identity/spiffe-id.ts'
import type { Admission, Admissions } from './admissions.ts'
import type { CertificateAuthority } from '../certificate-authority.ts'
import { redeemJoinToken } from '../join-token.ts'
import type { WorkloadName } from './workload-key.ts'

export interface SigningOptions {
  readonly authority: CertificateAuthority
  readonly admissions: Admissions
  readonly stateDirectory: string
  /** ms since 1970. */
  readonly now: Now
}

export type SigningOutcome = Signed | { readonly type: 'denied'; readonly reason: string }

/** A workload, and the identity that its stream has proven. */
export interface ProvenWorkload {
  readonly workload: WorkloadName
  readonly identity: string
}

/** Decides who gets a certificate, and as whom: the request itself has no say in that. */
export class Signing {
  readonly #options: SigningOptions

  constructor(options: SigningOptions) {
    this.#options = options
  }

  /** The first certificate, for a join token. */
  async admit(request: SignRequest, stream: ControlStream): Promise<SigningOutcome> {
    const { stateDirectory, now } = this.#options
    // Before the token: a request that cannot be granted must not use it up.
    const key = provenKey(request, stream)
    if (key === undefined) return denied('the key is not on P-256, or its proof does not fit')
    const record = await redeemJoinToken(stateDirectory, request.token ?? '', now())
    if (record === undefined) return denied('the join token is unknown, used or expired')
    const { trustDomain } = this.#options.authority
    return this.#issue(key, { ...record, identity: formatSpiffeId({ trustDomain, ...record }) })
  }

  /** The next certificate, for the same identity as the last one. */
  async renew(
    request: SignRequest,
    stream: ControlStream,
    { workload, identity }: ProvenWorkload,
  ): Promise<SigningOutcome> {
    const admission = this.#options.admissions.find(workload, identity)
    if (admission === undefined) return denied(`${identity} is not admitted any more`)
    const key = provenKey(request, stream)
    if (key === undefined) return denied('the key is not on P-256, or its proof does not fit')
    return this.#issue(key, admission)
  }

  async #issue(key: KeyObject, whom: Omit<Admission, 'expiresAt'>): Promise<Signed> {
    const { authority, admissions } = this.#options
    const { namespace, name, serviceAccount, identity, labels } = whom
    const { chain, notAfter } = await authority.issue(key, { namespace, serviceAccount })
    const expiresAt = notAfter
    await admissions.admit({ namespace, name, serviceAccount, identity, labels, expiresAt })
    return { type: 'signed', chain, bundle: authority.bundle }
  }
}

export function denied(reason: string): SigningOutcome {
  return { type: 'denied', reason }
}

/** The key, when whoever is at the other end of this very stream holds its private half. */
function provenKey(
  { publicKey, proof }: SignRequest,
  stream: ControlStream,
): KeyObject | undefined {
  try {
    const der = Buffer.from(publicKey, 'base64')
    const key = createPublicKey({ key: der, type: 'spki', format: 'der' })
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined
    const proven = verify('sha256', proofMaterial(stream), key, Buffer.from(proof, 'base64'))
    return proven ? key : undefined
  } catch {
    // Not a key at all.
    return undefined
  }
}

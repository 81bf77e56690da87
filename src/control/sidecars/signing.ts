import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import type { Now } from '../../base/clock.ts'
import { proofMaterial, type ControlStream } from '../../discovery/control-stream.ts'
import type { Signed, SignRequest } from '../../discovery/message.ts'
import { formatSpiffeId } from '../../identity/spiffe-id.ts'
import { controlPlaneAccount, type CertificateAuthority } from '../certificate-authority.ts'
import type { Admission, Admissions } from './admissions.ts'
import {
  AttestationError,
  refusalReasons,
  type AttestedWorkload,
  type Attestor,
  type Evidence,
  type RefusalReason,
} from './attestor.ts'
import { JoinTokenAttestor } from './join-token-attestor.ts'
import type { WorkloadName } from './workload-key.ts'

export interface SigningOptions {
  readonly authority: CertificateAuthority
  readonly admissions: Admissions
  readonly stateDirectory: string
  /** ms since 1970. */
  readonly now: Now
  /** Asked in this order, after join tokens. Default: none. */
  readonly attestors?: readonly Attestor[]
}

export type SigningOutcome = Signed | { readonly type: 'denied'; readonly reason: string }

/** A workload, and the identity that its stream has proven. */
export interface ProvenWorkload {
  readonly workload: WorkloadName
  readonly identity: string
}

/** Decides who gets a certificate, and as whom: the request itself has no say in that. */
export class Signing {
  /** How often it was denied, and why. */
  readonly refusals: Readonly<Record<RefusalReason, number>>
  readonly #refusals: Record<RefusalReason, number>
  readonly #options: SigningOptions
  readonly #attestors: readonly Attestor[]

  constructor(options: SigningOptions) {
    const { stateDirectory, now, attestors = [] } = options
    this.#options = options
    this.#attestors = [new JoinTokenAttestor(stateDirectory, now), ...attestors]
    this.#refusals = Object.fromEntries(refusalReasons.map(reason => [reason, 0])) as Record<
      RefusalReason,
      number
    >
    this.refusals = this.#refusals
  }

  /** The first certificate. @throws AttestationPostponed when nothing can be said now. */
  async admit(request: SignRequest, stream: ControlStream): Promise<SigningOutcome> {
    // First: a request that cannot be granted must not use up what it shows.
    const key = provenKey(request, stream)
    if (key === undefined) return this.#badKey()
    const { publicKey, token } = request
    try {
      const [attestor, whom] = await this.#attest({ token, publicKey, address: addressOf(stream) })
      return await this.#admit(key, whom, attestor.recall !== undefined)
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
      return this.#denied(error.reason, error.message)
    }
  }

  /** The next certificate, for the same identity as the last one. */
  async renew(
    request: SignRequest,
    stream: ControlStream,
    { workload, identity }: ProvenWorkload,
  ): Promise<SigningOutcome> {
    const { admissions } = this.#options
    const admission = admissions.find(workload, identity)
    if (admission === undefined)
      return this.#denied('not_admitted', `${identity} is not admitted any more`)
    const key = provenKey(request, stream)
    if (key === undefined) return this.#badKey()
    const { signed, expiresAt } = await this.#issue(key, admission)
    // Who is recalled does not become remembered by renewing: it would outlive what it is recalled from.
    if (admission.recalled === undefined) await admissions.admit({ ...admission, expiresAt })
    return signed
  }

  async #attest(evidence: Evidence): Promise<[Attestor, AttestedWorkload]> {
    for (const attestor of this.#attestors) {
      const whom = await attestor.attest(evidence)
      if (whom !== undefined) return [attestor, whom]
    }
    throw new AttestationError(this.#whatToShow(evidence), 'no_evidence')
  }

  #whatToShow({ token }: Evidence): string {
    const taken = this.#attestors.map(({ takes }) => takes).filter(takes => takes !== undefined)
    const shown = token === undefined ? 'no token was shown' : 'the token is of no kind known here'
    return `${shown}, and nothing else says who this is; taken here: ${taken.join(', ')}`
  }

  async #admit(
    key: KeyObject,
    { namespace, name, serviceAccount, labels }: AttestedWorkload,
    isRecalled: boolean,
  ): Promise<Signed> {
    if (isControlPlane({ namespace, serviceAccount }))
      throw new AttestationError('this identity is the one of the control plane', 'bad_identity')
    const { authority, admissions } = this.#options
    const { trustDomain } = authority
    const identity = formatSpiffeId({ trustDomain, namespace, serviceAccount })
    const whom = { namespace, name, serviceAccount, identity, labels }
    const { signed, expiresAt } = await this.#issue(key, whom)
    if (isRecalled) admissions.admitBriefly({ ...whom, expiresAt })
    else await admissions.admit({ ...whom, expiresAt })
    return signed
  }

  async #issue(
    key: KeyObject,
    { namespace, serviceAccount }: Pick<Admission, 'namespace' | 'serviceAccount'>,
  ): Promise<{ readonly signed: Signed; readonly expiresAt: number }> {
    const { authority } = this.#options
    const { chain, notAfter } = await authority.issue(key, { namespace, serviceAccount })
    return { signed: { type: 'signed', chain, bundle: authority.bundle }, expiresAt: notAfter }
  }

  #badKey(): SigningOutcome {
    return this.#denied('bad_key', 'the key is not on P-256, or its proof does not fit')
  }

  #denied(reason: RefusalReason, message: string): SigningOutcome {
    this.#refusals[reason]++
    return denied(message)
  }
}

export function denied(reason: string): SigningOutcome {
  return { type: 'denied', reason }
}

/** Sidecars believe whoever has it: not even an attestor may give it away. */
function isControlPlane({
  namespace,
  serviceAccount,
}: Pick<AttestedWorkload, 'namespace' | 'serviceAccount'>): boolean {
  return (
    namespace === controlPlaneAccount.namespace &&
    serviceAccount === controlPlaneAccount.serviceAccount
  )
}

/** Dual-stack sockets show IPv4 as `::ffff:10.0.0.7`. */
function addressOf({ remoteAddress }: ControlStream): string | undefined {
  return remoteAddress?.replace(/^::ffff:(?=[\d.]+$)/i, '')
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

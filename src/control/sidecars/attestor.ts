import type { WorkloadName } from './workload-key.ts'

/** What somebody without a certificate shows of himself. */
export interface Evidence {
  /** A join token, or the token of a Kubernetes service account; undefined: only where it comes from. */
  readonly token: string | undefined
  /** SPKI, DER, base64; the other end of the stream has proven that it holds its private half. */
  readonly publicKey: string
  /** Peer of the connection, IPv4-mapped addresses as IPv4. */
  readonly address: string | undefined
}

/** Who somebody is, by what somebody else than he says. */
export interface AttestedWorkload extends WorkloadName {
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
}

/** What refusals are counted by. */
export const refusalReasons = [
  'bad_key',
  'no_evidence',
  'bad_token',
  'unbound_token',
  'replayed_token',
  'unknown_workload',
  'bad_identity',
  'not_admitted',
] as const

export type RefusalReason = (typeof refusalReasons)[number]

/** It is evidence of this kind, and no good; the message goes to whoever showed it. */
export class AttestationError extends Error {
  override readonly name = 'AttestationError'
  readonly reason: RefusalReason

  constructor(message: string, reason: RefusalReason = 'unknown_workload') {
    super(message)
    this.reason = reason
  }
}

/**
 * Nothing can be said about it now: whoever showed it should come again. The attestor logs why, the message goes to
 * no one else.
 */
export class AttestationPostponed extends Error {
  override readonly name = 'AttestationPostponed'
}

/** Establishes who asks for a first certificate: one for each kind of evidence. */
export interface Attestor {
  /** For whoever showed nothing that any attestor takes, as `a join token`. */
  readonly takes?: string
  /**
   * Undefined: no evidence of this kind, another may take it.
   * @throws AttestationError when it is refused, AttestationPostponed when who knows does not answer. Bounds itself, in
   * time below the 10 s that the other end waits.
   */
  attest(evidence: Evidence): Promise<AttestedWorkload | undefined>
  /**
   * Who a workload is that holds a certificate and is not remembered: the control plane that admitted it may have been
   * another. Undefined: not known here, or there is no such workload any more. Absent: this kind can't tell, so that
   * who it admits is remembered as long as the certificates last.
   */
  recall?(workload: WorkloadName): AttestedWorkload | undefined
  close?(): Promise<void>
}

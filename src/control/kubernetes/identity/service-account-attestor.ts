import { decodeJwt } from 'jose'
import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import { LogLimit } from '../../../base/log-limit.ts'
import {
  AttestationError,
  AttestationPostponed,
  type AttestedWorkload,
  type Attestor,
  type Evidence,
} from '../../sidecars/attestor.ts'
import type { WorkloadName } from '../../sidecars/workload-key.ts'
import { KubernetesError, type KubernetesApi } from '../api/kubernetes-api.ts'
import { fetchPod, type KnownPod, type KnownPods } from './known-pod.ts'
import { reviewToken, type ReviewedToken } from './token-review.ts'
import { TokenUses } from './token-uses.ts'

export interface ServiceAccountAttestorOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  readonly pods: KnownPods
  /** ms since 1970. */
  readonly now: Now
  readonly logger: Logger
  /** Tokens that may be asked about at once. Default 64. */
  readonly maxReviews?: number
  /** Uses that are remembered; a new token beyond has to wait. Default 65,536. */
  readonly maxUses?: number
}

/** JWS compact serialization (RFC 7515 §3.1). */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Below the 10 s that the sidecar waits for an answer. */
const timeoutMs = 7000
const logEveryMs = 60_000
/** A token that does not say when it ends. */
const defaultLifeMs = 86_400_000

/**
 * Takes the tokens that the kubelet mounts into pods, by the word of the API server (TokenReview). The workload is the
 * pod that a token is bound to. Each token serves one key: who copies a token that was used gets nothing for it.
 */
export class ServiceAccountAttestor implements Attestor {
  readonly takes = 'the token of a service account, bound to its pod, for the audience weft'
  readonly #options: ServiceAccountAttestorOptions
  readonly #uses: TokenUses
  readonly #closing = new AbortController()
  readonly #replayLog = new LogLimit(1)
  readonly #postponedLog = new LogLimit(1, logEveryMs)
  #reviews = 0
  #failures = 0

  constructor(options: ServiceAccountAttestorOptions) {
    this.#options = options
    this.#uses = new TokenUses(options.maxUses ?? 65_536, options.now)
  }

  /** How often the API server, or room for one more, was missing. */
  get failures(): number {
    return this.#failures
  }

  async attest({ token, publicKey }: Evidence): Promise<AttestedWorkload | undefined> {
    if (token === undefined || !jwtPattern.test(token)) return undefined
    const expiresAt = this.#endOf(token)
    this.#refuseTaken(token, publicKey)
    if (this.#reviews >= (this.#options.maxReviews ?? 64))
      throw this.#postponed(new Error('too many tokens to be reviewed at once'))
    this.#reviews++
    try {
      const workload = await this.#review(token)
      // Others may have come with it in the meantime; from here to `note` nothing waits.
      this.#refuseTaken(token, publicKey)
      if (!this.#uses.note(token, publicKey, expiresAt))
        throw this.#postponed(new Error('too many tokens are in use'))
      return workload
    } finally {
      this.#reviews--
    }
  }

  recall({ namespace, name }: WorkloadName): AttestedWorkload | undefined {
    const pod = this.#options.pods.find(namespace, name)
    return pod === undefined ? undefined : workloadOf(namespace, name, pod)
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  async #review(token: string): Promise<AttestedWorkload> {
    const { api } = this.#options
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)])
    try {
      const reviewed = await reviewToken(api, token, signal)
      const { namespace, podName: name } = reviewed
      return workloadOf(namespace, name, await this.#podOf(reviewed, signal))
    } catch (error) {
      if (error instanceof AttestationError) throw error
      if (isAboutToken(error)) throw new AttestationError((error as Error).message, 'bad_token')
      throw this.#postponed(error)
    }
  }

  async #podOf(
    { namespace, podName: name, podUid, serviceAccount }: ReviewedToken,
    signal: AbortSignal,
  ): Promise<KnownPod> {
    const { api, pods } = this.#options
    const known = pods.find(namespace, name)
    const pod = known?.uid === podUid ? known : await fetchPod(api, { namespace, name }, signal)
    if (pod?.uid !== podUid || pod.serviceAccount !== serviceAccount)
      throw new AttestationError(
        `the token is of a pod ${namespace}/${name} that is not there any more`,
        'unknown_workload',
      )
    return pod
  }

  #refuseTaken(token: string, publicKey: string): void {
    if (!this.#uses.isTaken(token, publicKey)) return
    const { logger, now } = this.#options
    // It is one that the API server has vouched for, so that what stands in it is true.
    if (this.#replayLog.admit(now()))
      logger.warn(
        { subject: decodeJwt(token).sub, unlogged: this.#replayLog.takeSuppressed() },
        'a token that was used came again with another key: it was copied, or its sidecar lost its state',
      )
    throw new AttestationError(
      'the token was used before, with another key: wait for the kubelet to replace it, or recreate the pod',
      'replayed_token',
    )
  }

  /** What it says of itself serves to remember it, and only once the API server takes it. ms since 1970. */
  #endOf(token: string): number {
    try {
      const { exp } = decodeJwt(token)
      return exp === undefined ? this.#options.now() + defaultLifeMs : exp * 1000
    } catch {
      throw new AttestationError('the token is no JSON Web Token', 'bad_token')
    }
  }

  #postponed(error: unknown): AttestationPostponed {
    const { logger, now } = this.#options
    this.#failures++
    if (this.#postponedLog.admit(now()))
      logger.warn(
        { error, unlogged: this.#postponedLog.takeSuppressed() },
        'cannot tell whose a token is',
      )
    return new AttestationPostponed('the API server cannot be asked', { cause: error })
  }
}

function workloadOf(
  namespace: string,
  name: string,
  { serviceAccount, labels }: KnownPod,
): AttestedWorkload {
  return { namespace, name, serviceAccount, labels }
}

/** The request itself was wrong: it would be so the next time. */
function isAboutToken(error: unknown): boolean {
  return error instanceof KubernetesError && (error.status === 400 || error.status === 422)
}

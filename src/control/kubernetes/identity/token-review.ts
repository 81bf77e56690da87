import { z } from 'zod'
import { AttestationError } from '../../sidecars/attestor.ts'
import type { KubernetesApi } from '../api/kubernetes-api.ts'

/** Of the tokens that pods show to the control plane: one that is stolen there is worth nothing at the API. */
const tokenAudience = 'weft'

/** Whose a token is, by the word of the API server. */
export interface ReviewedToken {
  readonly namespace: string
  readonly serviceAccount: string
  readonly podName: string
  readonly podUid: string
}

const accountPattern = /^system:serviceaccount:([^:]+):([^:]+)$/
const podName = 'authentication.kubernetes.io/pod-name'
const podUid = 'authentication.kubernetes.io/pod-uid'

/** How to come by a good one. */
const remedy = `mount one by a projected volume (serviceAccountToken with audience: ${tokenAudience}), as \`weft inject\` does`

/** authentication.k8s.io/v1 TokenReview, as far as it is read. Go leaves out what is empty. */
const review = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    error: z.string().default(''),
    audiences: z.array(z.string()).default([]),
    user: z
      .object({
        username: z.string().default(''),
        extra: z.record(z.string(), z.array(z.string())).default({}),
      })
      .prefault({}),
  }),
})

/**
 * Asks the API server whose a token is (TokenReview).
 * @throws AttestationError when it is no good; whatever `api` throws when there is no answer; Error when the answer is
 * no review.
 */
export async function reviewToken(
  api: Pick<KubernetesApi, 'request'>,
  token: string,
  signal: AbortSignal,
): Promise<ReviewedToken> {
  const answer = await api.request({
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    what: 'TokenReviews',
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [tokenAudience] },
    },
    signal,
  })
  const { status } = review.parse(answer)
  if (!status.authenticated) {
    const why = status.error === '' ? '' : ` (${status.error.slice(0, 500)})`
    throw bad(`the API server does not take the token${why}: ${remedy}`)
  }
  // "A client that sets spec.audiences should validate that a compatible audience identifier is returned".
  if (!status.audiences.includes(tokenAudience))
    throw bad(`the token is not for the audience ${tokenAudience}: ${remedy}`)
  const [, namespace, serviceAccount] = accountPattern.exec(status.user.username) ?? []
  if (namespace === undefined || serviceAccount === undefined)
    throw bad(`the token is of no service account: ${remedy}`)
  const { [podName]: names = [], [podUid]: uids = [] } = status.user.extra
  const [name] = names
  const [uid] = uids
  if (name === undefined || uid === undefined)
    throw new AttestationError(`the token is bound to no pod: ${remedy}`, 'unbound_token')
  return { namespace, serviceAccount, podName: name, podUid: uid }
}

function bad(message: string): AttestationError {
  return new AttestationError(message, 'bad_token')
}

import t from 'tap'
import { KubernetesError } from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { reviewToken } from '../../../../../src/control/kubernetes/identity/token-review.ts'
import { boundToken, reviewed, reviews, startApi } from './bound-token.ts'

const { signal } = new AbortController()

t.test('the API server says whose a token is', async t => {
  const { server, api } = await startApi(t)
  let asked: unknown
  server.handlers.set(reviews, body => {
    asked = body
    return reviewed()
  })
  const token = boundToken()
  t.strictSame(await reviewToken(api, token, signal), {
    namespace: 'shop',
    serviceAccount: 'orders',
    podName: 'orders-0',
    podUid: 'uid-orders-0',
  })
  t.match(asked, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: ['weft'] },
  })
})

const pod = 'authentication.kubernetes.io/pod-name'
const uid = 'authentication.kubernetes.io/pod-uid'

const refusals: Record<string, [answer: object, message: RegExp, reason?: string]> = {
  'a token that is no good': [
    { status: { user: {}, error: 'invalid bearer token' } },
    /does not take the token \(invalid bearer token\): mount one by a projected volume/,
  ],
  'one that is no good, without words': [{ status: {} }, /does not take the token: mount/],
  'one for the API itself, at a server that minds no audiences': [
    reviewed({ audiences: ['https://kubernetes.default.svc'] }),
    /not for the audience weft/,
  ],
  'one of a server without audiences': [
    reviewed({ audiences: undefined }),
    /not for the audience weft/,
  ],
  "a person's": [reviewed({ user: { username: 'admin' } }), /of no service account/],
  'a name that only looks like one': [
    reviewed({ user: { username: 'system:serviceaccount:shop:a:b' } }),
    /of no service account/,
  ],
  'one that is bound to nothing': [
    reviewed({}, { [pod]: undefined, [uid]: undefined }),
    /bound to no pod: mount one/,
    'unbound_token',
  ],
  'one without the uid of its pod': [
    reviewed({}, { [uid]: [] }),
    /bound to no pod/,
    'unbound_token',
  ],
}

for (const [what, [answer, message, reason = 'bad_token']] of Object.entries(refusals))
  t.test(`${what} is refused, with what to do`, async t => {
    const { server, api } = await startApi(t)
    server.handlers.set(reviews, () => answer)
    await t.rejects(reviewToken(api, boundToken(), signal), {
      name: 'AttestationError',
      message,
      reason,
    })
  })

t.test('an answer that is none is nobody’s word', async t => {
  const { server, api } = await startApi(t)
  server.handlers.set(reviews, () => ({ status: 'Success' }))
  await t.rejects(reviewToken(api, boundToken(), signal), { name: 'ZodError' })
  server.fail(/tokenreviews/, { text: '<html>' }, { status: 429, retryAfter: '1' })
  await t.rejects(reviewToken(api, boundToken(), signal), { name: 'ZodError' })
  await t.rejects(reviewToken(api, boundToken(), signal), KubernetesError)
})

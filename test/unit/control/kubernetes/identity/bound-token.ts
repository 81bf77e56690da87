import type { Test } from 'tap'
import { KubernetesApi } from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'

export const reviews = 'POST /apis/authentication.k8s.io/v1/tokenreviews'

/** A token as the kubelet mounts it, not signed by anybody. */
export function boundToken(claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256' })}.${part({ aud: ['weft'], ...claims })}.c2lnbmF0dXJl`
}

/** The status of a TokenReview as kube-apiserver 1.34 fills it in. */
export function reviewed(changes: object = {}, extra: object = {}): object {
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    metadata: {},
    status: {
      authenticated: true,
      audiences: ['weft'],
      user: {
        username: 'system:serviceaccount:shop:orders',
        uid: 'b2c8',
        groups: ['system:serviceaccounts', 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': ['JTI=7a1f'],
          'authentication.kubernetes.io/pod-name': ['orders-0'],
          'authentication.kubernetes.io/pod-uid': ['uid-orders-0'],
          ...extra,
        },
      },
      ...changes,
    },
  }
}

/** A fake API server, and a client of it. */
export async function startApi(t: Test): Promise<{ server: FakeApiServer; api: KubernetesApi }> {
  const server = await FakeApiServer.start(t)
  const tokenFile = `${t.testdir({ token: server.token })}/token`
  const api = new KubernetesApi({ server: server.url, tokenFile, caFile: '' })
  t.teardown(() => api.close())
  return { server, api }
}

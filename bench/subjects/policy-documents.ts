/** What an operator adds to the mesh of two sidecars: ten routes, who may call, and how often. */
export const fewPolicies = `---
${routes(10)}
---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: backend }
spec:
  targetRef: { kind: Service, name: backend }
  rules:
    - from: [{ serviceAccounts: [others] }]
    - from: [{ serviceAccounts: [client] }]
      to: [{ methods: [GET, POST], paths: ["/*"] }]
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: backend }
spec:
  targetRef: { name: backend }
  rateLimits: [{ requests: 10000000, per: 1s, key: caller }]
`

/** As many routes as a large shop has paths. */
export const manyRoutes = `---
${routes(5000)}
`

/** Of Gateway API's most rules a route, the last of which is for all that the others leave. */
function routes(count: number): string {
  const rulesARoute = 16
  const documents: string[] = []
  for (let first = 0; first < count; first += rulesARoute) {
    const rules = Array.from({ length: Math.min(rulesARoute, count - first) }, (_, index) => {
      const path = first + index === 0 ? '/' : `/shop/${first + index}/items`
      return `    - { matches: [{ path: { value: ${path} } }], backendRefs: [{ name: backend, port: 80 }] }`
    })
    documents.push(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: backend-${first} }
spec:
  parentRefs: [{ kind: Service, name: backend }]
  rules:
${rules.join('\n')}`)
  }
  return documents.join('\n---\n')
}

// Nothing but the roles says what the control plane may do: what it asks for is held against them.
import { join } from 'node:path'
import t from 'tap'
import { accessManifests } from '../../../../../src/cli/kubernetes/manifests/access.ts'
import { silentLogger } from '../../../../../src/base/log.ts'
import { startControlPlane } from '../../../../../src/control/app.ts'
import {
  parseResourcePath,
  verbOf,
} from '../../../../../src/control/kubernetes/api/resource-path.ts'
import { FakeApiServer, type ApiRequest } from '../../../../support/kubernetes/fake-api-server.ts'
import { eventually } from '../../../../support/mesh.ts'

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

const rulesOf = (kind: string): readonly Rule[] =>
  accessManifests('1.2.3').flatMap(({ object }) =>
    object.kind === kind ? (object['rules'] as Rule[]) : [],
  )

/** As Kubernetes' RBAC decides; a list of one name by its field selector is one of that name. */
function isAllowed({ method, path, query }: ApiRequest): boolean {
  const asked = parseResourcePath(path)
  if (asked === undefined) return false
  const whole = `${path}?${query.toString()}`
  const [, selected] = /^metadata\.name=(.*)$/.exec(query.get('fieldSelector') ?? '') ?? []
  const name = asked.name ?? selected
  const rules = [
    ...rulesOf('ClusterRole'),
    ...(asked.namespace === 'weft-system' ? rulesOf('Role') : []),
  ]
  return rules.some(
    rule =>
      rule.apiGroups.includes(asked.group) &&
      rule.resources.includes(asked.resource) &&
      rule.verbs.includes(verbOf(method, whole)) &&
      (rule.resourceNames === undefined || rule.resourceNames.includes(name ?? '')),
  )
}

const loopback = { host: '127.0.0.1', port: 0 }

t.test('the control plane may do all that it asks for', async t => {
  const server = await FakeApiServer.start(t)
  const folder = t.testdir({ token: server.token })
  const webhooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
  server.put('/api/v1/namespaces', { metadata: { name: 'shop' } })
  server.put(webhooks, { metadata: { name: 'weft-injector' }, webhooks: [] })
  const metadata = { namespace: 'shop', name: 'orders' }
  server.put('/apis/weft.dev/v1alpha1/trafficpolicies', {
    metadata,
    spec: { targetRef: { name: 'orders' } },
  })
  server.put('/apis/gateway.networking.k8s.io/v1/httproutes', {
    metadata,
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'orders' }], rules: [{}] },
  })
  const control = await startControlPlane(
    {
      stateDirectory: join(folder, 'state'),
      trustDomain: 'weft.local',
      push: loopback,
      admin: loopback,
      leaseMs: 30_000,
      kubernetes: {
        namespace: 'weft-system',
        replica: 'one',
        server: server.url,
        tokenFile: join(folder, 'token'),
        caFile: '',
        webhook: loopback,
      },
    },
    { logger: silentLogger },
  )
  t.teardown(() => control.close())
  const seen = (wanted: RegExp) => () =>
    server.requests.some(({ method, path }) => wanted.test(`${method} ${path}`))
  for (const wanted of [
    /PATCH .*trafficpolicies\/orders\/status/,
    /PATCH .*httproutes\/orders\/status/,
    /POST .*shop\/configmaps/,
    /POST .*secrets/,
    /POST .*leases/,
  ])
    await eventually(seen(wanted), Boolean)
  const denied = server.requests.filter(request => !isAllowed(request))
  t.same(
    denied.map(({ method, path }) => `${method} ${path}`),
    [],
  )
  t.ok(server.requests.length > 20)
})

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { compileMesh, snapshotFor } from '../../src/control/compilation/snapshot-builder.ts'
import { parseConfiguration } from '../../src/model/configuration.ts'
import { formatProblem } from '../../src/model/problem.ts'
import type { Registration } from '../../src/model/registration.ts'
import { checkSnapshot } from '../../src/model/snapshot-check/snapshot-check.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'

const names = ['orders', 'users', 'payments']
const namespaces = ['default', 'team']
const name = fc.constantFrom(...names)
const namespace = fc.constantFrom(...namespaces)
const label = fc.constantFrom('a', 'b')

/** Undefined, which JSON leaves out, or a value. */
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const duration = fc.constantFrom('1ms', '10s', '1h30m', '596h')

/** Every Service has the ports 80 and 81, so that references hold. */
const services = fc.tuple(
  ...namespaces.flatMap(space =>
    names.map(service =>
      fc.record({
        apiVersion: fc.constant('v1'),
        kind: fc.constant('Service'),
        metadata: fc.constant({ name: service, namespace: space }),
        spec: fc.record({
          selector: maybe(fc.record({ app: label })),
          ports: fc
            .tuple(maybe(fc.constantFrom(8080, 'http')), fc.boolean())
            .map(([targetPort, dns]) => [
              { port: 80, targetPort },
              { name: 'http', port: 81 },
              ...(dns ? [{ port: 81, protocol: 'UDP' }] : []),
            ]),
        }),
      }),
    ),
  ),
)

const match = fc.record({
  path: maybe(
    fc.constantFrom(
      { value: '/' },
      { value: '/a/' },
      { type: 'Exact', value: '/a' },
      { type: 'RegularExpression', value: '/[a-z]+' },
    ),
  ),
  method: maybe(fc.constantFrom('GET', 'POST')),
  headers: maybe(fc.constantFrom([{ name: 'X-A', value: '1' }])),
  queryParams: maybe(fc.constantFrom([{ name: 'q', type: 'RegularExpression', value: '1|2' }])),
})

const modifier = fc.record({ set: maybe(fc.constantFrom([{ name: 'X-A', value: '1' }])) })
const filter = fc.oneof(
  fc.record({ type: fc.constant('RequestHeaderModifier'), requestHeaderModifier: modifier }),
  fc.record({ type: fc.constant('ResponseHeaderModifier'), responseHeaderModifier: modifier }),
  fc.record({
    type: fc.constant('RequestMirror'),
    requestMirror: fc.record({
      backendRef: fc.record({ name, namespace: maybe(namespace), port: fc.constantFrom(80, 81) }),
      percent: maybe(fc.nat(100)),
    }),
  }),
  fc.record({
    type: fc.constant('URLRewrite'),
    urlRewrite: fc.record({
      hostname: maybe(fc.constant('a.example')),
      path: maybe(fc.constant({ type: 'ReplaceFullPath', replaceFullPath: '/b' })),
    }),
  }),
  fc.record({ type: fc.constant('CORS'), cors: fc.record({ maxAge: maybe(fc.constant(9)) }) }),
)
const filters = fc.uniqueArray(filter, { selector: ({ type }) => type, maxLength: 4 })

const rule = fc.record({
  matches: maybe(fc.array(match, { maxLength: 3 })),
  filters: maybe(filters),
  sessionPersistence: maybe(
    fc.record({ type: maybe(fc.constantFrom('Cookie', 'Header')), idleTimeout: maybe(duration) }),
  ),
  backendRefs: maybe(
    fc.array(
      fc.record({
        name,
        namespace: maybe(namespace),
        port: fc.constantFrom(80, 81),
        weight: maybe(fc.nat(100)),
      }),
      { maxLength: 3 },
    ),
  ),
  timeouts: maybe(fc.record({ request: fc.constantFrom('0s', '1s', '20h') })),
  retry: maybe(fc.record({ attempts: fc.nat(10), backoff: duration })),
})

const routes = fc.uniqueArray(
  fc.record({
    apiVersion: fc.constant('gateway.networking.k8s.io/v1'),
    kind: fc.constant('HTTPRoute'),
    metadata: fc.record({ name: fc.constantFrom('x', 'y', 'z'), namespace }),
    spec: fc.record({
      parentRefs: fc.array(
        fc.record({
          kind: fc.constant('Service'),
          name,
          namespace: maybe(namespace),
          port: maybe(fc.constantFrom(80, 81)),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
    }),
  }),
  { selector: ({ metadata }) => `${metadata.name}.${metadata.namespace}`, maxLength: 5 },
)

const ratio = fc.double({ min: 0, max: 1, noNaN: true })
const policies = fc.uniqueArray(
  fc.record({
    apiVersion: fc.constant('weft.dev/v1alpha1'),
    kind: fc.constant('TrafficPolicy'),
    metadata: fc.record({ name, namespace }),
    spec: fc.record({
      targetRef: fc.record({ name }),
      loadBalancing: maybe(fc.constantFrom('peak-ewma', 'least-request', 'round-robin')),
      connectTimeout: maybe(duration),
      circuitBreaker: maybe(fc.record({ window: maybe(duration), failureRatio: ratio })),
      outlierDetection: maybe(fc.record({ enabled: fc.boolean(), maxEjectedRatio: ratio })),
      retryBudget: maybe(fc.record({ ratio: maybe(ratio) })),
      retry: maybe(fc.record({ perTryTimeout: fc.constantFrom('0s', '1s') })),
      concurrency: maybe(fc.record({ maxPending: fc.integer({ min: 1 }) })),
      healthCheck: maybe(fc.record({ interval: maybe(duration) })),
    }),
  }),
  {
    selector: ({ metadata, spec }) => `${spec.targetRef.name}.${metadata.namespace}`,
    maxLength: 3,
  },
)

const workloads = fc.uniqueArray(
  fc.record({
    apiVersion: fc.constant('weft.dev/v1alpha1'),
    kind: fc.constant('Workload'),
    metadata: fc.record({
      name: fc.constantFrom('w1', 'w2', 'w3'),
      namespace,
      labels: fc.record({ app: label }),
    }),
    spec: fc.record({
      ports: fc.constantFrom([], [{ name: 'http', port: 8080 }]),
      weight: maybe(fc.nat(1000)),
      sidecar: maybe(fc.record({ enabled: fc.boolean() })),
    }),
  }),
  { selector: ({ metadata }) => `${metadata.name}.${metadata.namespace}`, maxLength: 4 },
)

const slices = fc.uniqueArray(
  fc.record({
    apiVersion: fc.constant('discovery.k8s.io/v1'),
    kind: fc.constant('EndpointSlice'),
    metadata: fc.record({
      name: fc.constantFrom('s1', 's2', 's3'),
      namespace,
      labels: fc.record({ 'kubernetes.io/service-name': name }),
    }),
    addressType: fc.constant('IPv4'),
    endpoints: fc.array(
      fc.record({
        addresses: fc.array(fc.constantFrom('10.0.0.1', '10.0.0.2'), { minLength: 1 }),
        conditions: maybe(fc.record({ ready: fc.boolean() })),
        zone: maybe(label),
      }),
      { maxLength: 3 },
    ),
    ports: fc.constantFrom([{ port: 8080 }], [{ name: 'http', port: 8080 }], []),
  }),
  { selector: ({ metadata }) => `${metadata.name}.${metadata.namespace}`, maxLength: 3 },
)

/** Each an address of its own for a workload, and a name for a policy. */
const documents = fc
  .tuple(services, routes, policies, workloads, slices)
  .map(([serviceList, routeList, policyList, workloadList, sliceList]) =>
    [
      ...serviceList,
      ...routeList,
      ...policyList.map((policy, index) => ({
        ...policy,
        metadata: { ...policy.metadata, name: `policy-${index}` },
      })),
      ...workloadList.map((workload, index) => ({
        ...workload,
        spec: { ...workload.spec, address: `127.0.0.${index + 1}` },
      })),
      ...sliceList,
    ].map(document => JSON.stringify(document)),
  )

const registrations = fc.uniqueArray(
  fc.record({
    namespace,
    name: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
    serviceAccount: fc.constant('any'),
    labels: fc.record({ app: label }),
    address: fc.constantFrom('10.0.0.1', '127.0.0.1', '127.0.0.2'),
    ports: fc.constantFrom([80], [8080], [80, 81, 8080], []),
    meshPort: fc.integer({ min: 15_000, max: 15_005 }),
    identity: fc.constant('spiffe://weft.local/ns/default/sa/any'),
    ready: fc.boolean(),
  }),
  { selector: registration => `${registration.name}.${registration.namespace}`, maxLength: 5 },
)

const subscribed = fc.oneof(
  fc.constant('*' as const),
  fc.subarray(names.flatMap(service => namespaces.map(space => `${service}.${space}`))),
)

/** Some documents a file. */
function compile(texts: readonly string[], registered: readonly Registration[]) {
  const half = Math.ceil(texts.length / 2)
  const files = [texts.slice(0, half), texts.slice(half)]
  const { configuration, problems } = parseConfiguration(
    files.map((list, index) => ({ name: `${index}.yaml`, text: list.join('\n---\n') })),
  )
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  return compileMesh(configuration, registered)
}

t.test('whatever configuration is valid, a sidecar can take its snapshot', async t => {
  let routed = 0
  let endpoints = 0
  fc.assert(
    fc.property(
      documents,
      registrations,
      namespace,
      subscribed,
      (texts, registered, target, wanted) => {
        const snapshot = snapshotFor(compile(texts, registered), { namespace: target }, wanted)
        const travelled = JSON.parse(JSON.stringify(snapshot)) as Snapshot
        if (!isDeepStrictEqual(travelled, snapshot)) throw new Error('it is more than JSON')
        const check = checkSnapshot(travelled)
        if ('problems' in check) throw new Error(JSON.stringify(check.problems))
        for (const { routes: list } of Object.values(snapshot.services))
          routed += list.filter(route => route.name !== 'default').length
        for (const list of Object.values(snapshot.endpoints)) {
          endpoints += list.length
          if (new Set(list.map(({ id }) => id)).size < list.length) return false
        }
        return true
      },
    ),
    { numRuns: 80 },
  )
  t.ok(routed > 50, `${routed} routes were seen`)
  t.ok(endpoints > 50, `${endpoints} endpoints were seen`)
})

t.test('the order of documents and files changes no version', async t => {
  const versions = new Set<string>()
  fc.assert(
    fc.property(
      documents.chain(texts =>
        fc.tuple(fc.constant(texts), fc.shuffledSubarray(texts, { minLength: texts.length })),
      ),
      registrations,
      namespace,
      ([texts, shuffled], registered, target) => {
        const version = (list: readonly string[]) =>
          snapshotFor(compile(list, registered), { namespace: target }, '*').version
        const expected = version(texts)
        versions.add(expected)
        return version(shuffled) === expected
      },
    ),
    { numRuns: 80 },
  )
  t.ok(versions.size > 50, `${versions.size} versions were seen`)
})

import t from 'tap'
import type { Route } from '../../../../src/model/route.ts'
import { checkSnapshot } from '../../../../src/model/snapshot-check/snapshot-check.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'

const name = 'orders.default:80'
const route: Route = {
  name: 'default/orders/0',
  matches: [
    {
      path: { kind: 'prefix', value: '/' },
      headers: [{ name: 'x-user', kind: 'exact', value: 'a' }],
      query: [{ name: 'q', kind: 'regex', value: 'a|b' }],
    },
  ],
  backends: [{ cluster: name, weight: 1 }],
  retry: { attempts: 2, statuses: [503], backoffMs: 25 },
}
const snapshot: Snapshot = {
  version: '1',
  services: { [name]: { name, hosts: ['orders'], port: 80, routes: [route] } },
  clusters: { [name]: clusterPolicy({ name }) },
  endpoints: {
    [name]: [
      endpointAt(8080),
      endpointAt(8081, {
        mesh: { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/orders' },
      }),
    ],
  },
  inbound: { mtls: 'strict' },
  outbound: { trafficPolicy: 'allowAny' },
}

/** A copy with one value changed, at `services|orders.default:80|port`; undefined takes it away. */
function changed(place: string, value: unknown): unknown {
  const copy = structuredClone(snapshot) as unknown as Record<string, unknown>
  const path = place.split('|')
  const last = path.pop() ?? ''
  let at = copy
  for (const key of path) at = at[key] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

function problems(candidate: unknown): string[] {
  const check = checkSnapshot(candidate)
  return 'problems' in check ? check.problems.map(({ path, message }) => `${path} ${message}`) : []
}

t.test('a good snapshot is handed back as it is', async t => {
  const check = checkSnapshot(snapshot)
  t.equal('snapshot' in check && check.snapshot, snapshot)
})

t.test('a snapshot may be empty', async t => {
  t.same(problems({ ...snapshot, services: {}, clusters: {}, endpoints: {} }), [])
})

t.test('a route needs no conditions, and a match only those that it has', async t => {
  t.same(problems(changed(`services|${name}|routes|0|matches`, [])), [])
  t.same(problems(changed(`services|${name}|routes|0|matches`, [{ method: 'GET' }])), [])
})

t.test('each fault is found, and named with its place', async t => {
  const cluster = `clusters|${name}`
  const endpoint = `endpoints|${name}|1`
  const first = `services|${name}|routes|0`
  const faults: [place: string, value: unknown, problem: string][] = [
    ['version', 1, 'version is missing'],
    ['services', [], 'services is missing'],
    ['clusters', null, 'clusters is missing'],
    ['inbound', {}, 'inbound.mtls must be strict or permissive'],
    ['inbound', undefined, 'inbound.mtls must be strict or permissive'],
    ['inbound|maxConnectionAgeMs', 0, 'inbound.maxConnectionAgeMs must be at least 1'],
    [cluster, 3, `clusters.${name} is no object`],
    [`${cluster}|name`, 'x', `clusters.${name}.name differs from its key`],
    [`${cluster}|loadBalancing`, 'magic', `clusters.${name}.loadBalancing unknown: "magic"`],
    [`${cluster}|loadBalancing`, 'maglev', `clusters.${name}.hashOn is missing`],
    [`${cluster}|choices`, 1, `clusters.${name}.choices must be a whole number from 2 to 10`],
    [
      `${cluster}|tableSize`,
      7,
      `clusters.${name}.tableSize must be a whole number from 1021 to 1048573`,
    ],
    [`${cluster}|hashOn`, [], `clusters.${name}.hashOn is no list of sources`],
    [
      `${cluster}|hashOn`,
      [{ kind: 'header' }],
      `clusters.${name}.hashOn[0] needs a kind that is known, and a name`,
    ],
    [
      `${cluster}|hashOn`,
      [{ kind: 'cookie', name: 'a', ttlMs: '1h' }],
      `clusters.${name}.hashOn[0].ttlMs is no number`,
    ],
    [
      `${cluster}|slowStart`,
      { windowMs: 0 },
      `clusters.${name}.slowStart needs windowMs, minRatio and aggression`,
    ],
    [
      `${cluster}|locality`,
      { mode: 'off', zone: 'a', overprovisioning: 1, minEndpoints: 1 },
      `clusters.${name}.locality.mode unknown: "off"`,
    ],
    [
      `${cluster}|locality`,
      { mode: 'zone-first', overprovisioning: 1, minEndpoints: 1 },
      `clusters.${name}.locality.zone is missing`,
    ],
    [
      `${cluster}|locality`,
      { mode: 'zone-first', zone: 'a' },
      `clusters.${name}.locality needs overprovisioning and minEndpoints`,
    ],
    [
      `${cluster}|subset`,
      { header: 'a', fallback: 'any' },
      `clusters.${name}.subset needs header and label`,
    ],
    [
      `${cluster}|subset`,
      { header: 'a', label: 'b' },
      `clusters.${name}.subset.fallback must be any or none`,
    ],
    [
      `${cluster}|outlierDetection|consecutiveLocalFailures`,
      0,
      `clusters.${name}.outlierDetection.consecutiveLocalFailures must be positive`,
    ],
    [
      `${cluster}|outlierDetection|successRate`,
      { minHosts: 1, minRequests: 1 },
      `clusters.${name}.outlierDetection.successRate needs stdevFactor, minHosts and minRequests`,
    ],
    [
      `${cluster}|outlierDetection|failurePercentage`,
      { minHosts: 0, minRequests: 1, threshold: 1 },
      `clusters.${name}.outlierDetection.failurePercentage needs threshold, minHosts and minRequests`,
    ],
    [
      `${cluster}|circuitBreaker|halfOpenRequests`,
      0,
      `clusters.${name}.circuitBreaker.halfOpenRequests must be a whole number from 1 to 100`,
    ],
    [`${endpoint}|labels`, 'v1', `endpoints.${name}[1].labels is no object`],
    [`${cluster}|connectTimeoutMs`, 0, `clusters.${name}.connectTimeoutMs must be positive`],
    [`${cluster}|connectTimeoutMs`, '9', `clusters.${name}.connectTimeoutMs must be positive`],
    [
      `${cluster}|circuitBreaker|windowMs`,
      null,
      `clusters.${name}.circuitBreaker.windowMs is no number from 0`,
    ],
    [`${cluster}|retryBudget|ratio`, -1, `clusters.${name}.retryBudget.ratio is no number from 0`],
    [
      `${cluster}|concurrency|maxPending`,
      undefined,
      `clusters.${name}.concurrency.maxPending is no number from 0`,
    ],
    [`endpoints|${name}`, undefined, `endpoints.${name} is missing`],
    [`${endpoint}|id`, undefined, `endpoints.${name}[1] needs id and address`],
    [`${endpoint}|address`, 1, `endpoints.${name}[1] needs id and address`],
    [`${endpoint}|port`, 0, `endpoints.${name}[1].port is no port`],
    [`${endpoint}|port`, 65_536, `endpoints.${name}[1].port is no port`],
    [`${endpoint}|port`, 80.5, `endpoints.${name}[1].port is no port`],
    [`${endpoint}|weight`, -1, `endpoints.${name}[1].weight must not be negative`],
    [`${endpoint}|mesh|port`, 0, `endpoints.${name}[1].mesh.port is no port`],
    [`${endpoint}|mesh|identity`, 'orders', `endpoints.${name}[1].mesh.identity is no SPIFFE ID`],
    [`services|${name}|hosts`, ['a', 1], `services.${name}.hosts is no list of names`],
    [`services|${name}|port`, 0, `services.${name}.port is no port`],
    [`services|${name}|routes`, {}, `services.${name}.routes is no list`],
    [`${first}|matches`, undefined, `services.${name}.routes[0].matches is no list`],
    [`${first}|matches|0`, null, `services.${name}.routes[0].matches[0] is no object`],
    [
      `${first}|matches|0|path|kind`,
      'glob',
      `services.${name}.routes[0].matches[0].path.kind must be one of exact, prefix, regex`,
    ],
    [
      `${first}|matches|0|headers|0|kind`,
      'prefix',
      `services.${name}.routes[0].matches[0].headers[0].kind must be one of exact, regex`,
    ],
    [
      `${first}|matches|0|headers|0|name`,
      1,
      `services.${name}.routes[0].matches[0].headers[0].name is missing`,
    ],
    [
      `${first}|matches|0|query|0|value`,
      undefined,
      `services.${name}.routes[0].matches[0].query[0].value is missing`,
    ],
    [
      `${first}|matches|0|query|0|value`,
      '(',
      `services.${name}.routes[0].matches[0].query[0].value Invalid regular expression: /(/: Unterminated group`,
    ],
    [`${first}|matches|0|query`, {}, `services.${name}.routes[0].matches[0].query is no list`],
    [`${first}|backends`, null, `services.${name}.routes[0].backends is no list`],
    [
      `${first}|backends|0|cluster`,
      'x',
      `services.${name}.routes[0].backends[0] there is no cluster "x"`,
    ],
    [
      `${first}|backends|0|cluster`,
      'toString',
      `services.${name}.routes[0].backends[0] there is no cluster "toString"`,
    ],
    [
      `${first}|backends|0|weight`,
      'x',
      `services.${name}.routes[0].backends[0].weight must not be negative`,
    ],
    [`${first}|invalidWeight`, -1, `services.${name}.routes[0].invalidWeight must not be negative`],
    [
      `${first}|retry`,
      undefined,
      `services.${name}.routes[0].retry needs attempts, backoffMs and statuses`,
    ],
  ]
  for (const [place, value, problem] of faults)
    t.equal(problems(changed(place, value))[0], problem, place)
})

t.test('a Maglev table must have a prime number of slots, or it could not be filled', async t => {
  const cluster = (tableSize: number) => ({
    ...snapshot.clusters[name],
    loadBalancing: 'maglev',
    hashOn: [{ kind: 'source', name: '' }],
    tableSize,
  })
  t.same(problems(changed(`clusters|${name}`, cluster(65_537))), [])
  t.same(problems(changed(`clusters|${name}`, cluster(65_536))), [
    `clusters.${name}.tableSize is no prime`,
  ])
})

t.test('of a policy for retries every part is needed', async t => {
  for (const part of ['attempts', 'backoffMs', 'statuses'])
    t.match(problems(changed(`services|${name}|routes|0|retry|${part}`, undefined)), [
      /retry needs attempts, backoffMs and statuses$/,
    ])
})

t.test('a fault brings no others with it', async t => {
  t.equal(problems(changed(`endpoints|${name}|1|port`, 0)).length, 1)
  t.equal(problems(changed(`services|${name}|routes|0|retry`, 1)).length, 1)
})

t.test('all faults are named at once', async t => {
  const bad = { ...snapshot, version: 1, inbound: {}, endpoints: { other: [{}] } }
  t.same(problems(bad), [
    'version is missing',
    `endpoints.${name} is missing`,
    'endpoints.other[0] needs id and address',
    'endpoints.other[0].port is no port',
    'endpoints.other[0].weight must not be negative',
    'inbound.mtls must be strict or permissive',
  ])
})

t.test('what is no object at all is refused', async t => {
  for (const candidate of [undefined, null, 3, 'x', []])
    t.same(problems(candidate), [' is no object'])
})

import fc from 'fast-check'
import t from 'tap'
import { checkSnapshot } from '../../src/model/snapshot-check/snapshot-check.ts'
import type { Inbound } from '../../src/model/inbound.ts'
import { Authorizer } from '../../src/proxy/authorization/authorizer.ts'
import { PolicyCounters } from '../../src/proxy/authorization/policy-counters.ts'
import { ActiveLimit } from '../../src/proxy/authorization/rate-limiter.ts'
import { RequestView } from '../../src/proxy/authorization/request-view.ts'
import { locationsOf } from '../../src/proxy/authentication/token-location.ts'

const inbound: Inbound = {
  mtls: 'strict',
  authorization: [
    {
      name: 'a/b',
      action: 'deny',
      dryRun: true,
      ports: [80],
      rules: [
        {
          from: [{ principals: ['*'], notNamespaces: ['a'], serviceAccounts: ['a/b'] }],
          to: [{ methods: ['GET'], notPaths: ['/a*'], ports: [80], notPorts: [1] }],
          when: [
            { header: 'x', values: ['a'] },
            { claim: ['a', 'b'], notValues: ['c'] },
          ],
        },
      ],
    },
  ],
  authentication: {
    ports: [80],
    rules: [
      {
        policy: 'a/b',
        ports: [80],
        issuer: 'a',
        audiences: ['b'],
        jwksUri: 'https://a/keys',
        fromHeaders: [{ name: 'x', prefix: 'JWT ' }],
        fromParams: ['t'],
        forward: false,
        outputClaimToHeaders: [{ header: 'y', claim: ['a'] }],
      },
    ],
  },
  rateLimits: [
    {
      name: 'a/b/0',
      ports: [80],
      quota: { requests: 1, perMs: 1000, burst: 1 },
      key: { kind: 'header', name: 'x' },
      match: { methods: ['GET'], paths: ['/a'], headers: [{ name: 'x', values: ['a'] }] },
      overrides: [{ caller: '*', quota: { requests: 1, perMs: 1000, burst: 1 } }],
    },
  ],
  tcpPorts: [5432],
  pathNormalization: 'base',
}

const snapshotWith = (changed: unknown) => ({
  version: '1',
  services: {},
  clusters: {},
  endpoints: {},
  inbound: changed,
  outbound: { trafficPolicy: 'allowAny' },
})

/** Paths of all values in it. */
function paths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Object.entries(value).flatMap(([key, field]) => paths(field, [...path, key]))
  return path.length === 0 ? below : [path, ...below]
}

function fieldOf(value: unknown, key: string): unknown {
  return Object(value)[key]
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...Object(value) }) as Record<string, unknown>
  copy[key] = replaced(copy[key], rest, by)
  return copy
}

/** Whatever a request could meet. */
function work({ authorization = [], authentication, rateLimits = [] }: Inbound): void {
  const view = new RequestView()
  view.method = 'GET'
  view.path = '/a'
  view.headers.append('x', 'a')
  const authorizer = new Authorizer(authorization, new PolicyCounters())
  for (const peer of [undefined, 'spiffe://a/ns/b/sa/c'])
    for (const isTcp of [false, true]) authorizer.decide(view, peer, isTcp)
  if (authentication !== undefined) locationsOf(authentication.rules)
  for (const limit of rateLimits) {
    const active = new ActiveLimit(limit, 1)
    active.concerns(view)
    active.cellOf(active.keyOf(view.headers, 'spiffe://a/ns/b/sa/c'), 0)
  }
}

t.test('what the check takes, a sidecar can work by', async t => {
  t.ok('snapshot' in checkSnapshot(snapshotWith(inbound)))
  let refused = 0
  let taken = 0
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(null, {}, [], [null], { toString: 1 }, '(', -1, 1e9, '*', ['a']),
  )
  fc.assert(
    fc.property(fc.constantFrom(...paths(inbound)), strange, (path, value) => {
      const changed = replaced(inbound, path, value)
      const check = checkSnapshot(snapshotWith(changed))
      if ('problems' in check) return void refused++
      taken++
      work(check.snapshot.inbound)
    }),
    { numRuns: 3000 },
  )
  t.ok(refused > 500 && taken > 100, `${refused} were refused, ${taken} taken`)
})

t.test('no list of a policy is empty, which would leave open what it shuts', async t => {
  const lists = paths(inbound).filter(([part, index, field]) => {
    const isPolicy = part === 'authorization' && index !== undefined && field !== undefined
    return isPolicy || (part === 'authentication' && index === 'ports')
  })
  let refused = 0
  for (const path of lists) {
    const isRules = path.length === 3 && path[2] === 'rules'
    if (isRules || !Array.isArray(path.reduce(fieldOf, inbound))) continue
    t.ok('problems' in checkSnapshot(snapshotWith(replaced(inbound, path, []))), path.join('.'))
    refused++
  }
  t.ok(refused > 10)
})

t.test('a field of a rule that a sidecar does not know is never passed over', async t => {
  for (const path of [
    ['authorization', '0', 'rules', '0', 'until'],
    ['authorization', '0', 'rules', '0', 'from', '0', 'ipBlocks'],
    ['authorization', '0', 'rules', '0', 'to', '0', 'hosts'],
    ['authorization', '0', 'rules', '0', 'when', '0', 'query'],
    ['rateLimits', '0', 'match', 'hosts'],
    ['authorization', '0', 'selector'],
    ['authentication', 'required'],
    ['authentication', 'rules', '0', 'requiredClaims'],
    ['rateLimits', '0', 'unless'],
  ])
    t.match(checkSnapshot(snapshotWith(replaced(inbound, path, ['a']))), {
      problems: [{ message: 'is not known to this sidecar' }],
    })
})

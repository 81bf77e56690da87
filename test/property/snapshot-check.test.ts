import fc from 'fast-check'
import t from 'tap'
import { checkSnapshot } from '../../src/model/snapshot-check/snapshot-check.ts'
import { clusterPolicy, endpointAt } from '../support/policies.ts'

const name = 'orders.default:80'
const identity = 'spiffe://weft.local/ns/default/sa/orders'
const snapshot = {
  version: '1',
  services: {
    [name]: {
      name,
      hosts: ['orders'],
      port: 80,
      routes: [
        {
          name: 'default',
          matches: [
            {
              path: { kind: 'regex', value: 'a' },
              headers: [{ name: 'x', kind: 'exact', value: 'a' }],
              query: [{ name: 'q', kind: 'regex', value: 'b' }],
            },
          ],
          backends: [{ cluster: name, weight: 1, filters: [{ kind: 'rewrite', hostname: 'a' }] }],
          retry: { attempts: 2, statuses: [503], backoffMs: 25, leastBackoffMs: 25 },
          filters: [
            { kind: 'request-headers', set: [{ name: 'a', value: 'b' }], add: [], remove: ['c'] },
            { kind: 'redirect', status: 302, path: { kind: 'prefix', prefix: '/a', value: '/b' } },
            { kind: 'mirror', cluster: name, ratio: 0.5 },
          ],
          session: { type: 'cookie', name: 's', path: '/', key: 'k', idleTimeoutMs: 1000 },
        },
      ],
    },
  },
  clusters: { [name]: clusterPolicy({ name }) },
  endpoints: { [name]: [endpointAt(8080, { mesh: { port: 15_008, identity } })] },
  inbound: { mtls: 'strict' },
  outbound: { trafficPolicy: 'allowAny' },
}

/** Paths of all values in it. */
function paths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const below = Object.entries(value).flatMap(([key, field]) => paths(field, [...path, key]))
  return path.length === 0 ? below : [path, ...below]
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by
  const copy = (Array.isArray(value) ? [...value] : { ...Object(value) }) as Record<string, unknown>
  copy[key] = replaced(copy[key], rest, by)
  return copy
}

t.test('no JSON makes the check throw', async t => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const check = checkSnapshot(value)
      return 'problems' in check && check.problems.length > 0
    }),
  )
  t.ok('snapshot' in checkSnapshot(snapshot))
})

t.test('whatever stands in the place of a value, the check says so or takes it', async t => {
  let refused = 0
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(null, {}, [], [null], { toString: 1 }, '(', -1, 1e9),
  )
  fc.assert(
    fc.property(fc.constantFrom(...paths(snapshot)), strange, (path, value) => {
      const check = checkSnapshot(replaced(snapshot, path, value))
      if ('problems' in check) refused++
    }),
    { numRuns: 2000 },
  )
  t.ok(refused > 500, `${refused} were refused`)
})

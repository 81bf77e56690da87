import t from 'tap'
import { checkFilters, checkSession } from '../../../../src/model/snapshot-check/route-check.ts'
import type { RouteFilter } from '../../../../src/model/route-filter.ts'

const good: readonly RouteFilter[] = [
  { kind: 'request-headers', remove: ['a'], set: [{ name: 'b', value: 'c' }], add: [] },
  { kind: 'response-headers', remove: [], set: [], add: [] },
  { kind: 'redirect', status: 302, scheme: 'https', port: 443, hostname: 'a' },
  { kind: 'rewrite', path: { kind: 'prefix', prefix: '/a', value: '' } },
  { kind: 'rewrite', hostname: 'a', path: { kind: 'full', value: '/a' } },
  { kind: 'mirror', cluster: 'shadow', ratio: 0.5 },
  {
    kind: 'cors',
    allowOrigins: ['*'],
    allowCredentials: true,
    allowMethods: [],
    allowHeaders: [],
    exposeHeaders: [],
    maxAgeSeconds: 5,
  },
]

function faultsOf(filters: unknown): string[] {
  const problems: string[] = []
  checkFilters(filters, 'f', {
    clusters: { shadow: {} },
    report: (path, message) => problems.push(`${path} ${message}`),
  })
  return problems
}

t.test('every kind of filter is taken, and none at all', async t => {
  t.same(faultsOf(good), [])
  t.same(faultsOf([]), [])
  t.same(faultsOf(undefined), [])
})

t.test('what the data path would stumble over is named with its place', async t => {
  const faults: [filter: object, problem: string][] = [
    [{ kind: 'teleport' }, 'f[0].kind unknown: "teleport"'],
    [{ kind: 'toString' }, 'f[0].kind unknown: "toString"'],
    [{ ...good[0], remove: 'a' }, 'f[0].remove is no list of names'],
    [{ ...good[0], set: [{ name: 'b' }] }, 'f[0].set is no list of names and values'],
    [{ ...good[1], add: undefined }, 'f[0].add is no list of names and values'],
    [{ ...good[2], status: 200 }, 'f[0].status is no status of a redirect'],
    [{ ...good[2], scheme: 'ftp' }, 'f[0].scheme must be http or https'],
    [{ ...good[2], port: 0 }, 'f[0].port is no port'],
    [{ ...good[2], hostname: 1 }, 'f[0].hostname is no name'],
    [{ kind: 'rewrite', path: { kind: 'prefix', value: '' } }, 'f[0].path.prefix is missing'],
    [{ kind: 'rewrite', path: { kind: 'full' } }, 'f[0].path.value is missing'],
    [{ kind: 'rewrite', path: { value: '/' } }, 'f[0].path.kind must be full or prefix'],
    [{ ...good[5], cluster: 'toString' }, 'f[0].cluster there is no cluster "toString"'],
    [{ ...good[5], ratio: '1' }, 'f[0].ratio must not be negative'],
    [{ ...good[6], allowOrigins: [1] }, 'f[0].allowOrigins is no list'],
    [{ ...good[6], maxAgeSeconds: -1 }, 'f[0].maxAgeSeconds must not be negative'],
  ]
  for (const [filter, problem] of faults) t.same(faultsOf([filter]), [problem])
  t.same(faultsOf({}), ['f is no list'])
  t.same(faultsOf([null]), ['f[0].kind unknown: undefined'])
})

t.test('a session needs a name, a path and a key', async t => {
  const session = { type: 'cookie', name: 's', path: '/', key: 'k', idleTimeoutMs: 1 }
  const problemsOf = (changes: object): string[] => {
    const problems: string[] = []
    checkSession({ ...session, ...changes }, 's', (path, message) =>
      problems.push(`${path} ${message}`),
    )
    return problems
  }
  t.same(problemsOf({}), [])
  t.same(problemsOf({ type: 'query' }), ['s.type must be cookie or header'])
  for (const field of ['name', 'path', 'key'])
    t.same(problemsOf({ [field]: '' }), [`s.${field} is missing`])
  t.same(problemsOf({ absoluteTimeoutMs: 0 }), ['s.absoluteTimeoutMs must be positive'])
  t.same(problemsOf({ idleTimeoutMs: '1' }), ['s.idleTimeoutMs must be positive'])
})

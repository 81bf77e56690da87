// What `weft validate` says of routes that are never reached, against what the sidecar's own router does.
import fc from 'fast-check'
import t from 'tap'
import { compileMesh, snapshotFor } from '../../src/control/compilation/snapshot-builder.ts'
import { HeaderList } from '../../src/http/headers.ts'
import { parseConfiguration } from '../../src/model/configuration.ts'
import { matchRoute, RouteTable } from '../../src/proxy/routing/router.ts'
import { requestHead } from '../support/requests.ts'

const value = fc.constantFrom(
  { type: 'Exact', value: '1' },
  { type: 'Exact', value: '2' },
  { type: 'RegularExpression', value: '.*' },
  { type: 'RegularExpression', value: '1|2' },
)
const conditions = fc.uniqueArray(
  fc
    .record({ name: fc.constantFrom('x', 'y') })
    .chain(({ name }) => value.map(v => ({ name, ...v }))),
  { maxLength: 2, selector: ({ name }) => name },
)
const match = fc.record(
  {
    path: fc.oneof(
      fc.record({ type: fc.constant('Exact'), value: fc.constantFrom('/a', '/a/b', '/') }),
      fc.record({
        type: fc.constant('PathPrefix'),
        value: fc.constantFrom('/a', '/a/', '/', '/a/b'),
      }),
      fc.record({
        type: fc.constant('RegularExpression'),
        value: fc.constantFrom('/.*', '/a.*', '.*'),
      }),
    ),
    method: fc.constantFrom('GET', 'POST'),
    headers: conditions,
    queryParams: conditions,
  },
  { requiredKeys: [] },
)
const rules = fc.array(match, { minLength: 1, maxLength: 8 })
const request = fc.record({
  path: fc.constantFrom('/', '/a', '/a/b', '/a/c', '/b'),
  query: fc.constantFrom('', '?x=1', '?y=2', '?x=1&y=2'),
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  headers: fc.constantFrom({}, { x: '1' }, { y: '2' }, { x: '2', y: '1' }),
})

const service = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { ports: [{ port: 80 }] }
---`

function routeYaml(name: string, matches: readonly object[]): string {
  const backendRefs = [{ name: 'orders', port: 80 }]
  const spec = {
    parentRefs: [{ kind: 'Service', name: 'orders' }],
    rules: matches.map(each => ({ matches: [each], backendRefs })),
  }
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec: ${JSON.stringify(spec)}
---`
}

const context = { now: () => 0, wallNow: () => 0, random: () => 0 }

t.test('no request ever reaches a rule that is told to be out of reach', async t => {
  let warned = 0
  fc.assert(
    fc.property(
      rules,
      rules,
      fc.array(request, { minLength: 20, maxLength: 40 }),
      (a, b, requests) => {
        const files = ['a', 'b'].map((name, index) => ({
          name,
          text: routeYaml(name, index === 0 ? a : b),
        }))
        const {
          configuration,
          problems,
          warnings = [],
        } = parseConfiguration([...files, { name: 'service', text: service }], { warns: true })
        if (problems.length > 0) throw new Error(JSON.stringify(problems))
        const unreachable = new Set(
          warnings.map(({ file, path }) => `default/${file}/${/rules\[(\d+)\]/.exec(path)?.[1]}`),
        )
        warned += unreachable.size
        const snapshot = snapshotFor(compileMesh(configuration, []), { namespace: 'default' }, '*')
        const found = new RouteTable(snapshot, new Map(), context).service('orders')
        if (found === undefined) throw new Error('there is no such service')
        return requests.every(({ path, query, method, headers }) => {
          const head = requestHead({ path: path + query, method, headers: HeaderList.of(headers) })
          return !unreachable.has(matchRoute(found, head)?.name ?? '')
        })
      },
    ),
    { numRuns: 100 },
  )
  t.ok(warned > 20, 'some are told of')
})

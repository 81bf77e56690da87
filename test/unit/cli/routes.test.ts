import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { formatRoutes, routes } from '../../../src/cli/routes.ts'
import type { RouteStatus } from '../../../src/control/routes/route-status.ts'

const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'holds' } as const
const lost = {
  type: 'ResolvedRefs',
  status: 'False',
  reason: 'BackendNotFound',
  message: 'there is no Service v3.default',
} as const

function statusOf(...conditions: (typeof accepted | typeof lost)[]): RouteStatus {
  return {
    services: [
      {
        service: 'orders.default:80',
        routes: [
          {
            route: 'default/shop/1',
            match: 'GET prefix /v2',
            filters: ['cors'],
            backends: [
              { cluster: 'v1.default:80', weight: 6, filters: [] },
              { cluster: 'v2.default:80', weight: 1, filters: ['mirror'] },
            ],
            invalidWeight: 1,
          },
        ],
      },
      {
        service: 'orders.default:80',
        callers: 'team',
        routes: [
          {
            route: 'team/ours/0',
            match: 'all',
            filters: [],
            backends: [{ cluster: 'v1.default:80', weight: 1, filters: [] }],
            invalidWeight: 0,
          },
        ],
      },
    ],
    objects: [
      {
        kind: 'HTTPRoute',
        namespace: 'default',
        name: 'shop',
        parents: [{ parent: 'orders.default:80', conditions }],
      },
    ],
  }
}

/** A control plane that knows its routes only. */
async function serve(t: Test, status: RouteStatus): Promise<URL> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/routes' ? 200 : 404
    response.end(JSON.stringify(status))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

t.test(
  'routes, shares of backends and conditions are tables; what does not hold is told',
  async t => {
    t.same(formatRoutes(statusOf(accepted, lost)).split('\n'), [
      'SERVICE            CALLERS  ROUTE           MATCH           FILTERS  BACKENDS',
      'orders.default:80  all      default/shop/1  GET prefix /v2  cors     v1.default:80 75%, v2.default:80 12.5% (mirror), none 12.5%',
      'orders.default:80  team     team/ours/0     all             -        v1.default:80',
      '',
      'KIND       ROUTE         PARENT             ACCEPTED  RESOLVEDREFS',
      'HTTPRoute  default/shop  orders.default:80  True      False',
      'HTTPRoute default/shop for orders.default:80: not ResolvedRefs, BackendNotFound: there is no Service v3.default',
    ])
  },
)

t.test('the exit code tells whether all routes hold', async t => {
  const out = t.capture(console, 'log', () => {})
  const exitCodeFor = async (status: RouteStatus, json = false): Promise<number> =>
    routes({ controlPlane: await serve(t, status), json })
  t.equal(await exitCodeFor(statusOf(accepted)), 0)
  t.equal(await exitCodeFor(statusOf(accepted, lost), true), 1)
  t.same(JSON.parse(String(out()[1]?.args[0])), statusOf(accepted, lost))
})

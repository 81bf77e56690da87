import t from 'tap'
import type { Route } from '../../../../src/model/route.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import { shownSnapshot } from '../../../../src/proxy/admin/shown-snapshot.ts'

const retry = { attempts: 0, statuses: [], backoffMs: 0 }
const plain: Route = { name: 'plain', matches: [], backends: [], retry }
const session = { type: 'cookie', name: 's', path: '/', key: 'secret' } as const
const name = 'orders.default:80'
const snapshot: Snapshot = {
  version: '1',
  services: {
    [name]: { name, hosts: ['orders'], port: 80, routes: [plain, { ...plain, session }] },
  },
  clusters: {},
  endpoints: {},
  inbound: { mtls: 'strict' },
  outbound: { trafficPolicy: 'allowAny' },
}

t.test('all is shown but the keys of sessions', async t => {
  t.same(
    JSON.parse(JSON.stringify(shownSnapshot(snapshot)).replace('not shown', 'secret')),
    snapshot,
  )
  t.notMatch(JSON.stringify(shownSnapshot(snapshot)), 'secret')
  t.equal(shownSnapshot(undefined), undefined)
})

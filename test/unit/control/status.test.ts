import t from 'tap'
import { sidecarStatuses } from '../../../src/control/status.ts'
import { Fleet } from '../../../src/control/sidecars/fleet.ts'
import { snapshotOf } from '../discovery/snapshots.ts'
import { registrationOf } from './sidecars/registrations.ts'
import { subscriberOf } from './sidecars/subscribers.ts'

const [one, two] = [snapshotOf({ orders: [1] }), snapshotOf({ orders: [2] })]

t.test('registered and connected sidecars are one list, by namespace and name', async t => {
  const fleet = new Fleet()
  fleet.join(subscriberOf('web'))
  fleet.join(subscriberOf('both'))
  const registrations = [
    registrationOf('offline', { ready: false }),
    registrationOf('both'),
    registrationOf('zoo', { namespace: 'a' }),
  ]
  t.match(sidecarStatuses(registrations, fleet), [
    { namespace: 'a', name: 'zoo', connected: false, ready: true },
    { namespace: 'default', name: 'both', connected: true, ready: true, address: '127.0.0.1' },
    { namespace: 'default', name: 'offline', connected: false, ready: false },
    { namespace: 'default', name: 'web', connected: true, ready: false },
  ])
  const [, , offline, web] = sidecarStatuses(registrations, fleet)
  t.notOk(offline && 'synced' in offline)
  t.notOk(web && 'address' in web)
  t.match(web, { connectedAt: '1970-01-01T00:00:00.000Z', build: 'test', services: '*' })
})

t.test('each says what it runs on, what it was sent, and what it refused', async t => {
  const fleet = new Fleet()
  const web = subscriberOf('web', { version: one.version })
  fleet.join(web)
  const status = () => sidecarStatuses([], fleet)[0]
  t.match(status(), { ackedVersion: one.version, synced: false }, 'nothing was offered yet')
  web.subscription.offer(one)
  t.match(status(), { synced: true })
  web.subscription.offer(two)
  t.match(status(), { ackedVersion: one.version, sentVersion: two.version, synced: false })
  const { nonce = 0, version = '' } = web.pushes[0] ?? {}
  const problems = [{ path: 'clusters', message: 'no' }]
  web.subscription.nacked({ type: 'nack', nonce, version, problems })
  t.match(status(), { synced: false, rejection: { version: two.version, problems } })
  t.notOk('sentVersion' in (status() ?? {}))
})

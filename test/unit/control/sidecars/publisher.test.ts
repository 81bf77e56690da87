import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { Fleet } from '../../../../src/control/sidecars/fleet.ts'
import { Publisher } from '../../../../src/control/sidecars/publisher.ts'
import type { Registration } from '../../../../src/model/registration.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { configurationIn, serviceYaml } from '../../model/configurations.ts'
import { registrationOf } from './registrations.ts'
import { subscriberOf, type TestSubscriber } from './subscribers.ts'

t.beforeEach(mockTime)

/** A mesh of two Services, and one sidecar that has what there is. */
function start(t: Test) {
  const fleet = new Fleet()
  const mesh = {
    configuration: configurationIn(serviceYaml('orders'), serviceYaml('users')),
    registrations: [registrationOf('orders')],
    compilations: 0,
  }
  const publisher = new Publisher({
    fleet,
    configuration: () => {
      mesh.compilations++
      return mesh.configuration
    },
    registrations: () => mesh.registrations,
    sessionSecret: '',
    debounceMs: 25,
  })
  t.teardown(() => publisher.close())
  const join = (subscriber: TestSubscriber): TestSubscriber => {
    fleet.join(subscriber)
    publisher.refresh(subscriber)
    mock.timers.tick(25)
    subscriber.ack()
    return subscriber
  }
  const change = (...registrations: Registration[]): void => {
    mesh.registrations = registrations
    publisher.meshChanged()
  }
  return { fleet, mesh, publisher, join, change, web: join(subscriberOf('web')) }
}

function wholeOf({ pushes }: TestSubscriber): Snapshot {
  const content = pushes.at(-1)?.content
  if (content?.kind !== 'snapshot') throw new Error('the last push is not a snapshot')
  return content.snapshot
}

t.test('a new sidecar gets the whole snapshot that the mesh makes now', async t => {
  const { web } = start(t)
  t.equal(web.pushes.length, 1)
  const { services, endpoints } = wholeOf(web)
  t.strictSame(Object.keys(services), ['orders.default:80', 'users.default:80'])
  t.match(endpoints['orders.default:80'], [{ workload: 'orders' }])
  t.strictSame(endpoints['users.default:80'], [])
})

t.test('a change goes to everyone as what has changed, and nothing else', async t => {
  const { join, change, web } = start(t)
  const before = wholeOf(web)
  const other = join(subscriberOf('other'))
  change(registrationOf('orders', { ready: false }))
  mock.timers.tick(25)
  t.strictSame([web.pushes.length, other.pushes.length], [2, 2])
  t.strictSame(web.pushes[1], other.pushes[1])
  t.strictSame(web.pushes[1]?.content, {
    kind: 'delta',
    base: before.version,
    changes: [{ kind: 'endpoints', name: 'orders.default:80', value: [] }],
  })
})

t.test('changes that come together are pushed together, counted from the first', async t => {
  const { change, mesh, web } = start(t)
  const before = mesh.compilations
  for (let port = 1; port <= 5; port++) {
    change(registrationOf('orders', { meshPort: port }))
    mock.timers.tick(5)
  }
  t.equal(mesh.compilations, before + 1)
  t.equal(web.pushes.length, 2)
})

t.test('a change that makes no difference to a sidecar is not pushed to it', async t => {
  const { change, web } = start(t)
  change(registrationOf('orders'), registrationOf('unrelated'))
  mock.timers.tick(25)
  t.equal(web.pushes.length, 1)
  t.equal(web.subscription.newestOffer, 2)
  t.equal(web.subscription.ackedOffer, 2, 'and counts as taken over')
})

t.test('a changed subscription concerns its sidecar alone', async t => {
  const { publisher, join, mesh, web } = start(t)
  const other = join(subscriberOf('other'))
  const before = mesh.compilations
  web.services = ['users.default']
  publisher.refresh(web)
  mock.timers.tick(25)
  t.equal(mesh.compilations, before, 'the mesh is what it was')
  t.equal(other.subscription.newestOffer, 1)
  t.match(web.pushes[1]?.content, {
    changes: [{ name: 'orders.default:80' }, { kind: 'clusters' }, { kind: 'endpoints' }],
  })
})

t.test(
  'sidecars of one namespace that want all share a snapshot, until the mesh changes',
  async t => {
    const { join, change, web } = start(t)
    const same = join(subscriberOf('same'))
    const elsewhere = join(subscriberOf('elsewhere', { namespace: 'team' }))
    const picky = subscriberOf('picky')
    picky.services = ['orders.default', 'users.default']
    join(picky)
    t.equal(wholeOf(same), wholeOf(web))
    t.not(wholeOf(elsewhere).version, wholeOf(web).version)
    t.equal(wholeOf(picky).version, wholeOf(web).version)
    change()
    mock.timers.tick(25)
    const late = join(subscriberOf('late'))
    t.strictSame(wholeOf(late).endpoints['orders.default:80'], [])
  },
)

t.test('what must be known now is published now, once', async t => {
  const { publisher, change, web } = start(t)
  change()
  publisher.publish()
  t.equal(web.pushes.length, 2)
  web.ack()
  mock.timers.tick(25)
  t.equal(web.subscription.newestOffer, 2)
})

t.test('closed, it publishes no more', async t => {
  const { publisher, change, web } = start(t)
  change()
  publisher.close()
  mock.timers.tick(1000)
  t.equal(web.pushes.length, 1)
})

t.test('a sidecar that has gone is not offered anything', async t => {
  const { fleet, publisher, web } = start(t)
  publisher.refresh(web)
  fleet.part(web)
  mock.timers.tick(25)
  t.equal(web.subscription.newestOffer, 1)
})

t.test(
  'each workload gets its own policies, and a pod those for the labels it has now',
  async t => {
    const { mesh, join, publisher } = start(t)
    const pod = (labels: Record<string, string>) => ({
      address: '10.0.0.1',
      ports: [],
      meshPort: 15_008,
      identity: 'spiffe://weft.local/ns/default/sa/pod',
      labels,
      isLeaving: false,
    })
    const policy = (app: string): string => `
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: ${app} }
spec: { selector: { matchLabels: { app: ${app} } } }
---
`
    const configure = (labels: Record<string, string>): void => {
      mesh.configuration = {
        ...configurationIn(policy('a'), policy('b')),
        injectedPods: new Map([['default/pod', pod(labels)]]),
      }
      publisher.meshChanged()
      mock.timers.tick(25)
    }
    configure({ app: 'b' })
    const a = join({ ...subscriberOf('a'), labels: { app: 'a' } })
    const other = join({ ...subscriberOf('other') })
    const inPod = join({ ...subscriberOf('pod'), labels: { app: 'a' } })
    const names = (subscriber: TestSubscriber) =>
      (wholeOf(subscriber).inbound.authorization ?? []).map(({ name }) => name)
    t.same([names(a), names(other), names(inPod)], [['default/a'], [], ['default/b']])
    configure({ app: 'a' })
    t.match(inPod.pushes.at(-1)?.content, {
      kind: 'delta',
      changes: [{ kind: 'inbound', value: { authorization: [{ name: 'default/a' }] } }],
    })
    t.equal(a.pushes.length, 1)
  },
)

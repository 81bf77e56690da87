import t from 'tap'
import {
  assemble,
  type AssemblyOptions,
} from '../../../../../src/control/kubernetes/source/assemble.ts'
import {
  watchedKinds,
  type WatchedConfiguration,
} from '../../../../../src/control/kubernetes/source/watched-kinds.ts'
import type { WatchedObject } from '../../../../../src/control/kubernetes/source/watched-object.ts'
import type { Configuration } from '../../../../../src/model/configuration.ts'

type Field = keyof WatchedConfiguration

interface Given {
  readonly name: string
  readonly namespace?: string
  /** Day of the month on which it was made. */
  readonly day?: number
  readonly spec?: object
}

function objectOf(field: Field, { name, namespace = 'shop', day = 1, spec = {} }: Given) {
  const creationTimestamp = `2026-01-0${day}T00:00:00Z`
  const object = { metadata: { name, namespace, creationTimestamp, resourceVersion: '1' }, spec }
  const watched = watchedKinds[field].read(object)
  if (watched === undefined) throw new Error(`${name} is left out`)
  return watched
}

function assembled(given: Partial<Record<Field, Given[]>>, lastMesh?: AssemblyOptions['lastMesh']) {
  const fields = Object.keys(watchedKinds) as Field[]
  const watched = fields.map(field => [
    field,
    (given[field] ?? []).map((each): WatchedObject => objectOf(field, each)),
  ])
  const options = { namespace: 'weft-system', lastMesh }
  const made = assemble(Object.fromEntries(watched) as WatchedConfiguration, options)
  return {
    ...made,
    faults: made.leftOut.map(({ file, path, message }) => `${file} ${path}: ${message}`),
  }
}

const named = (
  resources: Configuration['services' | 'trafficPolicies' | 'functions' | 'workloads'],
) => resources.map(({ metadata }) => metadata.name)

t.test('of two policies for one target the older holds, whatever it is called', async t => {
  const spec = { targetRef: { kind: 'Service', name: 'orders' } }
  const { configuration, faults } = assembled({
    trafficPolicies: [
      { name: 'a', day: 2, spec },
      { name: 'b', day: 1, spec },
      { name: 'c', day: 1, spec },
      { name: 'a', namespace: 'other', day: 2, spec },
    ],
  })
  t.same(named(configuration.trafficPolicies), ['b', 'a'])
  t.same(faults, [
    'TrafficPolicy shop/a spec.targetRef: the TrafficPolicy for orders.shop is defined already in TrafficPolicy shop/b',
    'TrafficPolicy shop/c spec.targetRef: the TrafficPolicy for orders.shop is defined already in TrafficPolicy shop/b',
  ])
})

t.test('an address leads to the older of two Services', async t => {
  const ports = [{ port: 80 }]
  const { configuration, faults } = assembled({
    services: [
      { name: 'a', day: 2, spec: { ports, clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] } },
      { name: 'b', day: 1, spec: { ports, clusterIPs: ['10.96.0.1', '10.96.0.7'] } },
      { name: 'c', day: 1, spec: { ports, clusterIP: 'None', clusterIPs: ['None'] } },
      { name: 'd', day: 1, spec: { ports, clusterIP: 'None' } },
      { name: 'e', day: 1, spec: { ports, clusterIP: '' } },
      { name: 'f', day: 1, spec: { ports, clusterIP: '' } },
    ],
  })
  t.same(named(configuration.services), ['b', 'c', 'd', 'e', 'f'])
  t.same(faults, [
    'Service shop/a spec.clusterIP: 10.96.0.7 is the address of Service shop/b already',
  ])
})

t.test('a function that must not run where it is to run is left out', async t => {
  const spec = {
    runtime: 'nodejs',
    code: '/srv',
    handler: 'index.handler',
    placement: { backends: [{ name: 'cloud', kind: 'cloud-run', url: 'http://example.org' }] },
  }
  const { configuration, faults } = assembled({
    functions: [
      { name: 'bad', spec },
      { name: 'good', spec: { ...spec, placement: undefined } },
    ],
    workloads: [{ name: 'good', day: 2 }],
  })
  t.same(named(configuration.functions), ['good'])
  t.same(configuration.workloads, [])
  t.equal(faults.length, 2)
  t.match(faults, [/^Function shop\/bad spec.placement/, /^Workload shop\/good metadata.name: /])
})

t.test('without a Mesh the defaults hold, and one that is deleted is none', async t => {
  t.equal(assembled({}).configuration.mesh.mtls, 'permissive')
  const { mesh } = assembled({
    meshes: [{ name: 'mesh', namespace: 'weft-system', spec: { mtls: 'strict' } }],
  }).configuration
  t.equal(mesh.mtls, 'strict')
  t.equal(assembled({}, mesh).configuration.mesh.mtls, 'permissive')
  const broken = { meshes: [{ name: 'mesh', namespace: 'weft-system', spec: { mtls: 1 } }] }
  t.equal(assembled(broken, mesh).configuration.mesh, mesh)
  t.equal(assembled(broken).configuration.mesh.mtls, 'strict')
})

t.test('of thousands of bad objects a thousand are told', async t => {
  const services = Array.from({ length: 1500 }, (_, index) => ({ name: `s${index}` }))
  const { configuration, leftOut } = assembled({ services })
  t.same(configuration.services, [])
  t.equal(leftOut.length, 1001)
  t.match(leftOut.at(-1), { message: /only the first 1000/ })
})

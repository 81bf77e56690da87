import t from 'tap'
import { containerServices } from '../../../../src/control/docker/container-services.ts'
import { meshContainer, type MeshContainer } from '../../../../src/control/docker/mesh-container.ts'
import { NetworkView } from '../../../../src/control/docker/shared-networks.ts'
import { endpointSliceKind } from '../../../../src/model/kinds/endpoint-slice.ts'
import { serviceKind } from '../../../../src/model/kinds/service.ts'
import { formatProblem } from '../../../../src/model/problem.ts'

interface Given {
  readonly labels?: Record<string, string>
  readonly state?: string
  readonly status?: string
  readonly created?: number
  readonly ipv4?: string
  readonly ipv6?: string
}

const everyNetwork = new NetworkView(() => true)

function container(name: string, given: Given = {}): MeshContainer {
  const { labels, state = 'running', status = '', created = 1, ipv4 = '', ipv6 = '' } = given
  const network = { id: 'n', ipv4, ipv4Prefix: 16, ipv6, ipv6Prefix: 64 }
  const made = meshContainer(
    {
      id: name.padEnd(64, '0'),
      name,
      state,
      status,
      created,
      labels: { 'weft.service': 'orders', 'weft.port': '80:8080', ...labels },
      networks: new Map([['mesh', network]]),
    },
    everyNetwork,
  )
  if (made === undefined) throw new Error('no container of the mesh')
  return made
}

function problemsOf(containers: readonly MeshContainer[]): string[] {
  return (containerServices(containers).leftOut ?? []).map(formatProblem)
}

t.test(
  'containers of one service make one Service, that selects what they are admitted as',
  async t => {
    const { configuration, problems } = containerServices([container('a'), container('b')])
    t.strictSame(problems, [])
    t.match(configuration.services, [
      {
        metadata: { name: 'orders', namespace: 'default' },
        spec: {
          selector: { 'weft.dev/service': 'orders' },
          ports: [{ port: 80, targetPort: 8080, name: undefined }],
        },
      },
    ])
    t.equal(configuration.services.length, 1)
    t.strictSame(configuration.endpointSlices, [], 'their sidecars announce themselves')
    for (const service of configuration.services)
      t.strictSame(serviceKind.parse(structuredClone(service)), service)
  },
)

t.test('several ports have names, by which addresses are found', async t => {
  const labels = { 'weft.port': '80:8080,81', 'weft.protocol': 'http,grpc', 'weft.plain': 'true' }
  const { configuration } = containerServices([container('a', { labels, ipv4: '172.18.0.2' })])
  t.match(configuration.services[0]?.spec.ports, [
    { name: 'p80', port: 80, targetPort: 8080, appProtocol: 'http' },
    { name: 'p81', port: 81, targetPort: 81, appProtocol: 'grpc' },
  ])
  t.match(configuration.endpointSlices[0]?.ports, [
    { name: 'p80', port: 8080 },
    { name: 'p81', port: 81 },
  ])
})

t.test(
  'the address of one without a sidecar counts while it runs, and is ready when healthy',
  async t => {
    const plain = { 'weft.plain': 'true' }
    const { configuration } = containerServices([
      container('a', { labels: plain, ipv4: '172.18.0.2' }),
      container('b', { labels: plain, ipv6: 'fd00::2', status: 'Up 2 seconds (healthy)' }),
      container('c', { labels: plain, ipv4: '172.18.0.4', status: 'Up 1 second (unhealthy)' }),
      container('d', { labels: plain, ipv4: '172.18.0.5', status: 'Up (health: starting)' }),
      container('e', { labels: plain, ipv4: '172.18.0.6', state: 'paused' }),
      container('f', { labels: plain, state: 'exited' }),
    ])
    const slices = configuration.endpointSlices
    t.strictSame(
      slices.map(({ metadata, addressType, endpoints }) => [
        metadata.name,
        addressType,
        endpoints[0]?.addresses[0],
        endpoints[0]?.conditions?.ready,
      ]),
      [
        ['orders-a00000000000', 'IPv4', '172.18.0.2', true],
        ['orders-b00000000000', 'IPv6', 'fd00::2', true],
        ['orders-c00000000000', 'IPv4', '172.18.0.4', false],
        ['orders-d00000000000', 'IPv4', '172.18.0.5', false],
      ],
    )
    for (const slice of slices) t.strictSame(endpointSliceKind.parse(structuredClone(slice)), slice)
  },
)

t.test('where two contradict the older one holds, and the other is told', async t => {
  const older = container('older', { created: 5 })
  const labels = { 'weft.port': '80:9999', 'weft.plain': 'true' }
  const newer = container('newer', { created: 6, labels, ipv4: '172.18.0.9' })
  const other = container('other', { labels: { 'weft.service': 'payments' } })
  for (const order of [
    [older, newer, other],
    [other, newer, older],
  ]) {
    const { configuration } = containerServices(order)
    t.match(configuration.services, [
      { metadata: { name: 'orders' }, spec: { ports: [{ targetPort: 8080 }] } },
      { metadata: { name: 'payments' } },
    ])
    t.strictSame(configuration.endpointSlices, [])
    t.match(problemsOf(order), [
      /^container newer:1:1 weft.port: 80:9999 is not what Service default\/orders has: 80:8080, by the label of older/,
    ])
  }
  const protocol = container('p', { created: 7, labels: { 'weft.protocol': 'grpc' } })
  t.match(problemsOf([older, protocol]), [/80:8080 grpc is not what .* has: 80:8080, by/])
})

t.test('one that has ended does not hold against one that runs, and holds alone', async t => {
  const old = container('old', { created: 1, state: 'exited', labels: { 'weft.port': '70' } })
  const fresh = container('fresh', { created: 2 })
  const ports = (containers: readonly MeshContainer[]) =>
    containerServices(containers).configuration.services.map(({ spec }) => spec.ports[0]?.port)
  t.strictSame(ports([old, fresh]), [80])
  t.strictSame(ports([old]), [70], 'a service that is being restarted is a service')
})

t.test('who only calls others is no Service', async t => {
  const caller = container('a', { labels: { 'weft.port': 'none' } })
  t.strictSame(containerServices([caller]).configuration.services, [])
  t.match(problemsOf([caller, container('b', { created: 2 })]), [/has: none, by the label of a/])
})

t.test('bad labels take out what they stand on, and nothing else', async t => {
  const bad = container('bad', { created: 0, labels: { 'weft.port': 'x' } })
  const { configuration } = containerServices([bad, container('good')])
  t.equal(configuration.services.length, 1)
  t.match(problemsOf([bad]), [/^container bad:1:1 weft.port: "x" is no port/])
})

t.test('one without a sidecar and without an address that we reach is told', async t => {
  const labels = { 'weft.plain': 'true' }
  t.match(problemsOf([container('a', { labels })]), [
    /^container a:1:1 weft.plain: it has no address in a network of the control plane/,
  ])
})

t.test('problems without end are cut', async t => {
  const containers = Array.from({ length: 1100 }, (_, index) =>
    container(`c${index}`, { labels: { 'weft.port': 'x' } }),
  )
  t.equal(problemsOf(containers).length, 1000)
})

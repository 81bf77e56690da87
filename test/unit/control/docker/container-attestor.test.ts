import t, { type Test } from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { ContainerAttestor } from '../../../../src/control/docker/container-attestor.ts'
import { ContainerWatch } from '../../../../src/control/docker/container-watch.ts'
import { EngineView } from '../../../../src/control/docker/engine-view.ts'
import { SharedNetworks } from '../../../../src/control/docker/shared-networks.ts'
import { FakeDocker, fakeNetwork } from '../../../support/functions/fake-docker.ts'

const labels = { 'weft.service': 'orders', 'weft.port': '80' }

async function setUp(t: Test) {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  const networks = new SharedNetworks({ network: 'mesh', interfaces: () => ({}) })
  const watch = new ContainerWatch({
    view,
    networks,
    random: () => 0,
    logger: silentLogger,
    onChange: () => {},
    onGone: () => {},
  })
  t.teardown(async () => {
    await watch.close()
    await view.close()
  })
  const attestor = new ContainerAttestor({ watch, networks, logger: silentLogger, retryMs: 1 })
  const attest = (address: string | undefined, token?: string) =>
    attestor.attest({ token, address, publicKey: '' })
  const add = (name: string, address: string, more: Record<string, string> = {}) =>
    docker.add(name, { ...labels, ...more }, { networks: fakeNetwork(address) })
  return { docker, attestor, attest, add, watch }
}

t.test('a container is what its labels say, named as its host is', async t => {
  const { attest, add, attestor } = await setUp(t)
  const more = {
    'weft.namespace': 'shop',
    'weft.service-account': 'clerk',
    'weft.labels': 'version=v2',
  }
  const { id } = add('shop-orders-1', '172.18.0.5', more)
  add('shop-orders-2', '172.18.0.6')
  t.strictSame(await attest('172.18.0.5'), {
    namespace: 'shop',
    name: id.slice(0, 12),
    serviceAccount: 'clerk',
    labels: { app: 'orders', version: 'v2', 'weft.dev/service': 'orders' },
  })
  t.strictSame(attestor.counters, { attested: 1, refused: 0, postponed: 0 })
})

t.test('evidence of another kind is left to others', async t => {
  const { docker, attest, add } = await setUp(t)
  add('orders', '172.18.0.5')
  t.equal(await attest('172.18.0.5', 'a-token'), undefined)
  t.equal(await attest(undefined), undefined)
  t.strictSame(docker.requests, [])
})

t.test('a container that has only just started is known', async t => {
  const { docker, attest, add } = await setUp(t)
  const container = add('orders', '172.18.0.5')
  container.state = 'created'
  const asked = attest('172.18.0.5')
  while (docker.requests.length < 2) await new Promise(resolve => setImmediate(resolve))
  container.state = 'running'
  t.match(await asked, { serviceAccount: 'orders' })
})

t.test('only the container that has the address now is it', async t => {
  const { attest, add } = await setUp(t)
  add('former', '172.18.0.5', { 'weft.service': 'former' }).state = 'exited'
  add('paused', '172.18.0.5', { 'weft.service': 'paused' }).state = 'paused'
  add('present', '172.18.0.5', { 'weft.service': 'present' })
  t.match(await attest('172.18.0.5'), { serviceAccount: 'present' })
})

t.test('whoever is refused learns what to do', async t => {
  const { docker, attest, attestor, add } = await setUp(t)
  add('twice-1', '172.18.0.5')
  add('twice-2', '172.18.0.5')
  add('bad', '172.18.0.6', { 'weft.port': 'x' })
  add('plain', '172.18.0.7', { 'weft.plain': 'true' })
  docker.add('bare', {}, { networks: fakeNetwork('172.18.0.8') })
  const elsewhere = { other: { NetworkID: 'n2', IPAddress: '172.18.0.9', IPPrefixLen: 16 } }
  docker.add('elsewhere', labels, { networks: elsewhere })
  docker.add('nowhere', labels, {})
  const refused = async (address: string, message: RegExp) =>
    t.rejects(attest(address), { name: 'AttestationError', message, reason: 'unknown_workload' })
  await refused('172.18.0.5', /several containers have the address .*twice-1, twice-2; tell/)
  await refused('172.18.0.6', /^container bad \(172.18.0.6\): label weft.port: "x" is no port/)
  await refused('172.18.0.7', /is to have no sidecar, by its label weft.plain/)
  await refused(
    '172.18.0.8',
    /^container bare .* has no label weft.service: make it again with one/,
  )
  await refused('172.18.0.9', /no running container has the address .* connect both to one network/)
  await refused('', /no running container/)
  t.equal(attestor.counters.refused, 6)
})

t.test('strangers in a crowd cost the engine a few lists', async t => {
  const { docker, attest, add } = await setUp(t)
  add('orders', '172.18.0.5')
  const answers = await Promise.all(Array.from({ length: 500 }, () => attest('172.18.0.5')))
  t.equal(answers.filter(Boolean).length, 500)
  t.ok(docker.requests.length <= 2, `${docker.requests.length}`)
})

t.test('while the engine does not answer, one is to come again', async t => {
  const { docker, attest, add, attestor } = await setUp(t)
  add('orders', '172.18.0.5')
  for (const fault of [500, 'garbage', 'die within the body'] as const) {
    docker.faults.set('GET /containers/json', fault)
    await t.rejects(attest('172.18.0.5'), { name: 'AttestationPostponed' })
  }
  docker.faults.clear()
  t.match(await attest('172.18.0.5'), { serviceAccount: 'orders' })
  t.strictSame(attestor.counters, { attested: 1, refused: 0, postponed: 3 })
})

t.test('a container is remembered until it is removed', async t => {
  const { docker, attestor, watch, add } = await setUp(t)
  const container = add('orders', '172.18.0.5')
  const name = container.id.slice(0, 12)
  await watch.refresh()
  const known = { namespace: 'default', name, serviceAccount: 'orders' }
  t.match(attestor.recall({ namespace: 'default', name }), known)
  t.equal(attestor.recall({ namespace: 'other', name }), undefined)
  t.equal(attestor.recall({ namespace: 'default', name: 'orders' }), undefined)
  container.state = 'exited'
  await watch.refresh()
  t.match(attestor.recall({ namespace: 'default', name }), known)
  docker.containers.delete(container.id)
  await watch.refresh()
  t.equal(attestor.recall({ namespace: 'default', name }), undefined)
})

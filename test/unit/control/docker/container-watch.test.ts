import t, { type Test } from 'tap'
import type { Logger } from '../../../../src/base/log.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { ContainerWatch } from '../../../../src/control/docker/container-watch.ts'
import { EngineView } from '../../../../src/control/docker/engine-view.ts'
import { SharedNetworks } from '../../../../src/control/docker/shared-networks.ts'
import { FakeDocker, fakeNetwork } from '../../../support/functions/fake-docker.ts'
import { eventually } from '../../../support/mesh.ts'

const labels = { 'weft.service': 'orders', 'weft.port': '80' }

async function setUp(t: Test, logger: Logger = silentLogger) {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  const gone: string[] = []
  let changes = 0
  const watch = new ContainerWatch({
    view,
    networks: new SharedNetworks({ network: 'mesh', interfaces: () => ({}) }),
    random: () => 0,
    logger,
    onChange: () => changes++,
    onGone: ({ name }) => gone.push(name),
  })
  t.teardown(async () => {
    await watch.close()
    await view.close()
  })
  const add = (name: string, more: object = {}) =>
    docker.add(name, labels, { networks: fakeNetwork('172.18.0.2'), ...more })
  const running = () =>
    watch.containers.filter(container => container.running).map(({ name }) => name)
  const lists = () => docker.requests.filter(asked => asked === 'GET /containers/json').length
  return { docker, watch, gone, add, running, lists, changes: () => changes }
}

const isTrue = (value: boolean): boolean => value

t.test('a container that starts is known by a list soon after', async t => {
  const { docker, watch, add, running } = await setUp(t)
  await watch.start()
  t.equal(watch.connected, true)
  t.strictSame(running(), [])
  docker.emit('start', add('orders-1'))
  t.strictSame(await eventually(running, names => names.length > 0), ['orders-1'])
  t.match(watch.containers[0]?.place, { network: 'mesh', address: '172.18.0.2' })
})

t.test('one that dies is gone before any list, and once, though lists still show it', async t => {
  const { docker, watch, gone, add, running, lists, changes } = await setUp(t)
  const container = add('orders-1')
  await watch.start()
  const [before, changesBefore] = [lists(), changes()]
  docker.emit('kill', container, { signal: '9' })
  await eventually(() => gone.length, Boolean)
  t.strictSame([running(), changes()], [[], changesBefore + 1])
  t.equal(lists(), before, 'no list was needed for that')
  docker.emit('die', container)
  docker.emitNetwork('disconnect', container, 'mesh')
  // The engine's list is late.
  await eventually(() => lists() > before, isTrue)
  await watch.refresh()
  t.strictSame(running(), [])
  t.strictSame(gone, ['orders-1'])
  docker.emit('start', container)
  await eventually(running, names => names.length > 0)
  docker.emit('die', container)
  await eventually(
    () => gone.length,
    length => length === 2,
  )
})

t.test('paused, removed, or cut off from the network it is gone too', async t => {
  const { docker, watch, gone, add } = await setUp(t)
  const [paused, removed, cut] = [add('paused'), add('removed'), add('cut')]
  await watch.start()
  docker.emit('pause', paused)
  docker.emit('destroy', removed)
  docker.emitNetwork('disconnect', cut, 'other')
  docker.emitNetwork('disconnect', cut, 'mesh')
  await eventually(
    () => gone.length,
    length => length === 3,
  )
  t.strictSame(gone, ['paused', 'removed', 'cut'])
})

t.test('what a container may survive does not take it out', async t => {
  const { docker, watch, gone, add, running, lists } = await setUp(t)
  const container = add('orders-1')
  await watch.start()
  const before = lists()
  docker.emit('kill', container, { signal: '15' })
  docker.emitNetwork('disconnect', container, 'other')
  docker.emit('health_status: unhealthy', container)
  docker.emit('rename', container)
  await eventually(() => lists() > before, isTrue)
  t.strictSame([running(), gone], [['orders-1'], []])
})

t.test('one that moves to another network counts there', async t => {
  const { docker, watch, gone, add, running } = await setUp(t)
  const other = { NetworkID: 'n2', IPAddress: '172.19.0.2', IPPrefixLen: 16 }
  const container = add('orders-1')
  await watch.start()
  docker.emitNetwork('disconnect', container, 'mesh')
  await eventually(() => gone.length, Boolean)
  await watch.refresh()
  t.strictSame(running(), [])
  container.networks = { other, ...fakeNetwork('172.18.0.7') }
  docker.emitNetwork('connect', container, 'mesh')
  await eventually(running, names => names.length > 0)
  t.equal(watch.containers[0]?.place?.address, '172.18.0.7')
})

t.test('events that come together make one list, and those of others none', async t => {
  const { docker, watch, add, running, lists } = await setUp(t)
  await watch.start()
  const before = lists()
  const other = docker.add('other', {})
  for (let count = 0; count < 100; count++) docker.emit('die', other)
  for (let count = 0; count < 100; count++) docker.emit('create', add(`c${count}`))
  await eventually(running, names => names.length === 100)
  t.ok(lists() - before <= 2, `${lists() - before}`)
  t.equal(watch.counters.events, 100)
})

t.test('after an outage all is caught up, and what ended meanwhile is told', async t => {
  const warnings: unknown[] = []
  const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) }
  const { docker, watch, gone, add, running } = await setUp(t, logger)
  const dies = add('dies')
  const restarts = add('restarts')
  const vanishes = add('vanishes')
  await watch.start()
  docker.faults.set('GET /events', 500)
  docker.forget()
  await eventually(
    () => watch.connected,
    connected => !connected,
  )
  dies.state = 'exited'
  docker.emit('die', dies)
  docker.emit('die', restarts)
  docker.emit('start', restarts)
  docker.containers.delete(vanishes.id)
  docker.emit('start', add('comes'))
  docker.faults.clear()
  await eventually(() => watch.connected, isTrue)
  t.strictSame(running().toSorted(), ['comes', 'restarts'])
  t.strictSame(gone.toSorted(), ['dies', 'vanishes'], 'what restarted has not gone')
  t.equal(warnings.length, 1, 'an outage is told once')
  t.equal(watch.counters.outages, 1)
})

t.test('a death that the engine only repeats is no news', async t => {
  const { docker, watch, gone, add } = await setUp(t)
  const container = add('orders-1')
  await watch.start()
  docker.emit('die', container, {}, Math.floor(Date.now() / 1000) - 60)
  docker.emit('start', container, {}, Math.floor(Date.now() / 1000) - 59)
  docker.emit('die', add('new'))
  await watch.refresh()
  t.strictSame(gone, [])
})

t.test('a list that fails ends the stream too, so that both begin anew', async t => {
  const { docker, watch, add, running } = await setUp(t)
  await watch.start()
  docker.faults.set('GET /containers/json', 'garbage')
  docker.emit('start', add('orders-1'))
  await eventually(
    () => watch.connected,
    connected => !connected,
  )
  docker.faults.clear()
  await eventually(running, names => names.length > 0)
})

t.test('a line that is cut, or no event at all, costs the stream and nothing else', async t => {
  const { docker, watch, gone, add, running } = await setUp(t)
  add('orders-1')
  await watch.start()
  docker.emitText('{"Type":"container","Act')
  docker.forget()
  await eventually(
    () => watch.connected,
    connected => !connected,
  )
  await eventually(() => watch.connected, isTrue)
  docker.emitText('[]\n{}\nnull\n7\n{"Type":"container","Action":"die","Actor":{"ID":7}}\n')
  docker.emit('start', add('orders-2'))
  await eventually(running, names => names.length === 2)
  t.strictSame(gone, [])
})

t.test('it starts where no engine answers, and finds it later', async t => {
  const { docker, watch, add, running } = await setUp(t)
  docker.faults.set('GET /containers/json', 'die')
  await watch.start()
  t.equal(watch.connected, false)
  add('orders-1')
  docker.faults.clear()
  await eventually(running, names => names.length > 0)
})

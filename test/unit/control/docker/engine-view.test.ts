import t from 'tap'
import { EngineTransport } from '../../../../src/control/docker/engine-transport.ts'
import { EngineView, type ContainerEvent } from '../../../../src/control/docker/engine-view.ts'
import { FakeDocker, fakeNetwork } from '../../../support/functions/fake-docker.ts'
import { eventually } from '../../../support/mesh.ts'

const signal = AbortSignal.timeout(10_000)
const labels = { 'weft.service': 'orders' }

t.test('a list says of each container what is needed, and when it was made', async t => {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  t.teardown(() => view.close())
  docker.add('orders-1', labels, { created: 7, networks: fakeNetwork('172.18.0.2') })
  const before = Math.floor(Date.now() / 1000)
  const { containers, madeAt } = await view.list(signal)
  t.ok(madeAt !== undefined && madeAt >= before)
  const [container] = containers
  t.match(container, { name: 'orders-1', state: 'running', created: 7, labels })
  t.match(container?.networks.get('mesh'), { ipv4: '172.18.0.2', ipv4Prefix: 16, ipv6: '' })
  t.strictSame(docker.requests, ['GET /containers/json'])
})

t.test('a list that is none, or without end, is an error', async t => {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  t.teardown(() => view.close())
  docker.faults.set('GET /containers/json', 'garbage')
  await t.rejects(view.list(signal), /the list of containers is no list/)
  docker.faults.set('GET /containers/json', 500)
  await t.rejects(view.list(signal), /the engine's 500/)
  docker.faults.set('GET /containers/json', 'die within the body')
  await t.rejects(view.list(signal), /broke off/)
  docker.faults.set('GET /containers/json', 'hang')
  await t.rejects(view.list(AbortSignal.timeout(20)), /did not answer in time/)
  docker.faults.clear()
  for (let count = 0; count < 900; count++) docker.add('x'.repeat(20_000), labels)
  await t.rejects(view.list(signal), { cause: /more than 16777216 bytes/ })
})

t.test('events name the container, also those of networks', async t => {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  t.teardown(() => view.close())
  const container = docker.add('orders-1', labels)
  docker.emit('create', container, {}, 5)
  docker.emit('start', container, {}, 50)
  const heard: ContainerEvent[] = []
  const stop = new AbortController()
  const onEvent = (event: ContainerEvent): void => void heard.push(event)
  const reading = view.events(10, { onOpen: () => {}, onEvent }, stop.signal)
  await eventually(() => heard.length, Boolean)
  docker.emit('health_status: healthy', container)
  docker.emitNetwork('disconnect', container, 'mesh')
  docker.emitText('{"Type":"container"}\n')
  docker.emit('die', container)
  await eventually(
    () => heard.length,
    length => length === 4,
  )
  t.strictSame(
    heard.map(({ action, network }) => [action, network]),
    [
      ['start', undefined],
      ['health_status', undefined],
      ['disconnect', 'mesh'],
      ['die', undefined],
    ],
  )
  t.ok(heard.every(event => event.container === container.id))
  t.equal(heard[0]?.time, 50)
  stop.abort()
  await t.rejects(reading)
})

t.test('a line without end, or one that is no JSON, ends the stream', async t => {
  const docker = await FakeDocker.start(t)
  const view = new EngineView(docker.socket)
  t.teardown(() => view.close())
  for (const text of ['x'.repeat(70_000), '{"Type":\n']) {
    const onOpen = (): void => docker.emitText(text)
    await t.rejects(view.events(0, { onOpen, onEvent: () => {} }, signal), {
      name: 'ProtocolError',
    })
  }
})

t.test('nothing can be asked that is not in the list', async t => {
  const docker = await FakeDocker.start(t)
  const allowed = [{ method: 'GET', path: /^\/containers\/json\?all=1$/ }] as const
  const transport = new EngineTransport({ socket: docker.socket, allowed, maxAnswerBytes: 100 })
  t.teardown(() => transport.close())
  for (const path of ['/containers/json', '/containers/json?all=1&x', '/images/json', ''])
    await t.rejects(transport.call({ method: 'GET', path, signal }), /nothing that may be asked/)
  const post = transport.call({ method: 'POST', path: '/containers/json?all=1', signal })
  await t.rejects(post, /nothing that may be asked/)
  await t.rejects(transport.follow('/events', { onValue: () => {} }, signal), /may be asked/)
  t.strictSame(docker.requests, [])
})

t.test('whoever cannot reach the engine learns why', async t => {
  const view = new EngineView('/nonexistent/docker.sock')
  t.teardown(() => view.close())
  await t.rejects(view.list(signal), /there is no Docker Engine at \/nonexistent\/docker.sock/)
})

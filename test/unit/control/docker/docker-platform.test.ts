import t from 'tap'
import { silentLogger } from '../../../../src/base/log.ts'
import { DockerPlatform } from '../../../../src/control/docker/docker-platform.ts'
import type { PlatformMesh } from '../../../../src/control/platform.ts'
import type { LoadResult } from '../../../../src/model/configuration.ts'
import { FakeDocker, fakeNetwork } from '../../../support/functions/fake-docker.ts'
import { eventually } from '../../../support/mesh.ts'

const labels = { 'weft.service': 'orders', 'weft.port': '80' }

t.test('a control plane hears of Services, of who is there, and of who is gone', async t => {
  const docker = await FakeDocker.start(t)
  const { socket } = docker
  const options = { logger: silentLogger, random: () => 0 }
  const platform = new DockerPlatform({ socket, network: 'mesh' }, options)
  t.teardown(() => platform.close())
  const ended = docker.add('ended', labels, { state: 'exited' })
  const running = docker.add('running', labels, { networks: fakeNetwork('172.18.0.2') })
  t.match((await platform.source.load()).configuration.services, [{ metadata: { name: 'orders' } }])
  const results: LoadResult[] = []
  await platform.source.watch(result => results.push(result))
  const removed: string[] = []
  const mesh: Partial<PlatformMesh> = { removeRegistration: ({ name }) => removed.push(name) }
  await platform.start(mesh as PlatformMesh)
  t.strictSame(removed, [ended.id.slice(0, 12)], 'it ended before we began')
  docker.die('running')
  await eventually(
    () => removed.length,
    length => length === 2,
  )
  t.equal(removed[1], running.id.slice(0, 12))
  docker.emit('create', docker.add('new', { ...labels, 'weft.service': 'payments' }))
  await eventually(() => results.length, Boolean)
  t.match(
    results.at(-1)?.configuration.services.map(({ metadata }) => metadata.name),
    ['orders', 'payments'],
  )
  t.match(platform.status(), { socket, connected: true, containers: { length: 3 } })
  const metrics = [...platform.metrics()]
  const valueOf = (name: string) => metrics.find(family => family.name.endsWith(name))?.samples
  t.match(valueOf('_connected'), [{ value: 1 }])
  t.match(valueOf('_containers'), [
    { labels: { state: 'running' }, value: 1 },
    { labels: { state: 'other' }, value: 2 },
  ])
  t.match(valueOf('_gone_total'), [{ value: 1 }])
})

t.test('where no engine is, the control plane learns it at its start', async t => {
  const options = { logger: silentLogger, random: () => 0 }
  const platform = new DockerPlatform({ socket: '/nonexistent/docker.sock' }, options)
  t.teardown(() => platform.close())
  await t.rejects(platform.source.load(), /there is no Docker Engine at/)
})

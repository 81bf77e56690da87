import t from 'tap'
import { DockerEngine } from '../../../../src/control/docker/docker-engine.ts'
import { FakeDocker } from '../../../support/functions/fake-docker.ts'

const signal = AbortSignal.timeout(10_000)

t.test('nothing leads out of the list of what may be asked', async t => {
  const docker = await FakeDocker.start(t)
  const engine = new DockerEngine(docker.socket)
  t.teardown(() => engine.close())
  for (const id of ['../images/json', 'a/exec', 'a?x=', '', '-a', 'a\r\nX: y', 'a'.repeat(200)]) {
    await t.rejects(engine.start(id, signal), /nothing that may be asked/, id)
    await t.rejects(engine.remove(id, signal), /nothing that may be asked/, id)
    await t.rejects(engine.create(id, {}, signal), /nothing that may be asked/, id)
    await t.rejects(engine.upload(id, Buffer.alloc(0), signal), /nothing that may be asked/, id)
  }
  await t.rejects(engine.stop('a', 1.5, signal), /nothing that may be asked/)
  t.strictSame(docker.requests, [])
})

t.test('an answer without end is given up', async t => {
  const docker = await FakeDocker.start(t)
  const engine = new DockerEngine(docker.socket)
  t.teardown(() => engine.close())
  for (let count = 0; count < 300; count++)
    docker.containers.set(`c${count}`, {
      id: `c${count}`,
      name: 'x'.repeat(20_000),
      body: { Env: [], Labels: { a: 'b' }, HostConfig: {} },
      state: 'running',
      archive: Buffer.alloc(0),
    })
  await t.rejects(engine.list('a=b', signal), { cause: /more than 4194304 bytes/ })
})

t.test('what has stopped, or gone, is stopped', async t => {
  const docker = await FakeDocker.start(t)
  const engine = new DockerEngine(docker.socket)
  t.teardown(() => engine.close())
  await engine.stop('gone', 1, signal)
  await engine.remove('gone', signal)
  docker.faults.set('POST /containers/id/start', 304)
  await engine.start('runs', signal)
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ProxyBootstrap } from '../../src/model/bootstrap.ts'
import { Load } from '../support/load.ts'
import { bootstrapOf, call, eventually, startApplication, type TestMesh } from '../support/mesh.ts'
import { freePorts, WeftProcess } from '../support/process.ts'
import { testFolder } from '../support/test-folder.ts'

const yaml = (target: number): string => `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: ${target} }] }
`

/** A process that is killed at the end of the test at the latest. */
function run(t: Test, folder: string, command: readonly string[]): WeftProcess {
  const child = new WeftProcess(command, folder)
  t.teardown(() => child[Symbol.asyncDispose]())
  return child
}

async function kill(child: WeftProcess): Promise<void> {
  child.signal('SIGKILL')
  await child.exited
}

t.test('traffic and sidecars restarted from disk go on without the control plane', async t => {
  const folder = testFolder(t)
  const application = await startApplication(t, (_request, response) => response.end('hello'))
  const [push = 0, admin = 0, inbound = 0, local = 0, webAdmin = 0] = await freePorts(5)
  const config = join(folder, 'mesh.yaml')
  writeFileSync(config, yaml(application))
  const state = join(folder, 'control')
  const command = ['control', config, '--state-directory', state]
  command.push('--push', `127.0.0.1:${push}`, '--admin', `127.0.0.1:${admin}`)
  const control = run(t, folder, command)
  await eventually(() => call(admin, { path: '/readyz' }).catch(() => undefined), Boolean)

  const host = '127.0.0.1'
  const mesh: Pick<TestMesh, 'folder' | 'bootstrap' | 'pushPort'> = {
    folder,
    pushPort: push,
    bootstrap: {
      configPath: config,
      stateDirectory: state,
      trustDomain: 'weft.local',
      push: { host, port: push },
      admin: { host, port: admin },
      leaseMs: 30_000,
    },
  }
  const start = (bootstrap: ProxyBootstrap): WeftProcess => {
    const file = join(folder, `${bootstrap.workload.name}.json`)
    writeFileSync(file, JSON.stringify(bootstrap))
    return run(t, folder, ['proxy', '--config', file])
  }
  const orders = await bootstrapOf(mesh, {
    name: 'orders',
    ports: [application],
    overrides: { inbound: { host, port: inbound } },
  })
  const web = await bootstrapOf(mesh, {
    name: 'web',
    overrides: {
      admin: { host, port: webAdmin },
      upstreams: [{ host, port: local, service: 'orders' }],
    },
  })
  const children = [start(orders), start(web)]
  await eventually(
    () => call(local).catch(() => undefined),
    answer => answer?.status === 200,
  )

  const load = new Load({ port: local })
  await load.more(200)
  await kill(control)
  await load.more(500)
  await load.stop()
  t.same(load.failures, [], 'traffic goes on')

  await Promise.all(children.map(kill))
  start(orders)
  start(web)
  const restarted = await eventually(
    () => call(local).catch(() => undefined),
    answer => answer?.status === 200,
  )
  t.equal(restarted?.body, 'hello', 'and restarted sidecars serve by what lies on disk')
  t.equal((await call(webAdmin, { path: '/ready' })).status, 200)
})

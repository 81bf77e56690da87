import { join } from 'node:path'
import t from 'tap'
import { monotonicNow, wallNow } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { DockerDriver } from '../../src/control/scaling/docker/docker-driver.ts'
import { dockerSettings } from '../../src/control/scaling/docker/docker-settings.ts'
import { HostAdmission } from '../../src/control/scaling/host-admission.ts'
import { binds, image, node, startDocker, withoutDocker } from '../support/functions/real-docker.ts'
import { call, eventually, startMesh, startSidecar } from '../support/mesh.ts'

const yaml = `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  driver: docker
  image: ${image}
  command: ['${node}', /weft/test/support/functions/runtime.mjs]
  scale: { zero: gone, keepAlive: 2s, max: 1 }
`

t.test(
  'by Docker a function comes with its first call, answers, and goes',
  { skip: withoutDocker() },
  async t => {
    const { socket, containers } = await startDocker(t)
    const settings = dockerSettings.parse({
      socket,
      controlPlane: { host: '127.0.0.1', port: 1 },
      sidecar: {
        image,
        network: 'host',
        entrypoint: [node, '/weft/src/main.ts'],
        binds,
        bootstrap: { inboundPort: 0, outboundPort: 0, adminPort: 0, advertise: '127.0.0.1' },
      },
      runtime: { binds },
      stopTimeout: 5,
    })
    const bootstrap = { stateDirectory: join(t.testdirName, 'control'), trustDomain: 'weft.local' }
    const driver = new DockerDriver({
      settings,
      admission: new HostAdmission(bootstrap, wallNow),
      random: () => 0.5,
      logger: silentLogger,
    })
    const mesh = await startMesh(t, yaml, { drivers: { docker: driver } })
    settings.controlPlane.port = mesh.pushPort
    const caller = await startSidecar(t, mesh, { name: 'caller' })
    const ask = () =>
      call(caller.ports.outbound, { path: '/hello', headers: { host: 'echo.fn.mesh' } })
    const early = ['not_ready', 'no_route', 'no_healthy_endpoint']
    t.strictSame(await containers(), [])

    const before = monotonicNow()
    const answer = await eventually(
      ask,
      ({ headers, body }) =>
        !early.includes(String(headers['x-weft-reason'])) || body.includes('cannot be started'),
    )
    t.comment(`first answer after ${Math.round(monotonicNow() - before)} ms`)
    t.equal(answer.status, 200, answer.body)
    t.match(answer.body, '/hello')
    t.strictSame((await containers()).toSorted(), [
      'weft-default-echo-host-0 running',
      'weft-default-echo-host-0-runtime running',
    ])
    const list = await eventually(containers, ({ length }) => length === 0)
    t.strictSame(list, [], 'nothing is left when nobody calls')
    t.equal((await ask()).status, 200, 'and it comes back')
  },
)

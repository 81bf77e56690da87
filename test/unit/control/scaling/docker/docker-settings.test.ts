import t from 'tap'
import { dockerSettings } from '../../../../../src/control/scaling/docker/docker-settings.ts'

const least = { controlPlane: { host: 'control', port: 15_012 }, sidecar: { image: 'weft:1' } }

t.test('an image and an address are enough', async t => {
  t.match(dockerSettings.parse(least), {
    socket: '/var/run/docker.sock',
    sidecar: { network: 'bridge', memory: 256, bootstrap: { inboundPort: 15_008 } },
    instancesPerHost: 1,
  })
})

t.test('nothing that would make a container root on its host can be said', async t => {
  const refused = (sidecar: object): void => {
    const value = { ...least, sidecar: { ...least.sidecar, ...sidecar } }
    t.notOk(dockerSettings.safeParse(value).success, JSON.stringify(sidecar))
  }
  refused({ privileged: true })
  refused({ capabilities: ['SYS_ADMIN'] })
  for (const bind of [
    '/:/host',
    '//:/host:ro',
    '/tmp/..:/host',
    '/./:/host',
    '/run:/run',
    '/var/run/:/run',
    '/var:/var',
    '/var/run/docker.sock:/docker.sock',
    '/run/containerd/containerd.sock:/c',
    'volume:/data',
    '/a:/b:z',
  ])
    refused({ binds: [bind] })
  refused({ network: 'container:other' })
  refused({ user: 'root' })
})

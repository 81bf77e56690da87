import t from 'tap'
import {
  giveBackHandlers,
  takeOverHandlers,
} from '../../../../../../src/control/kubernetes/injection/pod/handlers.ts'
import type { Pod } from '../../../../../../src/control/kubernetes/injection/pod/pod.ts'

function podOf(container: object, spec: object = {}): Pod {
  const ports = [
    { name: 'http', containerPort: 8080 },
    { name: 'grpc', containerPort: 9000 },
  ]
  return { spec: { containers: [{ name: 'web', ports, ...container }], ...spec } } as Pod
}

t.test('probes of each kind go to the sidecar, which learns what they were', async t => {
  const pod = podOf({
    livenessProbe: {
      httpGet: {
        path: '/live?deep=1',
        port: 'http',
        scheme: 'HTTPS',
        httpHeaders: [{ name: 'Host', value: 'shop.example' }],
      },
      timeoutSeconds: 5,
      terminationGracePeriodSeconds: 7,
    },
    readinessProbe: { tcpSocket: { port: 8080 } },
    startupProbe: { grpc: { port: 9000, service: 'shop.Orders' }, failureThreshold: 30 },
  })
  const original = structuredClone(pod)
  const { probes, originals } = takeOverHandlers(pod)
  t.same(probes, {
    '/app-health/web/livez': {
      kind: 'https',
      path: '/live?deep=1',
      headers: [{ name: 'Host', value: 'shop.example' }],
      port: 8080,
      timeoutMs: 5000,
    },
    '/app-health/web/readyz': { kind: 'tcp', port: 8080, timeoutMs: 1000 },
    '/app-health/web/startupz': {
      kind: 'grpc',
      port: 9000,
      service: 'shop.Orders',
      timeoutMs: 1000,
    },
  })
  const [web] = pod.spec.containers
  t.same(web?.livenessProbe, {
    httpGet: { path: '/app-health/web/livez', port: 15_020 },
    timeoutSeconds: 5,
    terminationGracePeriodSeconds: 7,
  })
  t.same(web?.readinessProbe, { httpGet: { path: '/app-health/web/readyz', port: 15_020 } })
  t.same(web?.startupProbe, {
    httpGet: { path: '/app-health/web/startupz', port: 15_020 },
    failureThreshold: 30,
  })
  giveBackHandlers(pod, originals)
  t.same(pod, original)
})

t.test('hooks over HTTP go the same way, for as long as the pod may take to end', async t => {
  const hooks = {
    postStart: { httpGet: { path: 'warm', port: 'http' } },
    preStop: { httpGet: { port: 8080 } },
  }
  const pod = podOf({ lifecycle: hooks }, { terminationGracePeriodSeconds: 60 })
  t.same(takeOverHandlers(pod).probes, {
    '/app-health/web/poststart': { kind: 'http', path: '/warm', port: 8080, timeoutMs: 300_000 },
    '/app-health/web/prestop': { kind: 'http', port: 8080, timeoutMs: 60_000 },
  })
})

t.test(
  'native sidecars of the pod are probed through ours as well, init containers never',
  async t => {
    const httpGet = { path: '/', port: 1 }
    const pod = podOf(
      {},
      {
        initContainers: [
          { name: 'cache', restartPolicy: 'Always', readinessProbe: { httpGet } },
          { name: 'migrate', readinessProbe: { httpGet } },
        ],
      },
    )
    t.same(Object.keys(takeOverHandlers(pod).probes), ['/app-health/cache/readyz'])
  },
)

t.test('a port may be a number in quotes', async t => {
  const { probes } = takeOverHandlers(podOf({ livenessProbe: { httpGet: { port: '81' } } }))
  t.match(probes, { '/app-health/web/livez': { port: 81 } })
})

t.test('what needs no network, leads elsewhere or nowhere is left alone', async t => {
  for (const handler of [
    { exec: { command: ['true'] } },
    { httpGet: { host: '192.0.2.1', port: 80 } },
    { tcpSocket: { host: '192.0.2.1', port: 80 } },
    { httpGet: { port: 'unknown' } },
    { httpGet: { path: '/ready', port: 15_020 } },
  ]) {
    const pod = podOf({ livenessProbe: handler, lifecycle: { preStop: { sleep: { seconds: 1 } } } })
    const before = structuredClone(pod)
    t.same(takeOverHandlers(pod), { probes: {}, originals: {} })
    t.same(pod, before)
  }
})

t.test('a probe that was changed since is not given back', async t => {
  const pod = podOf({ livenessProbe: { httpGet: { port: 8080 } } })
  const { originals } = takeOverHandlers(pod)
  const [web] = pod.spec.containers
  if (web) web.livenessProbe = { tcpSocket: { port: 5 } }
  giveBackHandlers(pod, originals)
  t.same(web?.livenessProbe, { tcpSocket: { port: 5 } })
})

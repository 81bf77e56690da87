import { consumerNamespace, httpRoute, meshNamespace, type ConformanceTable } from '../table.ts'

const setting = (value: string) => ({
  type: 'ResponseHeaderModifier',
  responseHeaderModifier: { set: [{ name: 'X-Header-Set', value }] },
})

export const meshConsumerRoute: ConformanceTable = {
  name: 'MeshConsumerRoute',
  source: 'conformance/tests/mesh/mesh-consumer-route.go',
  routes: [
    httpRoute(
      [
        {
          filters: [setting('set')],
          backendRefs: [{ name: 'echo-v1', namespace: meshNamespace, port: 80 }],
        },
      ],
      { namespace: consumerNamespace, parent: 'echo-v1', parentNamespace: meshNamespace },
    ),
  ],
  rows: [
    {
      name: "request from consumer route's namespace modified by HTTPRoute",
      request: { from: 'consumer', host: `echo-v1.${meshNamespace}` },
      expect: { backend: 'echo-v1', answer: { 'x-header-set': 'set' } },
    },
    {
      name: "request not from consumer route's namespace not modified by HTTPRoute",
      request: { host: `echo-v1.${meshNamespace}` },
      expect: { backend: 'echo-v1', absentAnswer: ['x-header-set'] },
    },
  ],
}

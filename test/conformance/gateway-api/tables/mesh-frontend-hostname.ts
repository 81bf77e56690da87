import { httpRoute, to, type ConformanceTable } from '../table.ts'

const setting = (value: string) => ({
  type: 'ResponseHeaderModifier',
  responseHeaderModifier: { set: [{ name: 'X-Header-Set', value }] },
})

export const meshFrontendHostname: ConformanceTable = {
  name: 'MeshFrontendHostname',
  source: 'conformance/tests/mesh/mesh-frontend-hostname.go',
  routes: [
    httpRoute([{ filters: [setting('set')], backendRefs: to('echo-v2', 80) }], {
      parent: 'echo-v2',
    }),
  ],
  rows: [
    {
      name: 'Send to service with wrong hostname',
      request: { via: 'echo-v2', host: 'echo-v1' },
      expect: { backend: 'echo-v2', answer: { 'x-header-set': 'set' } },
    },
    {
      name: 'Send to other service with matching hostname',
      request: { via: 'echo-v1', host: 'echo-v2' },
      expect: { backend: 'echo-v1', absentAnswer: ['x-header-set'] },
    },
  ],
}

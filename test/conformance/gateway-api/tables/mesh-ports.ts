import { httpRoute, to, type ConformanceTable } from '../table.ts'

const setting = (value: string) => ({
  type: 'ResponseHeaderModifier',
  responseHeaderModifier: { set: [{ name: 'X-Header-Set', value }] },
})

export const meshPorts: ConformanceTable = {
  name: 'MeshPorts',
  source: 'conformance/tests/mesh/mesh-ports.go',
  routes: [
    httpRoute([{ filters: [setting('v1')], backendRefs: to('echo-v1', 80) }], {
      name: 'mesh-split-v1',
      parent: 'echo-v1',
      port: 80,
    }),
    httpRoute([{ filters: [setting('v2')], backendRefs: to('echo-v2', 80) }], {
      name: 'mesh-split-v2',
      parent: 'echo-v2',
    }),
  ],
  rows: [
    {
      name: 'Explicit port set, send to that port',
      request: { host: 'echo-v1' },
      expect: { backend: 'echo-v1', answer: { 'x-header-set': 'v1' } },
    },
    {
      name: 'Explicit port, send to an excluded port',
      request: { host: 'echo-v1:8080' },
      expect: { backend: 'echo-v1', absentAnswer: ['x-header-set'] },
    },
    {
      name: 'No port set',
      request: { host: 'echo-v2' },
      expect: { backend: 'echo-v2', answer: { 'x-header-set': 'v2' } },
    },
    {
      name: 'No port set, on the other port',
      request: { host: 'echo-v2:8080' },
      expect: { backend: 'echo-v2', answer: { 'x-header-set': 'v2' } },
    },
  ],
}

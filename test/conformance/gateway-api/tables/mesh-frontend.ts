import { httpRoute, to, type ConformanceTable } from '../table.ts'

const setting = (value: string) => ({
  type: 'ResponseHeaderModifier',
  responseHeaderModifier: { set: [{ name: 'X-Header-Set', value }] },
})

export const meshFrontend: ConformanceTable = {
  name: 'MeshFrontend',
  source: 'conformance/tests/mesh/mesh-frontend.go',
  routes: [
    httpRoute([{ filters: [setting('set')], backendRefs: to('echo-v2', 80) }], {
      parent: 'echo-v2',
    }),
  ],
  rows: [
    // That of the address of a pod needs a captured connection: test/integration/transparent.test.ts.
    {
      name: 'Send to service',
      request: { host: 'echo-v2' },
      expect: { backend: 'echo-v2', answer: { 'x-header-set': 'set' } },
    },
  ],
}

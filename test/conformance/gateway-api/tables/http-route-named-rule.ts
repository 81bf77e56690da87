import { httpRoute, prefix, to, type ConformanceTable } from '../table.ts'

export const httpRouteNamedRule: ConformanceTable = {
  name: 'MeshHTTPRouteNamedRule',
  source: 'conformance/tests/mesh/httproute-named-rule.go',
  routes: [
    httpRoute([
      { name: 'named-rule', matches: [prefix('/named')], backendRefs: to('echo-v1') },
      { matches: [prefix('/unnamed')], backendRefs: to('echo-v2') },
    ]),
  ],
  rows: [
    { request: { path: '/named' }, expect: { path: '/named', backend: 'echo-v1' } },
    { request: { path: '/unnamed' }, expect: { path: '/unnamed', backend: 'echo-v2' } },
  ],
}

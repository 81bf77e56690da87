import { httpRoute, prefix, to, type ConformanceTable } from '../table.ts'

const version = (value: string) => ({ headers: [{ name: 'version', value }] })

export const httpRouteMatching: ConformanceTable = {
  name: 'MeshHTTPRouteMatching',
  source: 'conformance/tests/mesh/httproute-matching.go',
  routes: [
    httpRoute([
      { matches: [prefix('/'), version('one')], backendRefs: to('echo-v1') },
      { matches: [prefix('/v2'), version('two')], backendRefs: to('echo-v2') },
    ]),
  ],
  rows: [
    { request: {}, expect: { backend: 'echo-v1' } },
    { request: { path: '/example' }, expect: { backend: 'echo-v1' } },
    { request: { headers: { version: 'one' } }, expect: { backend: 'echo-v1' } },
    { request: { path: '/v2' }, expect: { backend: 'echo-v2' } },
    { request: { path: '/v2/example' }, expect: { backend: 'echo-v2' } },
    { request: { headers: { version: 'two' } }, expect: { backend: 'echo-v2' } },
    { request: { path: '/v2/' }, expect: { backend: 'echo-v2' } },
    { request: { path: '/v2example' }, expect: { backend: 'echo-v1' } },
    { request: { path: '/foo/v2/example' }, expect: { backend: 'echo-v1' } },
  ],
}

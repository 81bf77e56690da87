import { httpRoute, prefix, to, type ConformanceTable } from '../table.ts'

const animal = (value: string) => ({ queryParams: [{ name: 'animal', value }] })
const version = (value: string) => ({ headers: [{ name: 'version', value }] })

export const httpRouteQueryParamMatching: ConformanceTable = {
  name: 'MeshHTTPRouteQueryParamMatching',
  source: 'conformance/tests/mesh/httproute-query-param-matching.go',
  routes: [
    httpRoute([
      { matches: [animal('whale')], backendRefs: to('echo-v1') },
      { matches: [animal('dolphin')], backendRefs: to('echo-v2') },
      { matches: [{ ...prefix('/path1'), ...animal('whale') }], backendRefs: to('echo-v1') },
      { matches: [{ ...version('one'), ...animal('whale') }], backendRefs: to('echo-v2') },
      {
        matches: [
          { ...prefix('/path3'), ...animal('shark') },
          { ...prefix('/path4'), ...version('three'), ...animal('kraken') },
        ],
        backendRefs: to('echo-v1'),
      },
      { matches: [prefix('/path5')], backendRefs: to('echo-v1') },
      { matches: [animal('hydra')], backendRefs: to('echo-v2') },
    ]),
  ],
  rows: [
    { request: { path: '/?animal=whale' }, expect: { backend: 'echo-v1' } },
    { request: { path: '/?animal=dolphin' }, expect: { backend: 'echo-v2' } },
    {
      request: { path: '/?animal=whale&otherparam=irrelevant' },
      expect: { backend: 'echo-v1' },
    },
    { request: { path: '/?animal=dolphin&color=yellow' }, expect: { backend: 'echo-v2' } },
    { request: { path: '/?color=blue' }, expect: { status: [404] } },
    { request: { path: '/?animal=dog' }, expect: { status: [404] } },
    { request: { path: '/?animal=whaledolphin' }, expect: { status: [404] } },
    { request: {}, expect: { status: [404] } },
    { request: { path: '/path1?animal=whale' }, expect: { backend: 'echo-v1' } },
    {
      request: { path: '/?animal=whale', headers: { version: 'one' } },
      expect: { backend: 'echo-v2' },
    },
    { request: { path: '/path3?animal=shark' }, expect: { backend: 'echo-v1' } },
    {
      request: { path: '/path4?animal=kraken', headers: { version: 'three' } },
      expect: { backend: 'echo-v1' },
    },
    { request: { path: '/?animal=shark' }, expect: { status: [404] } },
    { request: { path: '/path4?animal=kraken' }, expect: { status: [404] } },
    { request: { path: '/path5?animal=hydra' }, expect: { backend: 'echo-v1' } },
  ],
}

// Two tests of gateways: their infra-backends are the echos here.
import { httpRoute, prefix, to, type ConformanceTable } from '../table.ts'

const rewriteHost = (hostname: string) => ({ type: 'URLRewrite', urlRewrite: { hostname } })

export const httpRouteRewriteHost: ConformanceTable = {
  name: 'HTTPRouteRewriteHost',
  source: 'conformance/tests/httproute-rewrite-host.go',
  routes: [
    httpRoute([
      {
        matches: [prefix('/one')],
        filters: [rewriteHost('one.example.org')],
        backendRefs: to('echo-v1'),
      },
      { filters: [rewriteHost('example.org')], backendRefs: to('echo-v2') },
      {
        matches: [prefix('/rewrite-host-and-modify-headers')],
        filters: [
          rewriteHost('test.example.org'),
          {
            type: 'RequestHeaderModifier',
            requestHeaderModifier: {
              set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }],
              remove: ['X-Header-Remove'],
            },
          },
        ],
        backendRefs: to('echo-v2'),
      },
    ]),
  ],
  rows: [
    {
      request: { path: '/one' },
      expect: { path: '/one', host: 'one.example.org', backend: 'echo-v1' },
    },
    {
      request: { path: '/two' },
      expect: { path: '/two', host: 'example.org', backend: 'echo-v2' },
    },
    {
      request: {
        path: '/rewrite-host-and-modify-headers',
        headers: { 'X-Header-Remove': 'remove-val' },
      },
      expect: {
        host: 'test.example.org',
        backend: 'echo-v2',
        headers: { 'x-header-set': 'set-overwrites-values' },
        absentHeaders: ['x-header-remove'],
      },
    },
  ],
}

const rewritePath = (path: object) => [{ type: 'URLRewrite', urlRewrite: { path } }]

export const httpRouteBackendUrlRewrite: ConformanceTable = {
  name: 'HTTPRouteBackendURLRewrite',
  source: 'conformance/tests/httproute-backend-url-rewrite.go',
  routes: [
    httpRoute([
      {
        matches: [prefix('/full')],
        backendRefs: [
          {
            name: 'echo-v1',
            port: 8080,
            filters: rewritePath({ type: 'ReplaceFullPath', replaceFullPath: '/rewritten-full' }),
          },
        ],
      },
      {
        matches: [prefix('/prefix')],
        backendRefs: [
          {
            name: 'echo-v1',
            port: 8080,
            filters: rewritePath({
              type: 'ReplacePrefixMatch',
              replacePrefixMatch: '/rewritten-prefix',
            }),
          },
        ],
      },
    ]),
  ],
  rows: [
    {
      request: { path: '/full/original' },
      expect: { path: '/rewritten-full', backend: 'echo-v1' },
    },
    {
      request: { path: '/prefix/original' },
      expect: { path: '/rewritten-prefix/original', backend: 'echo-v1' },
    },
  ],
}

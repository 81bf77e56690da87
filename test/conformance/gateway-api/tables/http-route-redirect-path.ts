import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

const byPrefix = {
  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' },
}
const byFull = (value: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath: value } })

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRouteRedirectPath: ConformanceTable = {
  name: 'MeshHTTPRouteRedirectPath',
  source: 'conformance/tests/mesh/httproute-redirect-path.go',
  routes: [
    httpRoute([
      redirected('/original-prefix', byPrefix),
      redirected('/full', byFull('/full-path-replacement')),
      redirected('/path-and-host', { hostname: 'example.org', ...byPrefix }),
      redirected('/path-and-status', { statusCode: 301, ...byPrefix }),
      redirected('/full-path-and-host', {
        hostname: 'example.org',
        ...byFull('/replacement-full'),
      }),
      redirected('/full-path-and-status', { statusCode: 301, ...byFull('/replacement-full') }),
    ]),
  ],
  rows: [
    row('/original-prefix/lemon', 302, 'http://echo/replacement-prefix/lemon'),
    row('/full/path/original', 302, 'http://echo/full-path-replacement'),
    row('/path-and-host', 302, 'http://example.org/replacement-prefix'),
    row('/path-and-status', 301, 'http://echo/replacement-prefix'),
    row('/full-path-and-host', 302, 'http://example.org/replacement-full'),
    row('/full-path-and-status', 301, 'http://echo/replacement-full'),
  ],
}

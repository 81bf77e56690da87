import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRouteRedirectHostAndStatus: ConformanceTable = {
  name: 'MeshHTTPRouteRedirectHostAndStatus',
  source: 'conformance/tests/mesh/httproute-redirect-host-and-status.go',
  routes: [
    httpRoute([
      redirected('/hostname-redirect', { hostname: 'example.org' }),
      redirected('/host-and-status', { hostname: 'example.org', statusCode: 301 }),
    ]),
  ],
  rows: [
    row('/hostname-redirect', 302, 'http://example.org/hostname-redirect'),
    row('/host-and-status', 301, 'http://example.org/host-and-status'),
  ],
}

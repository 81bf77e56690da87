import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRouteSchemeRedirect: ConformanceTable = {
  name: 'MeshHTTPRouteSchemeRedirect',
  source: 'conformance/tests/mesh/httproute-redirect-scheme.go',
  routes: [
    httpRoute([
      redirected('/scheme', { scheme: 'https' }),
      redirected('/scheme-and-host', { scheme: 'https', hostname: 'example.org' }),
      redirected('/scheme-and-status', { scheme: 'https', statusCode: 301 }),
      redirected('/scheme-and-host-and-status', {
        scheme: 'https',
        hostname: 'example.org',
        statusCode: 302,
      }),
    ]),
  ],
  rows: [
    row('/scheme', 302, 'https://echo/scheme'),
    row('/scheme-and-host', 302, 'https://example.org/scheme-and-host'),
    row('/scheme-and-status', 301, 'https://echo/scheme-and-status'),
    row('/scheme-and-host-and-status', 302, 'https://example.org/scheme-and-host-and-status'),
  ],
}

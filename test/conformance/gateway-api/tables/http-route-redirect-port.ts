import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRouteRedirectPort: ConformanceTable = {
  name: 'MeshHTTPRouteRedirectPort',
  source: 'conformance/tests/mesh/httproute-redirect-port.go',
  routes: [
    httpRoute([
      redirected('/port', { port: 8083 }),
      redirected('/port-and-host', { port: 8083, hostname: 'example.org' }),
      redirected('/port-and-status', { port: 8083, statusCode: 301 }),
      redirected('/port-and-host-and-status', {
        port: 8083,
        hostname: 'example.org',
        statusCode: 302,
      }),
    ]),
  ],
  rows: [
    row('/port', 302, 'http://echo:8083/port'),
    row('/port-and-host', 302, 'http://example.org:8083/port-and-host'),
    row('/port-and-status', 301, 'http://echo:8083/port-and-status'),
    row('/port-and-host-and-status', 302, 'http://example.org:8083/port-and-host-and-status'),
  ],
}

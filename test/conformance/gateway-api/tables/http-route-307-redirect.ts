import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRoute307Redirect: ConformanceTable = {
  name: 'MeshHTTPRoute307Redirect',
  source: 'conformance/tests/mesh/httproute-307-redirect.go',
  routes: [httpRoute([redirected('/temporary', { statusCode: 307 })])],
  rows: [row('/temporary', 307, 'http://echo/temporary')],
}

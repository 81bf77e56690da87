import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRoute303Redirect: ConformanceTable = {
  name: 'MeshHTTPRoute303Redirect',
  source: 'conformance/tests/mesh/httproute-303-redirect.go',
  routes: [httpRoute([redirected('/redirect', { statusCode: 303 })])],
  rows: [row('/redirect', 303, 'http://echo/redirect')],
}

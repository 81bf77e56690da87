import { httpRoute, prefix, type ConformanceTable, type Row } from '../table.ts'

function redirected(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] }
}

function row(path: string, status: number, location: string): Row {
  return { request: { path }, expect: { status: [status], answer: { location } } }
}

export const httpRoute308Redirect: ConformanceTable = {
  name: 'MeshHTTPRoute308Redirect',
  source: 'conformance/tests/mesh/httproute-308-redirect.go',
  routes: [httpRoute([redirected('/permanent', { statusCode: 308 })])],
  rows: [row('/permanent', 308, 'http://echo/permanent')],
}

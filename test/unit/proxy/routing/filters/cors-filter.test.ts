import t from 'tap'
import { HeaderList } from '../../../../../src/http/headers.ts'
import type { CorsFilter as Cors } from '../../../../../src/model/route-filter.ts'
import { CorsFilter } from '../../../../../src/proxy/routing/filters/cors-filter.ts'
import { responseHead } from '../../../../support/requests.ts'
import { routedExchange } from '../../../../support/routing.ts'

const origin = 'https://shop.example'

function filterOf(changes: Partial<Cors> = {}): CorsFilter {
  return new CorsFilter({
    kind: 'cors',
    allowOrigins: [origin],
    allowCredentials: false,
    allowMethods: ['PUT'],
    allowHeaders: ['x-a'],
    exposeHeaders: [],
    maxAgeSeconds: 5,
    ...changes,
  })
}

/** The fields of the answer to a preflight; undefined: the application was to answer. */
function preflight(
  filter: CorsFilter,
  fields: Readonly<Record<string, string>>,
  method = 'OPTIONS',
) {
  const { exchange, stream } = routedExchange({ method, headers: HeaderList.of(fields) }, [filter])
  if (filter.onRequest(exchange)) return undefined
  const { headers, status } = stream.heads[0] ?? responseHead(0)
  t.equal(status, 204)
  return Object.fromEntries(headers.names.map((name, index) => [name, headers.values[index]]))
}

const asks = { origin, 'access-control-request-method': 'PUT' }

t.test('a preflight is answered with what the route allows', async t => {
  t.same(preflight(filterOf(), { ...asks, 'access-control-request-headers': 'x-a' }), {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-a',
    'access-control-max-age': '5',
    'x-weft-reason': 'cors_preflight',
    vary: 'origin',
  })
  t.notOk(
    'access-control-allow-headers' in Object(preflight(filterOf(), asks)),
    'nobody asked for headers',
  )
})

t.test('other origins get an answer that allows nothing', async t => {
  t.same(preflight(filterOf(), { ...asks, origin: 'https://evil.example' }), {
    'x-weft-reason': 'cors_preflight',
    vary: 'origin',
  })
})

t.test('an OPTIONS that is no preflight goes to the application', async t => {
  t.equal(preflight(filterOf(), {}), undefined)
  t.equal(preflight(filterOf(), { origin }), undefined)
  t.equal(preflight(filterOf(), asks, 'GET'), undefined)
})

t.test('"*" says what was asked for', async t => {
  const filter = filterOf({ allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true })
  t.match(preflight(filter, { ...asks, 'access-control-request-headers': 'x-b,x-c' }), {
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-b,x-c',
    'access-control-allow-credentials': 'true',
  })
})

t.test('the route decides, whatever the application says', async t => {
  const headers = HeaderList.of({
    'access-control-allow-origin': '*',
    'access-control-allow-credentials': 'true',
  })
  const head = responseHead(200, { headers })
  const { exchange } = routedExchange({
    headers: HeaderList.of({ origin: 'https://evil.example' }),
  })
  filterOf().onResponse(exchange, head)
  t.notOk(head.headers.has('access-control-allow-origin'))
  t.notOk(head.headers.has('access-control-allow-credentials'))
})

t.test('with credentials the names of the headers stand for "*"', async t => {
  const exposed = (allowCredentials: boolean) => {
    const head = responseHead(200, { headers: HeaderList.of({ etag: '1', 'x-b': '2' }) })
    const { exchange } = routedExchange({ headers: HeaderList.of({ origin }) })
    filterOf({ exposeHeaders: ['*'], allowCredentials }).onResponse(exchange, head)
    return head.headers.get('access-control-expose-headers')
  }
  t.equal(exposed(false), '*')
  t.equal(exposed(true), 'etag, x-b, vary')
})

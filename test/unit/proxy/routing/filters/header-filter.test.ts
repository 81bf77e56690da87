import t from 'tap'
import { HeaderList } from '../../../../../src/http/headers.ts'
import {
  RequestHeaderFilter,
  ResponseHeaderFilter,
} from '../../../../../src/proxy/routing/filters/header-filter.ts'
import { responseHead } from '../../../../support/requests.ts'
import { routedExchange } from '../../../../support/routing.ts'

const edits = {
  remove: ['x-gone'],
  set: [{ name: 'x-set', value: 'new' }],
  add: [{ name: 'x-add', value: 'more' }],
}

function fields(): HeaderList {
  const headers = new HeaderList()
  for (const [name, value] of [
    ['X-Gone', '1'],
    ['x-set', 'a'],
    ['x-add', 'b'],
    ['X-Set', 'c'],
    ['x-gone', '2'],
  ])
    headers.append(name ?? '', value ?? '')
  return headers
}

const wanted = [
  ['x-set', 'new'],
  ['x-add', 'b'],
  ['x-add', 'more'],
]

t.test(
  'every field of a name goes, one stays of what is set, and what is added comes last',
  async t => {
    const { exchange } = routedExchange({ headers: fields() })
    t.ok(new RequestHeaderFilter({ kind: 'request-headers', ...edits }).onRequest(exchange))
    const { headers } = exchange.request
    t.same(
      headers.names.map((name, index) => [name, headers.values[index]]),
      wanted,
    )
  },
)

t.test('of an answer too', async t => {
  const { exchange } = routedExchange()
  const head = responseHead(200, { headers: fields() })
  new ResponseHeaderFilter({ kind: 'response-headers', ...edits }).onResponse(exchange, head)
  t.same(
    head.headers.names.map((name, index) => [name, head.headers.values[index]]),
    wanted,
  )
})

import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { ActiveEndpoint } from '../../../../src/proxy/upstream/active-endpoint.ts'
import { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'
import { endpointAt } from '../../../support/policies.ts'

function activate(changes: Parameters<typeof endpointAt>[1] = {}) {
  const lent: string[] = []
  const endpoint = new ActiveEndpoint(endpointAt(8080, changes), protocol => {
    lent.push(protocol)
    return new ConnectionPool({
      name: protocol,
      dial: () => new Promise(() => {}),
      maxConnections: 1,
      maxPending: 1,
    })
  })
  return { endpoint, lent }
}

const mesh = { port: 15008, identity: 'spiffe://weft.local/ns/default/sa/orders' }
const noHttp2 = new ExchangeError('upstream_protocol', 'does not speak HTTP/2')

t.test('an application has connections of its own for HTTP/2, from the first need on', async t => {
  const { endpoint, lent } = activate()
  const http1 = endpoint.pool('http/1.1', 0)
  t.strictSame(lent, ['http/1.1'])
  const http2 = endpoint.pool('h2', 0)
  t.not(http2, http1)
  t.equal(endpoint.pool('h2', 0), http2)
  t.strictSame(lent, ['http/1.1', 'h2'])
  t.strictSame(endpoint.pools, [http1, http2])
})

t.test('a sidecar takes all over the same connections', async t => {
  const { endpoint, lent } = activate({ mesh })
  t.equal(endpoint.pool('h2', 0), endpoint.pool('http/1.1', 0))
  t.strictSame(lent, ['http/1.1'])
})

t.test('an application without HTTP/2 is spoken to in HTTP/1.1 for a minute', async t => {
  const { endpoint } = activate()
  const http1 = endpoint.pool('http/1.1', 1000)
  const http2 = endpoint.pool('h2', 1000)
  t.equal(endpoint.fallback(http2, noHttp2, 1000), http1)
  t.equal(endpoint.pool('h2', 60_999), http1)
  t.equal(endpoint.pool('h2', 61_000), http2)
})

t.test('a failure of another kind is no reason to fall back', async t => {
  const { endpoint } = activate()
  const http2 = endpoint.pool('h2', 0)
  t.equal(endpoint.fallback(http2, new ExchangeError('connect_failed', 'refused'), 0), undefined)
  t.equal(endpoint.fallback(endpoint.pool('http/1.1', 0), noHttp2, 0), undefined)
  t.equal(endpoint.pool('h2', 0), http2)
})

t.test('the header for a sidecar says port and protocol', async t => {
  const { endpoint } = activate({ mesh })
  t.strictSame(endpoint.targetPorts, { 'http/1.1': '8080', h2: '8080/h2', tcp: '8080/tcp' })
})

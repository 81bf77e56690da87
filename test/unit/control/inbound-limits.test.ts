import t from 'tap'
import { inboundLimits } from '../../../src/control/inbound-limits.ts'
import { endpointAt } from '../../support/policies.ts'

const limit = { minLimit: 3, maxLimit: 9, tolerance: 0.25, windowMs: 100, probeIntervalMs: 1 }
const mesh = { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/orders' }

t.test('the sidecars of the endpoints hold the limits of their ports', async t => {
  const endpoints = [
    endpointAt(8080, { workload: 'one', mesh }),
    endpointAt(8081, { workload: 'one', mesh }),
    endpointAt(8080, { workload: 'plain' }),
  ]
  const limits = inboundLimits([
    { namespace: 'shop', inboundLimit: limit, endpoints },
    { namespace: 'shop', inboundLimit: undefined, endpoints: [endpointAt(1, { mesh })] },
  ])
  t.strictSame([...limits], [['shop/one', { 8080: limit, 8081: limit }]])
})

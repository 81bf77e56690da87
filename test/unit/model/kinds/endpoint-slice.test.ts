import t from 'tap'
import { endpointSliceKind } from '../../../../src/model/kinds/endpoint-slice.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'orders-1', labels: { 'kubernetes.io/service-name': 'orders' } },
  addressType: 'IPv4',
}

t.test('a slice may be empty, in each way that the API server writes it', async t => {
  const empty = { ...endpointSliceKind.parse(slice), endpoints: [], ports: [] }
  t.same(endpointSliceKind.parse({ ...slice, endpoints: null, ports: null }), empty)
  t.same(endpointSliceKind.parse({ ...slice, endpoints: [], ports: [] }), empty)
})

t.test('every field has its bounds', async t => {
  const full = {
    ...slice,
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true } }],
    ports: [{ port: 8080 }],
  }
  checkFaults(t, endpointSliceKind, full, [
    ['apiVersion', 'discovery.k8s.io/v1beta1', /expected "discovery.k8s.io\/v1"/],
    ['metadata.name', 'Orders', /lower-case/],
    ['addressType', 'DNS', /"IPv4"\|"IPv6"\|"FQDN"/],
    ['endpoints.0.addresses', [], />=1 items/],
    ['endpoints.0.addresses.0', '', />=1 characters/],
    ['endpoints.0.conditions.ready', 'yes', /expected boolean/],
    ['endpoints.0.zone', 1, /expected string/],
    ['ports.0.port', 0, />=1/],
    ['ports.0.name', 1, /expected string/],
  ])
})

t.test('what a cluster adds is taken', async t => {
  checkTaken(t, endpointSliceKind, slice, [
    ['metadata.ownerReferences', [{ kind: 'Service' }]],
    [
      'endpoints',
      [
        {
          addresses: ['10.0.0.1'],
          conditions: { ready: null, serving: true, terminating: false },
          nodeName: 'node-1',
          targetRef: { kind: 'Pod' },
          hints: { forZones: [] },
          zone: 'a',
        },
      ],
    ],
    ['ports', [{ name: 'http', protocol: 'TCP', appProtocol: 'http', port: 8080 }]],
  ])
})

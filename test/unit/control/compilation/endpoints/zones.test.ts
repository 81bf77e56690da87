import t from 'tap'
import { zonesOf } from '../../../../../src/control/compilation/endpoints/zones.ts'
import { configurationIn } from '../../../model/configurations.ts'
import { registrationOf } from '../../sidecars/registrations.ts'

const yaml = `apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: declared }
spec: { zone: b, ports: [{ port: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: slice }
addressType: IPv4
ports: [{ port: 8080 }]
endpoints: [{ addresses: [10.0.0.3], zone: c }]
`

t.test("a zone is the sidecar's word, else the Workload's, else the slice's", async t => {
  const zones = zonesOf(configurationIn(yaml), [
    registrationOf('own', { zone: 'a', address: '10.0.0.3' }),
    registrationOf('declared', { address: '10.0.0.3' }),
    registrationOf('pod', { address: '10.0.0.3' }),
    registrationOf('unknown', { address: '10.0.0.4' }),
  ])
  t.strictSame(
    [...zones],
    [
      ['default/own', 'a'],
      ['default/declared', 'b'],
      ['default/pod', 'c'],
    ],
  )
})

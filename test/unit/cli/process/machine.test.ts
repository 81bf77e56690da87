import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { reachableAddresses } from '../../../../src/cli/process/machine.ts'

function entry(address: string, internal = false): NetworkInterfaceInfo {
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  return { address, family, internal, netmask: '', mac: '', cidr: null, scopeid: 0 }
}

t.test('IPv4 comes first, loopback and link-local addresses do not come', async t => {
  t.strictSame(
    reachableAddresses({
      lo: [entry('127.0.0.1', true), entry('::1', true)],
      eth0: [entry('fe80::1'), entry('fd00::5'), entry('172.18.0.5')],
      eth1: [entry('169.254.1.1'), entry('10.1.0.5')],
      gone: undefined,
    }),
    ['172.18.0.5', '10.1.0.5', 'fd00::5'],
  )
})

import t from 'tap'
import { parseResolvConf } from '../../../../src/proxy/dns/resolv-conf.ts'

t.test('nameservers are read in their order, the first three', async t => {
  const text = `
# nameserver 192.0.2.1
search default.svc.cluster.local
nameserver 192.0.2.2
\tnameserver   2001:db8::1  # a comment
nameserver
nameserver resolver.example
;nameserver 192.0.2.3
options ndots:5
nameserver fe80::1%eth0
nameserver 192.0.2.4`
  t.same(parseResolvConf(text), ['192.0.2.2', '2001:db8::1', 'fe80::1%eth0'])
  t.same(parseResolvConf(text.replaceAll('\n', '\r\n')).length, 3)
  t.same(parseResolvConf(''), [])
})

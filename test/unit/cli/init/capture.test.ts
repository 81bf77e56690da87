import t from 'tap'
import { parseCapture, type CaptureFlags } from '../../../../src/cli/init/capture.ts'

const flags: CaptureFlags = {
  uid: '1337',
  outboundPort: '15001',
  inboundPort: '15006',
  inbound: true,
}

t.test(
  'the defaults capture all but the sidecar, and what comes by mTLS or from a platform',
  async t => {
    t.strictSame(parseCapture(flags), {
      outboundPort: 15_001,
      inboundPort: 15_006,
      dnsPort: undefined,
      uids: [1337],
      gids: [],
      excludedInboundPorts: [15_008, 15_020],
      excludedOutboundPorts: [],
      excludedCidrs: [],
      includedCidrs: [],
    })
  },
)

t.test('lists are separated by commas, and DNS has a port of its own', async t => {
  const more = {
    uid: '1, 2',
    excludeUids: '3',
    gid: '0',
    dns: true,
    inbound: false,
    excludeOutboundPorts: '25,5432',
    excludeInboundPorts: '22',
    excludeCidrs: '10.0.0.0/8,fd00::/8,1.2.3.4',
    includeCidrs: '::/0',
  }
  t.match(parseCapture({ ...flags, ...more }), {
    uids: [1, 2, 3],
    gids: [0],
    dnsPort: 15_053,
    inboundPort: undefined,
    excludedOutboundPorts: [25, 5432],
    excludedInboundPorts: [15_008, 15_020, 22],
    excludedCidrs: ['10.0.0.0/8', 'fd00::/8', '1.2.3.4'],
    includedCidrs: ['::/0'],
  })
  t.equal(parseCapture({ ...flags, dns: '5353' }).dnsPort, 5353)
})

t.test('all that is wrong is said at once', async t => {
  const wrong = {
    outboundPort: '0',
    excludeUids: 'root,-1',
    excludeOutboundPorts: '80,http,65536',
    excludeCidrs: '10.0.0.0/33,10.0.0/8,a/8,fd00::/129,1.2.3.4/5/6,-j ACCEPT',
  }
  t.throws(() => parseCapture({ ...flags, ...wrong }), {
    exitCode: 2,
    message: [
      '--outbound-port: "0" is no port, 1 to 65535',
      '--exclude-uids: "root" is no numeric id of a user or group',
      '--exclude-uids: "-1" is no numeric id of a user or group',
      '--exclude-outbound-ports: "http" is no port, 1 to 65535',
      '--exclude-outbound-ports: "65536" is no port, 1 to 65535',
      ...['10.0.0.0/33', '10.0.0/8', 'a/8', 'fd00::/129', '1.2.3.4/5/6', '-j ACCEPT'].map(
        text =>
          `--exclude-cidrs: ${JSON.stringify(text)} is no address range such as 10.0.0.0/8 or fd00::/8`,
      ),
    ].join('\n'),
  })
})

t.test('without the id of the sidecar its own calls would be captured', async t => {
  const { uid: _uid, ...others } = flags
  t.throws(() => parseCapture(others), /--uid or --gid/)
  t.equal(parseCapture({ ...others, gid: '5' }).gids[0], 5)
})

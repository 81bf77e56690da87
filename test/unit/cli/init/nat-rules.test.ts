import t from 'tap'
import type { Capture } from '../../../../src/cli/init/capture.ts'
import { captureScript, undoScript } from '../../../../src/cli/init/nat-rules.ts'

const capture: Capture = {
  outboundPort: 15_001,
  inboundPort: 15_006,
  dnsPort: 15_053,
  uids: [1337],
  gids: [7],
  excludedInboundPorts: [15_008],
  excludedOutboundPorts: [25],
  excludedCidrs: ['10.0.0.0/8', 'fd00::/8'],
  includedCidrs: [],
}

const empty = '*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n'

function rulesOf(script: string | undefined, chain: string, command = 'A'): string[] {
  const start = `-${command} ${chain} `
  return (script ?? '')
    .split('\n')
    .flatMap(line => (line.startsWith(start) ? line.slice(start.length) : []))
}

/** What `iptables-save` prints after a script on an empty table. */
function saved(script: string): string {
  const lines = script.split('\n')
  const rules = lines.map(line => line.replace(/^-I/, '-A'))
  return ['*nat', ...rules.filter(line => /^[:-]/.test(line)), 'COMMIT'].join('\n')
}

t.test(
  'who is exempt goes first, loopback is free but for DNS, the rest is redirected',
  async t => {
    t.strictSame(rulesOf(captureScript(capture, 4, empty), 'WEFT_OUTPUT'), [
      '-m owner --uid-owner 1337 -j RETURN',
      '-m owner --gid-owner 7 -j RETURN',
      '-p tcp --dport 53 -j REDIRECT --to-ports 15053',
      '-o lo -j RETURN',
      '-d 10.0.0.0/8 -j RETURN',
      '-p tcp --dport 25 -j RETURN',
      '-p tcp -j REDIRECT --to-ports 15001',
    ])
  },
)

t.test('each family has its own ranges', async t => {
  const six = rulesOf(captureScript(capture, 6, empty), 'WEFT_OUTPUT')
  t.ok(six.includes('-d fd00::/8 -j RETURN'))
  t.notOk(six.some(rule => rule.includes('10.0.0.0')))
  const some = { ...capture, includedCidrs: ['172.16.0.0/12'] }
  t.equal(
    rulesOf(captureScript(some, 4, empty), 'WEFT_OUTPUT').at(-1),
    '-d 172.16.0.0/12 -p tcp -j REDIRECT --to-ports 15001',
  )
  t.notOk(
    captureScript(some, 6, empty).includes('15001'),
    'nothing of the other family is included',
  )
})

t.test('what comes in goes to the sidecar unless its port is excluded', async t => {
  t.strictSame(rulesOf(captureScript(capture, 4, empty), 'WEFT_INBOUND'), [
    '-i lo -j RETURN',
    '-p tcp --dport 15008 -j RETURN',
    '-p tcp -j REDIRECT --to-ports 15006',
  ])
})

t.test(
  'a second time changes nothing: chains are made anew, and so are jumps, at the top',
  async t => {
    const first = captureScript(capture, 4, empty)
    t.strictSame(rulesOf(first, 'OUTPUT', 'I'), ['-p tcp -j WEFT_OUTPUT', '-p udp -j WEFT_DNS'])
    t.strictSame(rulesOf(first, 'OUTPUT', 'D'), [])
    const second = captureScript(capture, 4, saved(first))
    for (const chain of ['OUTPUT', 'PREROUTING']) {
      t.strictSame(rulesOf(second, chain, 'I'), rulesOf(first, chain, 'I'))
      t.strictSame(rulesOf(second, chain, 'D'), rulesOf(first, chain, 'I'))
      t.strictSame(rulesOf(second, chain), [])
    }
    t.strictSame(rulesOf(second, 'WEFT_OUTPUT'), rulesOf(first, 'WEFT_OUTPUT'))
  },
)

t.test('what is no longer wanted goes', async t => {
  const all = saved(captureScript(capture, 4, empty))
  const less = captureScript({ ...capture, dnsPort: undefined, inboundPort: undefined }, 4, all)
  for (const line of [
    ':WEFT_DNS - [0:0]',
    '-D OUTPUT -p udp -j WEFT_DNS',
    '-X WEFT_DNS',
    '-D PREROUTING -p tcp -j WEFT_INBOUND',
    '-X WEFT_INBOUND',
  ])
    t.ok(less.split('\n').includes(line), line)
})

t.test('undo takes away what is ours, and that alone', async t => {
  const others = '-A OUTPUT -p tcp -j DOCKER'
  const all = saved(captureScript(capture, 4, empty)).replace('COMMIT', `${others}\nCOMMIT`)
  const undo = undoScript(all) ?? ''
  t.notOk(undo.includes('DOCKER'))
  t.equal(undo.split('\n').filter(line => line.startsWith('-D')).length, 3)
  t.equal(undo.split('\n').filter(line => line.startsWith('-X')).length, 3)
  t.equal(undoScript(empty), undefined)
})

import { isIP } from 'node:net'
import type { Capture } from './capture.ts'

export type Family = 4 | 6

const chains = ['WEFT_INBOUND', 'WEFT_OUTPUT', 'WEFT_DNS'] as const
type Chain = (typeof chains)[number]

/**
 * Where the system's own chains lead into ours, before all others' rules: in a container Docker has some of its own
 * there, which take what goes to its resolver, 127.0.0.11.
 */
const jumps = {
  WEFT_INBOUND: 'PREROUTING -p tcp -j WEFT_INBOUND',
  WEFT_OUTPUT: 'OUTPUT -p tcp -j WEFT_OUTPUT',
  WEFT_DNS: 'OUTPUT -p udp -j WEFT_DNS',
} as const satisfies Record<Chain, string>

/**
 * Input of `iptables-restore --noflush` that makes the `nat` table capture so, whatever of ours is in it already;
 * everybody else's rules stay. One commit: there is no moment with half of them.
 * @param present what `iptables-save -t nat` prints now.
 */
export function captureScript(capture: Capture, family: Family, present: string): string {
  const rules: Record<Chain, string[]> = {
    WEFT_INBOUND: inboundRules(capture),
    WEFT_OUTPUT: outputRules(capture, family),
    WEFT_DNS: dnsRules(capture),
  }
  const used = chains.filter(chain => rules[chain].length > 0)
  const lines = linesOf(present)
  return script([
    // A chain that is named so is made, or emptied if it is there.
    ...chains.filter(chain => used.includes(chain) || isThere(chain, lines)).map(declare),
    ...used.flatMap(chain => rules[chain].map(rule => `-A ${chain} ${rule}`)),
    // Again at the top, whatever came before them since.
    ...used.flatMap(chain => [...withoutJump(chain, lines), `-I ${jumps[chain]}`]),
    ...removalOf(
      chains.filter(chain => !used.includes(chain)),
      lines,
    ),
  ])
}

/** Takes away exactly what is ours. Undefined when there is nothing. */
export function undoScript(present: string): string | undefined {
  const lines = linesOf(present)
  const there = chains.filter(chain => isThere(chain, lines))
  if (there.length === 0) return undefined
  return script([...there.map(declare), ...removalOf(there, lines)])
}

/** In front, for who is not captured at all; of the sidecar this is what keeps it from calling itself for ever. */
function exemptions({ uids, gids }: Capture): string[] {
  return [
    ...uids.map(uid => `-m owner --uid-owner ${uid} -j RETURN`),
    ...gids.map(gid => `-m owner --gid-owner ${gid} -j RETURN`),
  ]
}

function outputRules(capture: Capture, family: Family): string[] {
  const { dnsPort, outboundPort, excludedOutboundPorts } = capture
  const ofFamily = (cidrs: readonly string[]): string[] =>
    cidrs.filter(cidr => isIP(cidr.split('/')[0] ?? '') === family)
  const included = ofFamily(capture.includedCidrs)
  const redirect = `-p tcp -j REDIRECT --to-ports ${outboundPort}`
  return [
    ...exemptions(capture),
    // Before loopback goes free, since resolvers are often there: 127.0.0.53, 127.0.0.11.
    ...(dnsPort === undefined ? [] : [`-p tcp --dport 53 -j REDIRECT --to-ports ${dnsPort}`]),
    // The application with itself; the sidecar's own ports; addresses of DNS mode.
    '-o lo -j RETURN',
    ...ofFamily(capture.excludedCidrs).map(cidr => `-d ${cidr} -j RETURN`),
    ...excludedOutboundPorts.map(port => `-p tcp --dport ${port} -j RETURN`),
    ...(capture.includedCidrs.length === 0
      ? [redirect]
      : included.map(cidr => `-d ${cidr} ${redirect}`)),
  ]
}

function inboundRules({ inboundPort, excludedInboundPorts }: Capture): string[] {
  if (inboundPort === undefined) return []
  return [
    // From this machine, and already decided on its way out.
    '-i lo -j RETURN',
    ...excludedInboundPorts.map(port => `-p tcp --dport ${port} -j RETURN`),
    `-p tcp -j REDIRECT --to-ports ${inboundPort}`,
  ]
}

function dnsRules(capture: Capture): string[] {
  const { dnsPort } = capture
  if (dnsPort === undefined) return []
  return [...exemptions(capture), `-p udp --dport 53 -j REDIRECT --to-ports ${dnsPort}`]
}

function removalOf(gone: readonly Chain[], lines: ReadonlySet<string>): string[] {
  const there = gone.filter(chain => isThere(chain, lines))
  return [
    ...there.flatMap(chain => withoutJump(chain, lines)),
    ...there.map(chain => `-X ${chain}`),
  ]
}

function withoutJump(chain: Chain, lines: ReadonlySet<string>): string[] {
  return lines.has(`-A ${jumps[chain]}`) ? [`-D ${jumps[chain]}`] : []
}

function declare(chain: Chain): string {
  return `:${chain} - [0:0]`
}

function isThere(chain: Chain, lines: ReadonlySet<string>): boolean {
  return [...lines].some(line => line.startsWith(`:${chain} `))
}

function linesOf(present: string): ReadonlySet<string> {
  return new Set(present.split('\n').map(line => line.trim()))
}

function script(lines: readonly string[]): string {
  return `${['*nat', ...lines, 'COMMIT'].join('\n')}\n`
}

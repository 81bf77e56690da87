import { sidecarPorts } from '../../model/bootstrap.ts'
import { isIP } from 'node:net'
import { CommandError, usageErrorCode } from '../command-error.ts'

/** What of a network namespace's traffic goes through the sidecar. */
export interface Capture {
  /** Takes what the application sends out. */
  readonly outboundPort: number
  /** Takes what comes in without mTLS of a sidecar; undefined: it goes to the application itself. */
  readonly inboundPort: number | undefined
  /** Answers DNS; undefined: queries go where they went. */
  readonly dnsPort: number | undefined
  /** Whose packets are never captured: the sidecar's own, above all. */
  readonly uids: readonly number[]
  readonly gids: readonly number[]
  readonly excludedInboundPorts: readonly number[]
  readonly excludedOutboundPorts: readonly number[]
  readonly excludedCidrs: readonly string[]
  /** Empty: all. */
  readonly includedCidrs: readonly string[]
}

/** As the command line has them: lists are separated by commas. */
export interface CaptureFlags {
  readonly outboundPort: string
  readonly inboundPort: string
  readonly inbound: boolean
  readonly dns?: boolean | string
  readonly uid?: string
  readonly gid?: string
  readonly excludeUids?: string
  readonly excludeInboundPorts?: string
  readonly excludeOutboundPorts?: string
  readonly excludeCidrs?: string
  readonly includeCidrs?: string
}

/** Of other sidecars' mTLS, and of probes and scrapes by the platform: never captured. */
const alwaysExcludedInboundPorts = [sidecarPorts.inbound, sidecarPorts.health]

const defaultDnsPort = String(sidecarPorts.dns)

/** @throws CommandError with all that is wrong. */
export function parseCapture(flags: CaptureFlags): Capture {
  const problems: string[] = []
  const list = <T>(option: string, text: string | undefined, read: Read<T>): T[] =>
    (text ?? '')
      .split(',')
      .filter(part => part !== '')
      .flatMap(part => {
        const value = read.of(part.trim())
        if (value === undefined)
          problems.push(`--${option}: ${JSON.stringify(part)} is no ${read.what}`)
        return value ?? []
      })
  const one = (option: string, text: string): number => list(option, text, port)[0] ?? 0
  const { dns, inbound } = flags
  const capture: Capture = {
    outboundPort: one('outbound-port', flags.outboundPort),
    inboundPort: inbound ? one('inbound-port', flags.inboundPort) : undefined,
    dnsPort:
      dns === undefined || dns === false
        ? undefined
        : one('dns', dns === true ? defaultDnsPort : dns),
    uids: [...list('uid', flags.uid, id), ...list('exclude-uids', flags.excludeUids, id)],
    gids: list('gid', flags.gid, id),
    excludedInboundPorts: [
      ...alwaysExcludedInboundPorts,
      ...list('exclude-inbound-ports', flags.excludeInboundPorts, port),
    ],
    excludedOutboundPorts: list('exclude-outbound-ports', flags.excludeOutboundPorts, port),
    excludedCidrs: list('exclude-cidrs', flags.excludeCidrs, cidr),
    includedCidrs: list('include-cidrs', flags.includeCidrs, cidr),
  }
  if (flags.uid === undefined && flags.gid === undefined)
    problems.push('--uid or --gid of the sidecar is needed: its own calls would come back to it')
  if (problems.length > 0) throw new CommandError(problems.join('\n'), usageErrorCode)
  return capture
}

interface Read<T> {
  readonly what: string
  of(text: string): T | undefined
}

function numberUpTo(most: number, least: number): (text: string) => number | undefined {
  return text => {
    const value = Number(text)
    return /^\d{1,10}$/.test(text) && value >= least && value <= most ? value : undefined
  }
}

const port: Read<number> = { what: 'port, 1 to 65535', of: numberUpTo(65_535, 1) }
const id: Read<number> = { what: 'numeric id of a user or group', of: numberUpTo(2 ** 32 - 2, 0) }

const cidr: Read<string> = {
  what: 'address range such as 10.0.0.0/8 or fd00::/8',
  of: text => {
    const [address = '', bits, ...more] = text.split('/')
    const version = isIP(address)
    if (version === 0 || more.length > 0) return undefined
    const most = version === 4 ? 32 : 128
    return numberUpTo(most, 0)(bits ?? String(most)) === undefined ? undefined : text
  },
}

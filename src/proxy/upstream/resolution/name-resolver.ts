import { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP, isIPv4, isIPv6, type LookupFunction } from 'node:net'
import { nextTick } from 'node:process'
import type { SocketAddress } from '../../../model/bootstrap.ts'
import { formatAddress } from '../passthrough.ts'

/** Where a name leads to. */
export interface Resolved {
  /** Never empty. */
  readonly addresses: readonly string[]
  /** How long that may be believed; undefined: nobody said. */
  readonly ttlMs?: number
}

/** Rejects with an Error that says why there is no address. */
export type ResolveName = (name: string) => Promise<Resolved>

export interface NameResolver {
  readonly resolve: ResolveName
  /** Questions under way fail. */
  readonly close: () => void
}

export interface NameResolverOptions {
  /** Default: those of the system. In DNS mode those beyond us, since the system's is ourselves. */
  readonly servers?: readonly SocketAddress[]
  /** Default `/etc/hosts`. */
  readonly hostsFile?: string
}

/** For `net.connect` to a host that is named by its caller. */
export function lookupBy(resolve: ResolveName): LookupFunction {
  return (name, { all = false }, callback) => {
    const take = ({ addresses }: Resolved): void => {
      const found = addresses.map(address => ({ address, family: isIP(address) }))
      const [{ address, family } = { address: '', family: 0 }] = found
      // What the callback throws is not for the promise.
      nextTick(() => (all ? callback(null, found) : callback(null, address, family)))
    }
    resolve(name).then(take, (error: Error) => nextTick(() => callback(error, [])))
  }
}

const timeoutMs = 2000
const tries = 2
/** What is longer is no list of a machine's own names. */
const maxHostsBytes = 1024 * 1024

/**
 * The hosts file, then DNS, as the system's resolver (`files dns`), which tells no TTL. IPv6 addresses count only where
 * a name has no other: many machines have such addresses and no way to them.
 */
export function createNameResolver({
  servers,
  hostsFile = '/etc/hosts',
}: NameResolverOptions = {}): NameResolver {
  // Made for the first name: most sidecars have none.
  let resolver: Resolver | undefined
  const resolve: ResolveName = async name => {
    if (isIP(name) !== 0) return { addresses: [name] }
    const written = parseHosts(await readHosts(hostsFile), name)
    if (written.length > 0) return { addresses: written }
    if (servers?.length === 0) throw new Error('no resolver is known; set dns.upstreams')
    resolver ??= createResolver(servers)
    return askDns(resolver, name)
  }
  return { resolve, close: () => resolver?.cancel() }
}

function createResolver(servers: readonly SocketAddress[] | undefined): Resolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries })
  if (servers !== undefined) resolver.setServers(servers.map(formatAddress))
  return resolver
}

async function askDns(resolver: Resolver, name: string): Promise<Resolved> {
  try {
    return resolved(await resolver.resolve4(name, { ttl: true }))
  } catch (error) {
    const six = await resolver.resolve6(name, { ttl: true }).catch(() => [])
    if (six.length === 0) throw error
    return resolved(six)
  }
}

function resolved(
  records: readonly { readonly address: string; readonly ttl: number }[],
): Resolved {
  return {
    addresses: records.map(({ address }) => address),
    ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000,
  }
}

async function readHosts(file: string): Promise<string> {
  // A machine need not have one.
  const text = await readFile(file, 'latin1').catch(() => '')
  return text.slice(0, maxHostsBytes)
}

/** hosts(5). IPv4 first, as above. */
export function parseHosts(text: string, name: string): string[] {
  const found: string[] = []
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) !== 0 && names.some(other => other.toLowerCase() === name))
      found.push(address)
  }
  const four = found.filter(isIPv4)
  return [...new Set(four.length > 0 ? four : found.filter(isIPv6))]
}

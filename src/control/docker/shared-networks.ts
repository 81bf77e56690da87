import { BlockList, isIP } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import type { AttachedNetwork, ListedContainer } from './engine-view.ts'

type Interfaces = Readonly<NodeJS.Dict<readonly NetworkInterfaceInfo[]>>

export interface SharedNetworksOptions {
  /** The only one that counts. Default: those that we have an address in. */
  readonly network: string | undefined
  /** Of this machine, as `os.networkInterfaces` has them; may change. */
  readonly interfaces: () => Interfaces
}

/**
 * In which networks containers and we can reach each other, so that an address says which container it is. Other
 * networks may have the same addresses.
 */
export class SharedNetworks {
  readonly #options: SharedNetworksOptions

  constructor(options: SharedNetworksOptions) {
    this.#options = options
  }

  /** As of now: for one list of containers. */
  look(): NetworkView {
    const { network, interfaces } = this.#options
    return network === undefined
      ? new NetworkView(isOurs(interfaces()))
      : new NetworkView(name => name === network)
  }
}

type Counts = (name: string, network: AttachedNetwork) => boolean

export class NetworkView {
  readonly #counts: Counts

  constructor(counts: Counts) {
    this.#counts = counts
  }

  /** Its addresses in all that count. */
  addressesOf(container: ListedContainer): string[] {
    return this.#of(container).flatMap(([, { ipv4, ipv6 }]) => [ipv4, ipv6].filter(Boolean))
  }

  /** Where to reach it: in the first that counts, by name. Undefined: it does not run, or is in none. */
  placeOf(container: ListedContainer): Place | undefined {
    for (const [network, { ipv4, ipv6 }] of this.#of(container)) {
      const address = ipv4 || ipv6
      if (address !== '') return { network, address }
    }
    return undefined
  }

  #of({ networks }: ListedContainer): [string, AttachedNetwork][] {
    return [...networks]
      .filter(([name, network]) => this.#counts(name, network))
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
  }
}

export interface Place {
  readonly network: string
  readonly address: string
}

/** We are in a network when one of our addresses is: as one of its containers, or as the host that it is a bridge of. */
function isOurs(interfaces: Interfaces): Counts {
  const own = Object.values(interfaces)
    .flatMap(list => list ?? [])
    .filter(({ internal }) => !internal)
  const seen = new Map<string, boolean>()
  return (_name, network) => {
    const ours = seen.get(network.id) ?? own.some(({ address }) => holds(network, address))
    // Without addresses, of a container that does not run, nothing is known of it.
    if (network.id !== '' && network.ipv4 + network.ipv6 !== '') seen.set(network.id, ours)
    return ours
  }
}

function holds({ ipv4, ipv4Prefix, ipv6, ipv6Prefix }: AttachedNetwork, address: string): boolean {
  const subnets = new BlockList()
  if (isIP(ipv4) === 4 && ipv4Prefix <= 32) subnets.addSubnet(ipv4, ipv4Prefix, 'ipv4')
  if (isIP(ipv6) === 6 && ipv6Prefix <= 128) subnets.addSubnet(ipv6, ipv6Prefix, 'ipv6')
  return subnets.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

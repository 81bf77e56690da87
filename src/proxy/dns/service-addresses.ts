import { createHash } from 'node:crypto'

/** Addresses tried for one name before it is given up; each try fails with the share of addresses in use. */
const maxCandidates = 64

/**
 * One loopback address for each service, out of 127.64.0.0/10: far from 127.0.0.0/16, where systemd-resolved
 * (127.0.0.53), Docker (127.0.0.11) and Debian's host name (127.0.1.1) live. The address follows from the name, so that
 * a restart, and the sidecar next door, find the same one; only names whose hashes meet depend on who came first.
 */
export class ServiceAddresses {
  readonly #addresses = new Map<string, string>()
  readonly #taken = new Set<string>()

  /** The address that `name` has. */
  get(name: string): string | undefined {
    return this.#addresses.get(name)
  }

  /** Gives `name`, which has none, the first of its candidates that is neither taken nor `avoided`. */
  assign(name: string, avoided: ReadonlySet<string> = new Set()): string | undefined {
    for (let attempt = 0; attempt < maxCandidates; attempt++) {
      const address = candidate(name, attempt)
      if (address === undefined || this.#taken.has(address) || avoided.has(address)) continue
      this.#addresses.set(name, address)
      this.#taken.add(address)
      return address
    }
    return undefined
  }

  release(name: string): void {
    const address = this.#addresses.get(name)
    if (address === undefined) return
    this.#addresses.delete(name)
    this.#taken.delete(address)
  }
}

/** Undefined for what looks like the address of a network or a broadcast, which some programs refuse. */
function candidate(name: string, attempt: number): string | undefined {
  const hash = createHash('sha256').update(`${name}#${attempt}`).digest()
  const [second = 0, third = 0, fourth = 0] = hash
  if (fourth === 0 || fourth === 255) return undefined
  return `127.${64 + (second & 63)}.${third}.${fourth}`
}

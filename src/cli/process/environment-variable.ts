// How the text of a variable becomes its value: as option-values.ts, without the command line library.
import { isIP } from 'node:net'
import { parseDuration } from '../../base/duration.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'

/** A kind of variable. */
export interface Variable<T> {
  /** For the message to whoever has set it wrong. */
  readonly expected: string
  /** Undefined: it is none of this kind. */
  read(text: string): T | undefined
}

export const text: Variable<string> = { expected: 'some text', read: value => value }

export function matching(pattern: RegExp, expected: string): Variable<string> {
  return { expected, read: value => (pattern.test(value) ? value : undefined) }
}

export function oneOf<W extends string>(...words: readonly W[]): Variable<W> {
  return { expected: words.join(', '), read: value => words.find(word => word === value) }
}

export function integer(least: number, most: number, what: string): Variable<number> {
  return {
    expected: `${what}, ${least} to ${most}`,
    read: value => {
      const number = Number(value)
      return /^\d{1,10}$/.test(value) && number >= least && number <= most ? number : undefined
    },
  }
}

export const port = integer(1, 65_535, 'a port')

/** In ms. */
export function duration(mostMs: number, most: string): Variable<number> {
  return {
    expected: `a duration such as 30s or 1m30s, at most ${most}`,
    read: value => {
      const ms = parseDuration(value) ?? 0
      return ms > 0 && ms <= mostMs ? ms : undefined
    },
  }
}

const hostAndPort = /^(?:\[([^\]\s]+)\]|([^\s:/[\]]+))(?::(\d{1,5}))?$/

/** `host:port`, or the host alone; an IPv6 address stands in brackets. */
export function peer(defaultPort: number): Variable<SocketAddress> {
  return {
    expected: 'host:port, an IPv6 host in brackets',
    read: value => {
      const [, ipv6, host = ipv6, digits = String(defaultPort)] = hostAndPort.exec(value) ?? []
      const found = port.read(digits)
      return host === undefined || found === undefined ? undefined : { host, port: found }
    },
  }
}

/** As {@link peer}; the host is an address, an IPv6 one without port may go without brackets. */
export function resolver(defaultPort: number): Variable<SocketAddress> {
  return {
    expected: 'IP addresses, each with :port or without, separated by commas',
    read: value => {
      const found =
        isIP(value) === 6 ? { host: value, port: defaultPort } : peer(defaultPort).read(value)
      return found !== undefined && isIP(found.host) !== 0 ? found : undefined
    },
  }
}

/** A place to listen: a host is optional. */
export interface Place {
  readonly host: string | undefined
  readonly port: number
}

/** `[host:]port`. */
export const place: Variable<Place> = {
  expected: '[host:]port, an IPv6 host in brackets',
  read: value => {
    const alone = port.read(value)
    if (alone !== undefined) return { host: undefined, port: alone }
    return /:\d+$/.test(value) ? peer(0).read(value) : undefined
  },
}

export function either<A, B>(one: Variable<A>, other: Variable<B>): Variable<A | B> {
  return {
    expected: `${one.expected}, or ${other.expected}`,
    read: value => one.read(value) ?? other.read(value),
  }
}

/** Separated by commas, with spaces or without. */
export function listOf<T>(item: Variable<T>, most: number, expected: string): Variable<T[]> {
  return {
    expected: `${expected}, at most ${most}`,
    read: value => {
      const parts = value.split(',').map(part => part.trim())
      if (parts.length > most) return undefined
      const items = parts.map(part => item.read(part))
      return items.every(found => found !== undefined) ? items : undefined
    },
  }
}

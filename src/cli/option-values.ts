// How the text of an option becomes its value. What is thrown here ends as one sentence and exit code 2.
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../base/duration.ts'
import type { SocketAddress } from '../model/bootstrap.ts'

const maxPort = 65_535

/** `lowest` is 0 where the system may choose, 1 where others must know the port beforehand. */
export function parsePort(lowest: 0 | 1): (text: string) => number {
  return text => {
    const port = Number(text)
    if (!/^\d{1,5}$/.test(text) || port < lowest || port > maxPort)
      throw new InvalidArgumentError(`Expected a port, ${lowest} to ${maxPort}.`)
    return port
  }
}

const address = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d+)$/

/** `[host:]port`; an IPv6 host stands in brackets. */
export function parseAddress(defaultHost: string): (text: string) => SocketAddress {
  return text => {
    const [, ipv6, host = defaultHost, port] = address.exec(text) ?? []
    if (port === undefined) throw new InvalidArgumentError('Expected [host:]port.')
    return { host: ipv6 ?? host, port: parsePort(0)(port) }
  }
}

/** In milliseconds. */
export function parsePeriod(text: string): number {
  const ms = parseDuration(text) ?? 0
  if (ms === 0) throw new InvalidArgumentError('Expected a duration such as 30s or 1m30s.')
  return ms
}

/** Beyond that no machine has cores for them. */
const maxWorkers = 64

export function parseWorkers(text: string): number {
  const workers = Number(text)
  if (!/^\d{1,2}$/.test(text) || workers < 1 || workers > maxWorkers)
    throw new InvalidArgumentError(`Expected a number of threads, 1 to ${maxWorkers}.`)
  return workers
}

export function parseHttpUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new InvalidArgumentError('Expected a URL such as http://127.0.0.1:15014.')
  return url
}

/** For an option that may be repeated: `labels` are those before. */
export function addLabel(
  text: string,
  labels: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, key, value] = /^([^=]+)=(.*)$/.exec(text) ?? []
  if (key === undefined || value === undefined)
    throw new InvalidArgumentError('Expected key=value.')
  return { ...labels, [key]: value }
}

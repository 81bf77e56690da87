import { isIP } from 'node:net'

/** MAXNS of resolv.conf(5). */
const maxServers = 3

/** The addresses of its `nameserver` lines, as resolv.conf(5) reads them. */
export function parseResolvConf(text: string): string[] {
  return text
    .split('\n')
    .flatMap(line => {
      const [keyword, address = ''] = line.trim().split(/\s+/)
      return keyword === 'nameserver' && isIP(address) !== 0 ? [address] : []
    })
    .slice(0, maxServers)
}

import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { Logger } from '../../base/log.ts'
import type { DnsBootstrap, SocketAddress } from '../../model/bootstrap.ts'
import { DnsServer } from './dns-server.ts'
import { Forwarder } from './forwarder.ts'
import { parseResolvConf } from './resolv-conf.ts'
import { Responder } from './responder.ts'

/** Answers DNS: names of the mesh as soon as somebody sets {@link Responder.zone}, all else from the first moment. */
export interface NameServer {
  readonly address: SocketAddress
  /** Those that are asked about names outside the mesh. */
  readonly resolvers: readonly SocketAddress[]
  readonly responder: Responder
  close(): void
}

const standardPort = 53

/** @throws Error that names the port and the setting that moves it. */
export async function startNameServer(
  bootstrap: DnsBootstrap,
  logger: Logger,
): Promise<NameServer> {
  const { host, port } = bootstrap
  const resolvers = await chooseResolvers(bootstrap, logger)
  const forwarder = new Forwarder({ resolvers, randomId: () => randomInt(0x1_0000) })
  const responder = new Responder(forwarder)
  const server = await DnsServer.start({ address: { host, port }, responder })
  logger.info({ address: server.address, resolvers }, 'DNS is answered')
  return {
    address: server.address,
    resolvers,
    responder,
    close: () => {
      server.close()
      forwarder.close()
    },
  }
}

/** Without ourselves: to ask there would be to ask for ever. */
async function chooseResolvers(
  { upstreams, resolvConf = '/etc/resolv.conf', ...own }: DnsBootstrap,
  logger: Logger,
): Promise<readonly SocketAddress[]> {
  const configured = upstreams ?? (await readResolvers(resolvConf, logger))
  const resolvers = configured.filter(resolver => !isSame(own, resolver))
  if (resolvers.length === 0)
    logger.warn(
      { configured },
      'no other resolver is known, so names outside the mesh are refused; set dns.upstreams',
    )
  return resolvers
}

async function readResolvers(file: string, logger: Logger): Promise<SocketAddress[]> {
  try {
    const hosts = parseResolvConf(await readFile(file, 'utf8'))
    return hosts.map(host => ({ host, port: standardPort }))
  } catch (error) {
    logger.warn({ file, error }, 'the resolvers of this system cannot be read')
    return []
  }
}

function isSame(own: SocketAddress, { host, port }: SocketAddress): boolean {
  if (port !== own.port) return false
  if (host === own.host) return true
  const isWildcard = own.host === '0.0.0.0' || own.host === '::'
  return isWildcard && (host.startsWith('127.') || isLocal(host))
}

function isLocal(host: string): boolean {
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ address }) => address === host),
  )
}

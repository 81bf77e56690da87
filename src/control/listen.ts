import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import type { SocketAddress } from '../model/bootstrap.ts'

/** @throws Error that names address and setting when the port cannot be had. */
export async function listen(
  server: Server,
  { host, port }: SocketAddress,
  setting: string,
): Promise<void> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const where = `${host}:${port} (setting \`${setting}\`)`
    throw new Error(`cannot listen on ${where}: ${(error as Error).message}`, { cause: error })
  }
}

/** Of a server that listens; tells which one it got for port 0. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

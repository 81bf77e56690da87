import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import tls from 'node:tls'
import type { Test } from 'tap'

export interface TlsServer {
  readonly port: number
  readonly server: tls.Server
  /** Ends of connections whose handshake went well. */
  readonly accepted: readonly tls.TLSSocket[]
  /** Why the others' did not. */
  readonly failures: readonly Error[]
  /** Resolves with the next of either. */
  readonly next: () => Promise<tls.TLSSocket | Error>
}

export async function listenTls(t: Test, options: tls.TlsOptions): Promise<TlsServer> {
  const accepted: tls.TLSSocket[] = []
  const failures: Error[] = []
  const server = tls.createServer(options, socket => {
    accepted.push(socket)
    socket.on('error', () => {})
    socket.resume()
  })
  server.on('tlsClientError', error => failures.push(error))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of accepted) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const next = (): Promise<tls.TLSSocket | Error> =>
    new Promise(resolve => {
      server.once('secureConnection', resolve)
      server.once('tlsClientError', resolve)
    })
  return { port: (server.address() as AddressInfo).port, server, accepted, failures, next }
}

/** A connection after its handshake; rejects when that fails on this side. */
export async function connectTls(
  t: Test,
  { port }: Pick<TlsServer, 'port'>,
  options: tls.ConnectionOptions,
): Promise<tls.TLSSocket> {
  const socket = tls.connect({ ...options, host: '127.0.0.1', port })
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

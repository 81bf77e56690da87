// Servers beyond the mesh, with real certificates.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import type { Test } from 'tap'
import { TcpClient } from './tcp.ts'
import {
  makeCarelessAuthority,
  makeKeys,
  makeLeaf,
  type LeafOptions,
} from '../unit/identity/certificates.ts'

const loopback = '127.0.0.1'

interface ServerCertificate {
  readonly cert: string
  readonly key: string
}

/** A CA that the mesh has never heard of, and servers that it signs for. */
export interface ExternalAuthority {
  readonly bundle: string
  readonly caFile: string
  readonly issue: (names: readonly string[], changes?: LeafOptions) => Promise<ServerCertificate>
  /** PEM files of a certificate. */
  readonly write: (
    name: string,
    certificate: ServerCertificate,
  ) => { readonly cert: string; readonly key: string }
}

export async function externalAuthority(t: Test): Promise<ExternalAuthority> {
  // The folder of the test is the mesh's.
  const folder = mkdtempSync(join(tmpdir(), 'weft-external-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const issuer = await makeCarelessAuthority()
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, issuer.bundle)
  return {
    bundle: issuer.bundle,
    caFile,
    issue: async (dnsNames, changes = {}) => {
      const keys = makeKeys()
      const cert = await makeLeaf({
        subject: 'CN=server',
        uris: [],
        dnsNames,
        keys,
        issuer,
        ...changes,
      })
      return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
    },
    write: (name, { cert, key }) => {
      const files = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
      writeFileSync(files.cert, cert)
      writeFileSync(files.key, key)
      return files
    },
  }
}

/** @returns its port. */
export async function startHttps(
  t: Test,
  options: https.ServerOptions,
  handler: Parameters<typeof https.createServer>[1] = (request, response) => {
    const { servername } = request.socket as tls.TLSSocket & { readonly servername?: string }
    response.end(`${request.method} ${request.url} ${request.headers.host} by ${servername}`)
  },
): Promise<number> {
  const server = https.createServer(options, handler)
  t.teardown(() => server.closeAllConnections())
  return listen(t, server)
}

/** HTTP/2 alone. */
export async function startHttp2(t: Test, options: http2.SecureServerOptions): Promise<number> {
  const server = http2.createSecureServer(
    { ...options, allowHTTP1: false },
    (request, response) => {
      response.end(`${request.httpVersion} ${request.scheme} ${request.authority}`)
    },
  )
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', session => sessions.add(session))
  t.teardown(() => {
    for (const session of sessions) session.destroy()
  })
  return listen(t, server)
}

/** Says back what it hears, in TLS. */
export async function startTlsEcho(t: Test, options: tls.TlsOptions): Promise<number> {
  const server = tls.createServer({ ...options, allowHalfOpen: true } as tls.TlsOptions, socket => {
    socket.on('error', () => socket.destroy())
    t.teardown(() => socket.destroy())
    socket.pipe(socket)
  })
  return listen(t, server)
}

async function listen(
  t: Test,
  server: tls.Server | https.Server | http2.Http2SecureServer,
): Promise<number> {
  server.on('tlsClientError', () => {})
  server.listen(0, loopback)
  await once(server, 'listening')
  t.teardown(() => void server.close())
  return (server.address() as AddressInfo).port
}

export interface Proxied {
  readonly host: string
  readonly authority: ExternalAuthority
}

/**
 * Speaks TLS through a CONNECT of the outbound port, as libraries do that are told of an HTTP proxy.
 * @returns all that the server says, or the proxy where it refuses.
 */
export async function throughProxy(
  t: Test,
  outbound: number,
  { host, authority }: Proxied,
): Promise<string> {
  const client = await TcpClient.connect(t, outbound)
  client.socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`)
  await client.until(({ received }) => received.includes('\r\n\r\n'))
  if (!client.received.startsWith('HTTP/1.1 200')) {
    await client.until(({ received }) => received.includes('}'))
    return client.received
  }
  client.socket.removeAllListeners('data')
  const socket = tls.connect({ socket: client.socket, servername: host, ca: authority.bundle })
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

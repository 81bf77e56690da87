import 'reflect-metadata'
import { createHash, createHmac, createPrivateKey, webcrypto } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { SignatureV4 } from '@smithy/signature-v4'
import { exportPKCS8, generateKeyPair, jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import * as x509 from '@peculiar/x509'
import type { Test } from 'tap'
import type { BackendCall } from '../../../src/functions/cloud/backend.ts'
import { CloudClient } from '../../../src/functions/cloud/transport/cloud-client.ts'

/** What a fake has been asked. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface FakeCloud {
  readonly url: string
  readonly host: string
  readonly asked: Asked[]
  /** Accepted so far. */
  connections(): number
  /** Resolves when the next one is gone. */
  connectionLost(): Promise<void>
}

interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** `silence`: no answer ever. `reset`: the connection dies. `cut`: it dies within the body. */
export type Behaviour = Reply | 'silence' | 'reset' | 'cut'

/** A server on loopback that answers as it is told; ended with the test. */
export async function fakeCloud(
  t: Test,
  answer: (asked: Asked, number: number) => Behaviour | Promise<Behaviour>,
): Promise<FakeCloud> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let onLost: () => void = () => {}
  const server = createServer((request, response) => {
    void (async () => {
      const one = await read(request)
      asked.push(one)
      behave(await answer(one, asked.length), response)
    })()
  })
  server.on('connection', socket => {
    connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      onLost()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    asked,
    connections: () => connections,
    connectionLost: () => new Promise(resolve => (onLost = resolve)),
  }
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const { method = '', url = '', headers } = request
  return { method, url, headers, body: Buffer.concat(chunks) }
}

function behave(behaviour: Behaviour, response: ServerResponse): void {
  if (behaviour === 'silence') return
  if (behaviour === 'reset') return void response.socket?.resetAndDestroy()
  if (behaviour === 'cut') {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('half', () => response.socket?.resetAndDestroy())
    return
  }
  response.writeHead(behaviour.status ?? 200, { ...behaviour.headers })
  response.end(behaviour.body ?? '')
}

/** A port of this machine that nobody listens at. */
export async function deadUrl(): Promise<string> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

export function cloudClient(
  t: Test,
  options: { maxRequests?: number; connectTimeoutMs?: number } = {},
): CloudClient {
  const client = new CloudClient({ connectTimeoutMs: 2000, ...options })
  t.teardown(() => client.close())
  return client
}

/** A certificate for `hostname` that vouches for itself. PEM. */
export async function selfSigned(hostname: string): Promise<{ key: string; certificate: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const hour = 3_600_000
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${hostname}`,
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + hour),
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: hostname }])],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const key = createPrivateKey({ key: pkcs8, type: 'pkcs8', format: 'der' })
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: certificate.toString('pem'),
  }
}

/** A call that may run once, without a deadline. */
export function invokeCall(overrides: Partial<BackendCall> = {}): BackendCall {
  return {
    payloadFormat: 'invoke',
    payload: Buffer.from('{"n":1}'),
    requestId: 'request-1',
    traceId: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    idempotent: false,
    ...overrides,
  } as BackendCall
}

/** SHA-256 and HMAC for @smithy/signature-v4. */
export class Sha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    throw new Error('not needed')
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data)
}

interface AwsKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Whether AWS would take the signature: that of an independent implementation over what came in. */
export async function signatureHolds(asked: Asked, key: AwsKey, region: string): Promise<boolean> {
  const { authorization = '', ...headers } = asked.headers as Record<string, string>
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
  const url = new URL(asked.url, 'http://fake')
  const date = (headers['x-amz-date'] ?? '').replace(
    /^(....)(..)(..T..)(..)(..Z)$/,
    '$1-$2-$3:$4:$5',
  )
  const signer = new SignatureV4({
    service: 'lambda',
    region,
    credentials: key,
    sha256: Sha256,
    applyChecksum: false,
  })
  const expected = await signer.sign(
    {
      method: asked.method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: Object.fromEntries(
        signed
          .filter(name => !name.startsWith('x-amz-date'))
          .map(name => [name, headers[name] ?? '']),
      ),
      body: asked.body,
    },
    { signingDate: new Date(date) },
  )
  return expected.headers['authorization'] === authorization
}

export interface FakeAccount {
  /** Content of a service account's key file. */
  keyFile(tokenUri: string): string
  /** Verifies the assertion of a token request, and answers with an ID token for its target audience. */
  exchange(asked: Asked, tokenUri: string, lifeSeconds: number): Promise<Reply>
}

/** A service account of Google and the endpoint that knows its public key. `wallNow`: ms. */
export async function fakeAccount(wallNow: () => number): Promise<FakeAccount> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const email = 'weft@project.iam.gserviceaccount.com'
  const pem = await exportPKCS8(privateKey)
  return {
    keyFile: tokenUri =>
      JSON.stringify({
        type: 'service_account',
        client_email: email,
        private_key: pem,
        private_key_id: 'key-1',
        token_uri: tokenUri,
      }),
    exchange: async (asked, tokenUri, lifeSeconds) => {
      const form = new URLSearchParams(asked.body.toString())
      const { payload } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
        issuer: email,
        audience: tokenUri,
        algorithms: ['RS256'],
        currentDate: new Date(wallNow()),
      })
      const seconds = Math.floor(wallNow() / 1000)
      const token = await new SignJWT({ n: seconds })
        .setProtectedHeader({ alg: 'RS256' })
        .setAudience(String(payload['target_audience']))
        .setExpirationTime(seconds + lifeSeconds)
        .sign(privateKey)
      return { body: JSON.stringify({ id_token: token }) }
    },
  }
}

/** As the metadata server gives it; nobody here verifies its signature. */
export function idToken(audience: string, expiresAt: number): string {
  return new UnsecuredJWT({ aud: audience, exp: Math.floor(expiresAt / 1000) }).encode()
}

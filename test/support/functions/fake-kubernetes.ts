import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

/** What a request meets instead of an answer. */
export type Fault =
  | { readonly status: number; readonly retryAfter?: string }
  | 'hang'
  | 'garbage'
  | 'die'
  | 'endless'

/** As much of an API server as there is to a Deployment's scale. */
export class FakeKubernetes {
  readonly url: string
  /** By `namespace/name`. */
  readonly replicas = new Map<string, number>()
  readonly requests: { method: string; path: string; contentType: string; body: string }[] = []
  /** For the next requests, one each. */
  readonly faults: Fault[] = []
  /** The only one that is known. */
  token: string
  readonly #server

  static async start(t: Test, token = 'a-token'): Promise<FakeKubernetes> {
    const server = createServer((request, response) => void fake.serve(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const fake = new FakeKubernetes(server, token)
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return fake
  }

  private constructor(server: ReturnType<typeof createServer>, token: string) {
    this.#server = server
    this.token = token
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { method = '', url: path = '', headers } = request
    this.requests.push({ method, path, contentType: headers['content-type'] ?? '', body })
    if (headers.authorization !== `Bearer ${this.token}`) return refuse(response, 401)
    const fault = this.faults.shift()
    if (fault !== undefined) return meet(response, fault)
    const [, namespace, name] =
      /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/deployments\/([^/]+)\/scale$/.exec(path) ?? []
    const key = `${namespace}/${name}`
    if (!this.replicas.has(key))
      return refuse(response, 404, `deployments.apps "${name}" not found`)
    if (method === 'PATCH')
      this.replicas.set(key, (JSON.parse(body) as { spec: { replicas: number } }).spec.replicas)
    response.setHeader('content-type', 'application/json')
    // Go leaves a zero out.
    const replicas = this.replicas.get(key) || undefined
    response.end(JSON.stringify({ kind: 'Scale', spec: { replicas }, status: { replicas } }))
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  message = `the server's ${status}`,
): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', message, code: status }))
}

function meet(response: ServerResponse, fault: Fault): void {
  if (fault === 'hang') return
  if (fault === 'garbage') return void response.end('<html>')
  if (fault === 'die') return void response.destroy()
  if (fault === 'endless') {
    const more = (): void => void response.write(Buffer.alloc(65_536), error => error ?? more())
    return more()
  }
  if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter)
  refuse(response, fault.status)
}

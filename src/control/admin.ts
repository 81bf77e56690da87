import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Logger } from '../base/log.ts'
import type { SocketAddress } from '../model/bootstrap.ts'
import { listen, portOf } from './listen.ts'

interface AdminAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** Answers GET on one path. */
export type AdminPage = () => AdminAnswer | Promise<AdminAnswer>

export function jsonAnswer(document: unknown, status = 200): AdminAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(document, null, 2)}\n` }
}

export interface AdminOptions {
  readonly address: SocketAddress
  readonly pages: Readonly<Record<string, AdminPage>>
  readonly logger: Logger
}

/** The control plane's admin port. It only reads, and binds to loopback unless told otherwise. */
export class Admin {
  readonly #server: Server
  readonly #pages: ReadonlyMap<string, AdminPage>
  readonly #logger: Logger

  private constructor({ pages, logger }: Omit<AdminOptions, 'address'>) {
    this.#pages = new Map(Object.entries(pages))
    this.#logger = logger
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async listen({ address, ...options }: AdminOptions): Promise<Admin> {
    const admin = new Admin(options)
    await listen(admin.#server, address, 'admin')
    admin.#server.on('error', error => options.logger.error({ error }, 'admin port failed'))
    return admin
  }

  get port(): number {
    return portOf(this.#server)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, contentType, body } = await this.#answer(request)
    response.writeHead(status, { 'content-type': contentType })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<AdminAnswer> {
    const [path = '/'] = url.split('?', 1)
    const page = this.#pages.get(path)
    if (page === undefined) return jsonAnswer({ pages: [...this.#pages.keys()] }, 404)
    if (method !== 'GET' && method !== 'HEAD')
      return jsonAnswer({ error: `${path} takes GET` }, 405)
    try {
      return await page()
    } catch (error) {
      this.#logger.error({ error, path }, 'an admin page failed')
      return jsonAnswer({ error: 'the page failed' }, 500)
    }
  }
}

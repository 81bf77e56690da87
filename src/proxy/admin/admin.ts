import { ExchangeError } from '../../base/errors.ts'
import { HeaderList } from '../../http/headers.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'

export interface AdminAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface AdminPage {
  /** Pages that change something answer to POST only, so that no link or image can trigger them. */
  readonly method: 'GET' | 'POST'
  readonly answer: (query: URLSearchParams) => AdminAnswer | Promise<AdminAnswer>
}

export function jsonAnswer(document: unknown, status = 200): AdminAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(document, null, 2)}\n` }
}

/** Answers the admin port. Bodies of requests are not read. */
export class Admin {
  readonly #pages: ReadonlyMap<string, AdminPage>

  constructor(pages: Readonly<Record<string, AdminPage>>) {
    this.#pages = new Map(Object.entries(pages))
  }

  readonly handle = (stream: ServerStream): void => {
    const { method, path } = stream.request
    const gone = { value: false }
    stream.receiver = ignoreBody(() => (gone.value = true))
    const [pathname = '/', query = ''] = path.split('?', 2)
    this.#answer(method, pathname, new URLSearchParams(query)).then(
      answer => gone.value || send(stream, answer),
      error => stream.reset(new ExchangeError('upstream_reset', 'the admin page failed', error)),
    )
  }

  async #answer(method: string, pathname: string, query: URLSearchParams): Promise<AdminAnswer> {
    const page = this.#pages.get(pathname)
    if (page === undefined) return jsonAnswer({ pages: [...this.#pages.keys()] }, 404)
    const reads = method === 'GET' || method === 'HEAD'
    if (page.method === 'GET' ? !reads : method !== page.method)
      return jsonAnswer({ error: `${pathname} takes ${page.method}` }, 405)
    return page.answer(query)
  }
}

function send(stream: ServerStream, { status, contentType, body }: AdminAnswer): void {
  const bytes = Buffer.from(body)
  const headers = HeaderList.of({ 'content-type': contentType })
  const bodyless = stream.request.method === 'HEAD'
  stream.sendHead(
    { status, reason: '', headers, version: '1.1', bodyLength: bytes.length },
    bodyless,
  )
  if (bodyless) return
  stream.write(bytes)
  stream.end()
}

function ignoreBody(onReset: () => void): RequestReceiver {
  return { onBody: () => {}, onEnd: () => {}, onReset, onWritable: () => {} }
}

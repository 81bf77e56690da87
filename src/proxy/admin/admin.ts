import type { ServerStream } from '../../http/stream.ts'
import { jsonAnswer, type AdminAnswer } from './answer.ts'
import { Reply } from './reply.ts'

/** One whose path ends with a slash answers to all that is below it, and is told the rest of the path. */
export interface AdminPage {
  /** Pages that change something answer to POST only, so that no link or image can trigger them. */
  readonly method: 'GET' | 'POST'
  readonly answer: (query: URLSearchParams, rest: string) => AdminAnswer | Promise<AdminAnswer>
  /** Readers at once; further ones are answered 503. For pages that are large. Default: no bound of its own. */
  readonly maxReaders?: number
}

interface OpenPage {
  readonly page: AdminPage
  readers: number
}

/** Any page of the web could have its reader's browser ask; nothing here is made for browsers. */
const fromBrowser = jsonAnswer({ error: 'this port is not for pages of the web' }, 403)

/** Answers a port for people and their tools. Bodies of requests are not read. */
export class Admin {
  readonly #pages: ReadonlyMap<string, OpenPage>

  constructor(pages: Readonly<Record<string, AdminPage>>) {
    const entries = Object.entries(pages)
    this.#pages = new Map(entries.map(([path, page]) => [path, { page, readers: 0 }]))
  }

  readonly handle = (stream: ServerStream): void => {
    const { method, path, headers } = stream.request
    const [pathname = '/', query = ''] = path.split('?', 2)
    const admitted = headers.has('origin') ? fromBrowser : this.#admit(method, pathname)
    if ('status' in admitted) return new Reply(stream, () => {}).send(admitted)
    admitted.readers++
    const reply = new Reply(stream, () => admitted.readers--)
    answerOf(admitted.page, query, restOf(pathname)).then(
      answer => reply.send(answer),
      error => reply.fail(error),
    )
  }

  /** The page that is asked for, or why there is none. */
  #admit(method: string, pathname: string): OpenPage | AdminAnswer {
    const open = this.#pages.get(pathname) ?? this.#pages.get(parentOf(pathname))
    if (open === undefined) return jsonAnswer({ pages: [...this.#pages.keys()] }, 404)
    const { page, readers } = open
    const reads = method === 'GET' || method === 'HEAD'
    if (page.method === 'GET' ? !reads : method !== page.method)
      return jsonAnswer({ error: `${pathname} takes ${page.method}` }, 405)
    if (page.maxReaders !== undefined && readers >= page.maxReaders)
      return jsonAnswer({ error: `${pathname} has ${readers} readers already` }, 503)
    return open
  }
}

async function answerOf(page: AdminPage, query: string, rest: string): Promise<AdminAnswer> {
  return page.answer(new URLSearchParams(query), rest)
}

/** `/breakers/` of `/breakers/orders`. */
function parentOf(pathname: string): string {
  return pathname.slice(0, pathname.lastIndexOf('/') + 1)
}

/** As it is written where it is no encoding of anything. */
function restOf(pathname: string): string {
  const rest = pathname.slice(pathname.lastIndexOf('/') + 1)
  try {
    return decodeURIComponent(rest)
  } catch {
    return rest
  }
}

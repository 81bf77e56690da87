import http from 'node:http'
import { sidecarPorts } from '../model/bootstrap.ts'
import { place } from './process/environment-variable.ts'

export interface DrainOptions {
  /** Of the sidecar's admin port. */
  readonly admin: string
  /** Only what comes in from the mesh: the application may still call others. */
  readonly inbound: boolean
  readonly print: (line: string) => void
}

/** The sidecar bounds its drain itself; this is for one that does not answer at all. */
const timeoutMs = 3_600_000

/**
 * `weft drain`: the sidecar takes itself out of the mesh. With `inbound` this waits until what came in is finished; the
 * preStop hook of an injected pod, while its application is told to end. Returns the exit code.
 */
export async function drain({ admin, inbound, print }: DrainOptions): Promise<number> {
  const status = await post(`${admin}${inbound ? '/drain/inbound' : '/drain'}`)
  if (status === 200 || status === 202) return 0
  print(typeof status === 'number' ? `not drained: the sidecar answered ${status}` : status)
  return 1
}

/** What an environment that describes a sidecar makes of it. */
export function adminOf({
  WEFT_ADMIN: written = '',
}: Readonly<Record<string, string | undefined>>): string {
  const { host = '127.0.0.1', port = sidecarPorts.admin } = place.read(written.trim()) ?? {}
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The status of the answer, or why there is none. */
function post(url: string): Promise<number | string> {
  const { promise, resolve } = Promise.withResolvers<number | string>()
  const request = http.request(url, { method: 'POST', agent: false, timeout: timeoutMs })
  request.on('response', response => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  request.on('timeout', () => resolve(`no answer from ${url} within an hour`))
  request.on('error', error => resolve(`no answer from ${url}: ${error.message}`))
  request.end()
  return promise.finally(() => request.destroy())
}

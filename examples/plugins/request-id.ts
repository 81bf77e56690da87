// Gives each request a UUID of version 7 (RFC 9562) in a header, and repeats it in the answer.
import { randomBytes } from 'node:crypto'
import type { Plugin, PluginModule } from '../../src/proxy/plugins/plugin.ts'

interface Config {
  /** Default `x-request-id`. */
  readonly header?: string
}

export const apiVersion: PluginModule['apiVersion'] = 'weft.dev/plugin/v1'

export function create({ header = 'x-request-id' }: Config): Plugin {
  const key = 'request-id'
  return {
    onRequest(request, { metadata }) {
      // The caller's own id goes on: it is what joins the logs of all hops.
      const given = request.headers.get(header) ?? ''
      const id = usable.test(given) ? given : uuid7(Date.now())
      request.headers.set(header, id)
      metadata.set(key, id)
    },
    onResponse(response, { metadata }) {
      const id = metadata.get(key)
      if (id !== undefined) response.headers.set(header, id)
    },
  }
}

/** What could be no header of the answer, or is longer than any id, would fail the request. */
const usable = /^[!-~]{1,256}$/

/** Sorted by time, which a database of logs is grateful for. */
function uuid7(now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

// Signs chosen headers of each request with HMAC-SHA256, so that whoever has the key sees that they were not changed. On
// the other side the same plugin, with `verify`, answers 401 to what does not fit.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Plugin, PluginModule, PluginRequest } from '../../src/proxy/plugins/plugin.ts'

interface Config {
  /** Holds the key, at least 32 bytes. */
  readonly keyFile?: string
  /** Headers that are signed, in this order, beside method, authority and path. */
  readonly headers?: readonly string[]
  /** Where the signature stands. Default `x-signature`. */
  readonly signature?: string
  /** Checks instead of signing. Default false. */
  readonly verify?: boolean
}

export const apiVersion: PluginModule['apiVersion'] = 'weft.dev/plugin/v1'

export function create(config: Config): Plugin {
  const { keyFile, headers = [], signature = 'x-signature', verify = false } = config
  if (keyFile === undefined) throw new Error('config.keyFile is missing')
  const key = readFileSync(keyFile)
  if (key.length < 32) throw new Error(`${keyFile} holds ${key.length} bytes, and 32 are the least`)
  const sign = (request: PluginRequest): Buffer =>
    createHmac('sha256', key).update(signedText(request, headers)).digest()
  return {
    onRequest(request, context) {
      const expected = sign(request)
      if (!verify) return request.headers.set(signature, `v1=${expected.toString('base64url')}`)
      const [, given = ''] = request.headers.get(signature)?.split('v1=') ?? []
      const bytes = Buffer.from(given, 'base64url')
      if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected))
        context.respond(
          401,
          { 'content-type': 'text/plain' },
          'the signature is missing or wrong\n',
        )
    },
  }
}

/** Each part with its length before it: otherwise two requests could share a text. */
function signedText({ method, authority, path, headers }: PluginRequest, names: readonly string[]) {
  const values = names.map(name => headers.getAll(name).join(','))
  return [method, authority, path, ...values].map(part => `${part.length}:${part}`).join('\n')
}

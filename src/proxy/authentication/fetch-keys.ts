import { isSecure } from '../../base/secure-origin.ts'
import type { FetchKeys } from './key-set.ts'

const maxBytes = 1024 * 1024

/**
 * Fetches a key set: by https, from this machine, or by http from a Service of the mesh, which this sidecar's own
 * outbound port carries there by mTLS.
 * @param outboundPort of this sidecar.
 */
export function fetchKeysFrom(uri: string, outboundPort: () => number): FetchKeys {
  const { origin, host, pathname, search } = new URL(uri)
  const isDirect = isSecure(origin, false)
  return async signal => {
    const { request } = await import('undici')
    const target = isDirect ? uri : `http://127.0.0.1:${outboundPort()}${pathname}${search}`
    // Redirects are not followed: they could lead past the check of the URL.
    const { statusCode, headers, body } = await request(target, {
      signal,
      headers: { accept: 'application/json', ...(!isDirect && { host }) },
    })
    if (statusCode !== 200) {
      await body.dump()
      throw new Error(`${uri} answered ${statusCode}`)
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new Error(`${uri} sent more than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return {
      text: Buffer.concat(chunks).toString('utf8'),
      maxAgeMs: maxAgeOf(headers['cache-control']),
    }
  }
}

function maxAgeOf(cacheControl: string | readonly string[] | undefined): number | undefined {
  const [, seconds] = /(?:^|[,\s])max-age=(\d{1,9})/.exec(String(cacheControl ?? '')) ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

import { createHmac, timingSafeEqual } from 'node:crypto'

/** What a client brings back. */
export interface SessionToken {
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly usedAt: number
  /** Names an endpoint to whoever has the key. */
  readonly endpointTag: string
}

const tagBytes = 12
const timesBytes = 8
const bodyBytes = timesBytes + tagBytes
const tokenBytes = bodyBytes + tagBytes

/**
 * Makes and reads tokens of sessions of one route: two times, the tag of an endpoint, and an HMAC-SHA-256 of these, cut to
 * 96 bits. Without the key nobody can make one, or learn an address from one.
 */
export class SessionTokens {
  readonly #key: Buffer
  readonly #route: string

  /** @param key base64url. @param route whose tokens these are: those of others are not taken. */
  constructor(key: string, route: string) {
    this.#key = Buffer.from(key, 'base64url')
    this.#route = route
  }

  /** The same on all sidecars of the mesh, and another for each key. */
  tagOf(cluster: string, endpoint: string): string {
    return this.#mac(`endpoint\n${cluster}\n${endpoint}`).toString('base64url')
  }

  format({ issuedAt, usedAt, endpointTag }: SessionToken): string {
    const body = Buffer.alloc(bodyBytes)
    body.writeUInt32BE(issuedAt, 0)
    body.writeUInt32BE(usedAt, 4)
    body.write(endpointTag, timesBytes, 'base64url')
    return Buffer.concat([body, this.#macOf(body)]).toString('base64url')
  }

  /** Undefined: it is none of ours. */
  parse(text: string): SessionToken | undefined {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length !== tokenBytes) return undefined
    const body = bytes.subarray(0, bodyBytes)
    if (!timingSafeEqual(this.#macOf(body), bytes.subarray(bodyBytes))) return undefined
    return {
      issuedAt: body.readUInt32BE(0),
      usedAt: body.readUInt32BE(4),
      endpointTag: body.toString('base64url', timesBytes),
    }
  }

  #macOf(body: Buffer): Buffer {
    return this.#mac(`token\n${this.#route}\n${body.toString('base64url')}`)
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest().subarray(0, tagBytes)
  }
}

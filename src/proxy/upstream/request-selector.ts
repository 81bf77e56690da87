import type { Random } from '../../base/random.ts'
import { murmur3 } from '../../balancing/hashing/murmur3.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { RequestHead } from '../../http/message.ts'
import type { ConnectionInfo } from '../../http/stream.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { HashSource, SubsetPolicy } from '../../model/policy/load-balancing.ts'

/** Who has sent a request. */
export type Caller = Pick<ConnectionInfo, 'remoteAddress'>

/** What of a request decides between a cluster's endpoints; found once, for all its tries. */
export interface Selection {
  readonly hash: number | undefined
  readonly subset: string | undefined
  /** For the answer: a `set-cookie` by which the caller will be known. */
  readonly setCookie: string | undefined
}

/** Reads from requests what a cluster's policy asks for. */
export class RequestSelector {
  readonly #hashOn: readonly HashSource[]
  readonly #subset: SubsetPolicy | undefined
  readonly #random: Random

  /** Undefined: the policy asks for nothing. */
  static for(policy: Cluster, random: Random): RequestSelector | undefined {
    const { hashOn = [], subset } = policy
    return hashOn.length === 0 && subset === undefined
      ? undefined
      : new RequestSelector(hashOn, subset, random)
  }

  private constructor(
    hashOn: readonly HashSource[],
    subset: SubsetPolicy | undefined,
    random: Random,
  ) {
    this.#hashOn = hashOn
    this.#subset = subset
    this.#random = random
  }

  select(request: RequestHead, caller: Caller): Selection {
    const subset = this.#subset && request.headers.get(this.#subset.header)
    for (const source of this.#hashOn) {
      const key = keyOf(source, request, caller)
      if (key !== undefined) return { hash: murmur3(key), subset, setCookie: undefined }
      if (source.ttlMs === undefined) continue
      const value = this.#cookieValue()
      return { hash: murmur3(value), subset, setCookie: setCookie(source, value) }
    }
    return { hash: undefined, subset, setCookie: undefined }
  }

  /** 64 bits: it tells callers apart and proves nothing. */
  #cookieValue(): string {
    const half = (): string =>
      Math.floor(this.#random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return half() + half()
  }
}

function keyOf(
  { kind, name }: HashSource,
  { headers, path }: RequestHead,
  { remoteAddress }: Caller,
): string | undefined {
  switch (kind) {
    case 'header':
      return headers.get(name)
    case 'cookie':
      return cookieOf(headers, name)
    case 'query':
      return parameterOf(path, name)
    case 'source':
      return remoteAddress
  }
}

/** HTTP/2 may send a field for each cookie (RFC 9113 §8.2.3). */
function cookieOf(headers: HeaderList, name: string): string | undefined {
  for (let index = 0; index < headers.length; index++) {
    if (headers.names[index] !== 'cookie') continue
    for (const pair of (headers.values[index] ?? '').split(';')) {
      const equals = pair.indexOf('=')
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
    }
  }
  return undefined
}

function parameterOf(path: string, name: string): string | undefined {
  const mark = path.indexOf('?')
  if (mark < 0) return undefined
  return new URLSearchParams(path.slice(mark + 1)).get(name) ?? undefined
}

function setCookie({ name, ttlMs = 0 }: HashSource, value: string): string {
  const age = ttlMs === 0 ? '' : `; Max-Age=${Math.ceil(ttlMs / 1000)}`
  return `${name}=${value}${age}; Path=/; HttpOnly`
}

import { ExchangeError } from '../../base/errors.ts'
import {
  functionArn,
  functionDomain,
  latestVersion,
  qualifiedFunction,
} from '../../model/function/function.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { Filter } from '../exchange/filter.ts'
import { invocationTypeHeader } from '../mesh-headers.ts'

const invokePath = /^\/2015-03-31\/functions\/([^/?]{1,256})\/invocations(?:\?|$)/
const streamPath =
  /^\/2021-11-15\/functions\/([^/?]{1,256})\/response-streaming-invocations(?:\?|$)/

/** What API_Invoke takes as FunctionName: a name, a partial ARN, or an ARN, each perhaps with a qualifier. */
const namePattern =
  /^(?:(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?\d{12}:function:)?([a-zA-Z0-9._-]{1,140})(?::(\$LATEST|[a-zA-Z0-9_-]{1,128}))?$/

/** Where the sidecar itself is addressed rather than a service of the mesh. */
const ownAuthority = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])(?::\d+)?$/

const typeHeader = 'x-amz-invocation-type'
const types: ReadonlySet<string> = new Set(['RequestResponse', 'Event', 'DryRun'])

/** Of the client's signature, which ends here: what goes on is authenticated by our certificate. */
const signature = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256']

/**
 * The Lambda Invoke API on the outbound port (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html): SDKs of AWS need
 * nothing but AWS_ENDPOINT_URL_LAMBDA to call functions of the mesh.
 */
export class InvokeApi implements Filter {
  readonly #isFunction: (authority: string) => boolean

  /** @param isFunction whether the mesh has a function by that authority. */
  constructor(isFunction: (authority: string) => boolean) {
    this.#isFunction = isFunction
  }

  /**
   * Turns an invocation into a call of the function; all else passes. A page that a browser shows could send one to
   * loopback as well, in the name of whoever looks at it.
   */
  onRequest(exchange: Exchange): boolean {
    const { request } = exchange
    // perf: bench hop-100B. One comparison for all traffic that is none of ours.
    if (request.path.charCodeAt(1) !== 0x32 || !ownAuthority.test(request.authority)) return true
    const single = invokePath.exec(request.path)
    const [, name] = single ?? streamPath.exec(request.path) ?? []
    if (name === undefined || request.method !== 'POST') return true
    exchange.invokes = true
    if (request.headers.has('origin') || request.headers.has('sec-fetch-site')) {
      exchange.fail(new ExchangeError('denied', 'functions are not invoked by pages in a browser'))
      return false
    }
    try {
      this.#redirect(exchange, decodeURIComponent(name), single === null)
      return true
    } catch (error) {
      exchange.fail(asExchangeError(error))
      return false
    }
  }

  #redirect({ request }: Exchange, reference: string, streams: boolean): void {
    const { headers, path } = request
    request.authority = this.#authorityOf(reference, path)
    headers.set(invocationTypeHeader, streams ? 'ResponseStream' : typeOf(headers))
    for (const field of signature) headers.delete(field)
  }

  #authorityOf(reference: string, path: string): string {
    const [, name, qualifier = qualifierOf(path)] = namePattern.exec(reference) ?? []
    if (name === undefined)
      throw new ExchangeError('bad_request', `${JSON.stringify(reference)} names no function`)
    const [short = '', ...namespace] = name.split('.')
    const called = qualifiedFunction(short, qualifier)
    const authority = [called, ...namespace, functionDomain].join('.')
    if (this.#isFunction(authority)) return authority
    const arn = functionArn(name, qualifier ?? latestVersion)
    throw new ExchangeError('function_not_found', `Function not found: ${arn}`)
  }
}

function typeOf(headers: HeaderList): string {
  const type = headers.get(typeHeader) ?? 'RequestResponse'
  if (types.has(type)) return type
  throw new ExchangeError('bad_request', `invocation type ${JSON.stringify(type)} is unknown`)
}

function qualifierOf(path: string): string | undefined {
  const query = path.split('?', 2)[1]
  return (query && new URLSearchParams(query).get('Qualifier')) || undefined
}

function asExchangeError(error: unknown): ExchangeError {
  if (error instanceof ExchangeError) return error
  // The name's escapes are no UTF-8.
  return new ExchangeError('bad_request', 'the path names no function', error)
}

import { randomUUID } from 'node:crypto'
import { ExchangeError } from '../../base/errors.ts'
import type { Now } from '../../base/clock.ts'
import { EventIntake } from '../../functions/event-intake.ts'
import type { FunctionHosting } from '../../functions/function-hosting.ts'
import type { ResolvedVersion } from '../../functions/function-versions.ts'
import type { AssignedServer, Invocation, Invoker } from '../../functions/invocation.ts'
import { HeaderList } from '../../http/headers.ts'
import { functionArn, latestVersion, type FunctionSpec } from '../../model/function/function.ts'
import { formatAmznTrace, parseTraceparent } from '../../telemetry/trace-context.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { localRoute } from '../local-route.ts'
import { invocationTypeHeader, targetPortHeader } from '../mesh-headers.ts'
import { ActiveCluster, type ClusterEnvironment } from '../upstream/cluster.ts'
import { PassthroughClusters } from '../upstream/passthrough.ts'
import { unjudgedPolicy } from '../upstream/unjudged-policy.ts'
import { readClientContext } from './client-context.ts'
import { EventFormat, prefersAsync } from './event-format.ts'
import { answerHead, FunctionCall, Gathering, type CallFormat } from './function-call.ts'
import { HttpCall } from './http-call.ts'
import { HttpFormat } from './http-format.ts'
import { InvokeFormat, InvokeStreamFormat } from './invoke-format.ts'

interface FunctionPortOptions {
  readonly hosting: FunctionHosting
  readonly environment: ClusterEnvironment
  /** Sends an exchange to its cluster. */
  readonly forward: (exchange: Exchange) => void
  readonly now: Now
  readonly wallNow: Now
}

interface CallSettings {
  readonly format: CallFormat
  readonly spec: FunctionSpec
  /** Of the request by HTTP, for places that take such. */
  readonly keepsParts: boolean
}

/** In the words of AWS. */
const contextProblem = 'Client context must be a valid Base64-encoded JSON object.'
const longestKey = 255
const traceHeader = 'x-amzn-trace-id'
/** AWS's own have some 70. Runtimes break on a header that is longer than their client takes. */
const longestTrace = 1024
/** RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** Of requests that have not come in full. */
const maxGatheringBytes = 64 * 1024 * 1024

/** Where the mesh's calls reach the function that this sidecar hosts: in the place of an application's port. */
export class FunctionPort implements Filter {
  /** Of no endpoint: it carries the numbers. */
  readonly cluster: ActiveCluster
  /** Programs that are servers of HTTP. */
  readonly #servers: PassthroughClusters
  readonly #hosting: FunctionHosting
  readonly #forward: (exchange: Exchange) => void
  readonly #formats: Readonly<Record<string, CallFormat>>
  readonly #http: CallFormat
  readonly #asyncHttp: CallFormat
  readonly #gathering = new Gathering(maxGatheringBytes)
  readonly #httpCalls = new WeakMap<Exchange, HttpCall>()

  constructor({ hosting, environment, forward, now, wallNow }: FunctionPortOptions) {
    this.cluster = new ActiveCluster(unjudgedPolicy('local:function', 1), [], environment)
    this.#servers = new PassthroughClusters(environment, this.cluster.stats)
    this.#hosting = hosting
    this.#forward = forward
    this.#http = new HttpFormat(wallNow)
    this.#asyncHttp = new EventFormat(this.#http, { answersPreference: true })
    const invoke = new InvokeFormat(now)
    this.#formats = {
      RequestResponse: invoke,
      ResponseStream: new InvokeStreamFormat(now),
      Event: new EventFormat(invoke, { answersPreference: false }),
    }
  }

  /** `exchange.cluster` is ours. */
  readonly serve = (exchange: Exchange): void => {
    const { headers } = exchange.request
    const type = headers.get(invocationTypeHeader)
    const qualifier = headers.get(targetPortHeader)
    headers.delete(invocationTypeHeader)
    headers.delete(targetPortHeader)
    exchange.invokes = type !== undefined
    const resolved = this.#resolve(qualifier)
    if (resolved instanceof ExchangeError) return exchange.fail(resolved)
    const { invoker, spec, isPlaced } = resolved
    if (type === 'DryRun') return acceptDryRun(exchange)
    if (type === undefined && spec.protocol === 'http' && !isPlaced)
      return this.#callServer(exchange, invoker, spec)
    const format = this.#formatOf(type, headers)
    if (format === undefined)
      return exchange.fail(new ExchangeError('bad_request', 'there is no such invocation type'))
    if (format instanceof EventFormat) return this.#callQueue(exchange, qualifier, { format, spec })
    this.#call(exchange, invoker, { format, spec, keepsParts: isPlaced })
  }

  onComplete(exchange: Exchange): void {
    this.#httpCalls.get(exchange)?.end()
  }

  close(): void {
    this.#servers.close()
  }

  #formatOf(type: string | undefined, headers: HeaderList): CallFormat | undefined {
    if (type !== undefined) return this.#formats[type]
    return prefersAsync(headers) ? this.#asyncHttp : this.#http
  }

  #resolve(qualifier: string | undefined): ResolvedVersion | ExchangeError {
    const { versions } = this.#hosting
    if (versions.function === undefined)
      return new ExchangeError('not_ready', 'nothing is known of the function yet')
    const arn = functionArn(versions.function.name, qualifier)
    return (
      // Asked for by those who have not heard yet that it went.
      versions.resolve(qualifier) ??
      new ExchangeError('function_not_found', `Function not found: ${arn}`)
    )
  }

  #callQueue(
    exchange: Exchange,
    qualifier: string | undefined,
    { format, spec }: Omit<CallSettings, 'keepsParts'>,
  ): void {
    const idempotencyKey = exchange.request.headers.get('idempotency-key')
    if (idempotencyKey !== undefined && idempotencyKey.length > longestKey)
      return exchange.fail(
        new ExchangeError('bad_request', `an idempotency key has ${longestKey} characters at most`),
      )
    const intake = new EventIntake(this.#hosting.events, { qualifier, idempotencyKey })
    this.#call(exchange, intake, { format, spec, keepsParts: false })
  }

  #call(exchange: Exchange, invoker: Invoker, settings: CallSettings): void {
    const { method, headers, upgrade } = exchange.request
    if (method === 'CONNECT' || upgrade !== undefined)
      return exchange.fail(new ExchangeError('not_implemented', 'a function takes requests only'))
    const context = exchange.invokes ? headers.get('x-amz-client-context') : undefined
    const clientContext = readClientContext(context)
    if (clientContext === null)
      return exchange.fail(new ExchangeError('payload_not_json', contextProblem))
    const describe = (call: FunctionCall, payload: Buffer): Invocation => ({
      ...describeInvocation(exchange, settings.spec),
      clientContext,
      id: call.id,
      payload,
      ...(call.parts !== undefined && { http: call.parts }),
      idempotent: call.parts !== undefined && idempotent.has(method),
      receiver: call,
    })
    const options = { ...settings, gathering: this.#gathering, describe }
    new FunctionCall(exchange, randomUUID(), invoker, options).start()
  }

  #callServer(exchange: Exchange, invoker: Invoker, spec: FunctionSpec): void {
    const forward = (_: Exchange, server: AssignedServer): void => this.#send(exchange, server)
    const call = new HttpCall(exchange, { id: randomUUID(), invoker, forward })
    this.#httpCalls.set(exchange, call)
    call.start(describeInvocation(exchange, spec))
  }

  #send(exchange: Exchange, server: AssignedServer): void {
    const cluster = this.#servers.to(server)
    exchange.cluster = cluster
    exchange.route = localRoute(cluster)
    exchange.upstreamProtocol = 'http/1.1'
    this.#forward(exchange)
  }
}

function describeInvocation(
  { request: { headers }, deadlineAt }: Exchange,
  { name, version }: FunctionSpec,
): Omit<Invocation, 'id' | 'payload' | 'receiver'> {
  return {
    functionArn: functionArn(name, version === latestVersion ? undefined : version),
    traceId: traceOf(headers),
    clientContext: undefined,
    deadlineAt,
  }
}

function acceptDryRun(exchange: Exchange): void {
  exchange.relayHead(answerHead(204, new HeaderList(), 0), true)
}

function traceOf(headers: HeaderList): string | undefined {
  const given = headers.get(traceHeader)
  return given !== undefined && given.length <= longestTrace
    ? given
    : amznTraceOf(headers.get('traceparent'))
}

function amznTraceOf(traceparent: string | undefined): string | undefined {
  const context = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  return context && formatAmznTrace(context)
}

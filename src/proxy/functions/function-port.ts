import { randomUUID } from 'node:crypto'
import { ExchangeError } from '../../base/errors.ts'
import type { Now } from '../../base/clock.ts'
import type { FunctionHost } from '../../functions/function-host.ts'
import type { Invocation } from '../../functions/invocation.ts'
import { HeaderList } from '../../http/headers.ts'
import { functionArn } from '../../model/function.ts'
import { formatAmznTrace, parseTraceparent } from '../../telemetry/trace-context.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { ActiveCluster, type ClusterEnvironment } from '../upstream/cluster.ts'
import { unjudgedPolicy } from '../upstream/unjudged-policy.ts'
import { invocationTypeHeader } from '../mesh-headers.ts'
import { answerHead, FunctionCall, Gathering, type CallFormat } from './function-call.ts'
import { HttpFormat } from './http-format.ts'
import { InvokeFormat, InvokeStreamFormat } from './invoke-format.ts'

interface FunctionPortOptions {
  readonly host: FunctionHost
  readonly environment: ClusterEnvironment
  readonly now: Now
  readonly wallNow: Now
}

const traceHeader = 'x-amzn-trace-id'
/** Of requests that have not come in full. */
const maxGatheringBytes = 64 * 1024 * 1024

/** Where the mesh's calls reach the function that this sidecar hosts: in the place of an application's port. */
export class FunctionPort {
  /** Of no endpoint: it carries the numbers. */
  readonly cluster: ActiveCluster
  readonly #host: FunctionHost
  readonly #formats: Readonly<Record<string, CallFormat>>
  readonly #http: CallFormat
  readonly #gathering = new Gathering(maxGatheringBytes)

  constructor({ host, environment, now, wallNow }: FunctionPortOptions) {
    this.cluster = new ActiveCluster(unjudgedPolicy('local:function', 1), [], environment)
    this.#host = host
    this.#http = new HttpFormat(() => host.spec?.name ?? '', wallNow)
    this.#formats = {
      RequestResponse: new InvokeFormat(now),
      ResponseStream: new InvokeStreamFormat(now),
    }
  }

  /** `exchange.cluster` is ours. */
  readonly serve = (exchange: Exchange): void => {
    const { headers, method } = exchange.request
    const type = headers.get(invocationTypeHeader)
    headers.delete(invocationTypeHeader)
    if (method === 'CONNECT' || exchange.request.upgrade !== undefined)
      return exchange.fail(new ExchangeError('not_implemented', 'a function takes requests only'))
    exchange.invokes = type !== undefined
    if (this.#host.spec === undefined)
      return exchange.fail(new ExchangeError('not_ready', 'nothing is known of the function yet'))
    if (type === 'DryRun') return acceptDryRun(exchange)
    const format = type === undefined ? this.#http : this.#formats[type]
    if (format === undefined)
      return exchange.fail(new ExchangeError('bad_request', `no invocation type ${type}`))
    const options = { format, describe: this.#describe, gathering: this.#gathering }
    new FunctionCall(exchange, randomUUID(), this.#host, options).start()
  }

  readonly #describe = (call: FunctionCall, payload: Buffer): Invocation => {
    const { headers } = call.exchange.request
    const clientContext = headers.get('x-amz-client-context')
    return {
      id: call.id,
      payload,
      functionArn: functionArn(this.#host.spec?.name ?? ''),
      traceId: headers.get(traceHeader) ?? amznTraceOf(headers.get('traceparent')),
      clientContext: clientContext && Buffer.from(clientContext, 'base64').toString('utf8'),
      deadlineAt: call.exchange.deadlineAt,
      receiver: call,
    }
  }
}

function acceptDryRun(exchange: Exchange): void {
  exchange.relayHead(answerHead(204, new HeaderList(), 0), true)
}

function amznTraceOf(traceparent: string | undefined): string | undefined {
  const context = traceparent === undefined ? undefined : parseTraceparent(traceparent)
  return context && formatAmznTrace(context)
}

// The test kit for plugins, which the package exports as `weft/plugin/testing`: a plugin meets requests as in a sidecar, by
// the sidecar's own code, without a mesh, a port or a certificate.
import { monotonicNow } from '../../base/clock.ts'
import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import { silentLogger } from '../../base/log.ts'
import { HeaderList } from '../../http/headers.ts'
import type { RequestHead, ResponseHead } from '../../http/message.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'
import type { PluginSettings } from '../../model/plugin.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { Chain, type Filter } from '../exchange/filter.ts'
import type { ActivePlugin } from './active-plugin.ts'
import { loadPlugins } from './load-plugins.ts'
import { PluginFilter } from './plugin-filter.ts'

/** A request as the plugin shall meet it. */
export interface TestRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Default `/`. */
  readonly path?: string
  /** Default `orders`. */
  readonly authority?: string
  readonly headers?: Readonly<Record<string, string>>
  /** SPIFFE ID of the caller. Default: none was proved. */
  readonly peerIdentity?: string
  /** Default `inbound`. */
  readonly direction?: 'inbound' | 'outbound'
  /** What the application answers to what the plugin lets through. Default: 200, without headers. */
  readonly answer?: {
    readonly status?: number
    readonly headers?: Readonly<Record<string, string>>
  }
  /** The caller goes away while a promise of the plugin is pending. Default false. */
  readonly leaves?: boolean
}

type Fields = Readonly<Record<string, string>>

export interface TestResult {
  /** What went on to the application; undefined when the plugin did not let it. */
  readonly forwarded: { readonly headers: Fields } | undefined
  /** What the caller got; status 0 when it was gone. */
  readonly status: number
  readonly headers: Fields
  readonly body: string
  /** `plugin_answered`, or `plugin_failed` with the plugin's error in {@link TestPlugin.errors}. */
  readonly reason: ErrorCode | undefined
}

/** A plugin that was loaded from its file, as a sidecar does. */
export interface TestPlugin {
  /** What it threw so far; of one second at most ten, as a sidecar logs them. */
  readonly errors: readonly unknown[]
  /** One request through it. Resolves when it is answered. */
  request(request?: TestRequest): Promise<TestResult>
}

/** @throws Error that says what keeps a sidecar from loading it. */
export async function loadTestPlugin(settings: PluginSettings): Promise<TestPlugin> {
  const errors: unknown[] = []
  const logger = {
    ...silentLogger,
    warn: (fields: object) => {
      if ('error' in fields) errors.push(fields.error)
    },
  }
  const plugins = await loadPlugins([settings], { logger, now: monotonicNow })
  return { errors, request: request => run(plugins, request ?? {}) }
}

function run(plugins: readonly ActivePlugin[], test: TestRequest): Promise<TestResult> {
  const { direction = 'inbound', answer = {}, leaves = false } = test
  const { promise, resolve } = Promise.withResolvers<TestResult>()
  const stream = new TestStream(test)
  let forwarded: TestResult['forwarded']
  const end: Filter = {
    onComplete: exchange => resolve({ ...stream.answer, forwarded, reason: exchange.reason }),
  }
  const filter = new PluginFilter({ direction, plugins, mayWait: true })
  const application = (exchange: Exchange): void => {
    forwarded = { headers: record(exchange.request.headers) }
    const headers = HeaderList.of(answer.headers ?? {})
    const { status = 200 } = answer
    exchange.relayHead({ status, reason: '', headers, version: '1.1', bodyLength: 0 }, true)
  }
  const chain = new Chain({ filters: [end, filter], terminal: application, now: monotonicNow })
  chain.handle(stream)
  if (leaves) stream.receiver.onReset(new ExchangeError('downstream_closed', 'the caller left'))
  return promise
}

/** The caller's side. */
class TestStream implements ServerStream {
  readonly request: RequestHead
  readonly connection: ServerStream['connection']
  declare receiver: RequestReceiver
  answer: Pick<TestResult, 'status' | 'headers' | 'body'> = { status: 0, headers: {}, body: '' }

  constructor({
    method = 'GET',
    path = '/',
    authority = 'orders',
    headers,
    peerIdentity,
  }: TestRequest) {
    this.request = {
      method,
      scheme: 'http',
      authority,
      path,
      headers: HeaderList.of(headers ?? {}),
      version: '1.1',
      bodyLength: 0,
      upgrade: undefined,
      expectContinue: false,
      acceptsTrailers: false,
    }
    this.connection = { remoteAddress: '127.0.0.1', peerIdentity }
  }

  sendHead({ status, headers }: ResponseHead): void {
    this.answer = { status, headers: record(headers), body: '' }
  }

  write(chunk: Buffer): boolean {
    this.answer = { ...this.answer, body: this.answer.body + chunk.toString() }
    return true
  }

  sendInformational(): void {}

  end(): void {}

  reset(): void {}

  pause(): void {}

  resume(): void {}
}

/** Of several fields of one name the values are joined (RFC 9110 §5.3). */
function record(headers: HeaderList): Fields {
  return Object.fromEntries(headers.names.map(name => [name, headers.getAll(name).join(', ')]))
}

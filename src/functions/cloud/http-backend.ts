import type { Now } from '../../base/clock.ts'
import type { Backend, BackendCall, BackendResult, Header } from './backend.ts'
import { SecretFile } from './credentials/secret-file.ts'
import {
  HttpTarget,
  noAuthentication,
  type Authentication,
  type HttpTargetOptions,
} from './transport/http-call.ts'

export interface HttpBackendOptions extends HttpTargetOptions {
  readonly name: string
  readonly region: string | undefined
  /** Undefined: the caller's own `Authorization` goes on. */
  readonly tokenFile: string | undefined
  readonly wallNow: Now
}

/** A function at any URL. */
export class HttpBackend implements Backend {
  readonly kind = 'http'
  readonly name: string
  readonly region: string | undefined
  readonly #target: HttpTarget

  constructor(options: HttpBackendOptions) {
    this.name = options.name
    this.region = options.region
    this.#target = new HttpTarget(options, bearer(options))
  }

  invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    return this.#target.invoke(call, signal)
  }
}

function bearer({ tokenFile, wallNow }: HttpBackendOptions): Authentication {
  if (tokenFile === undefined) return noAuthentication
  const file = new SecretFile(tokenFile, wallNow)
  return {
    reserved: new Set(['authorization']),
    headers: async (signal): Promise<Header[]> => [
      ['authorization', `Bearer ${await file.read(signal)}`],
    ],
    onDenied: () => file.forget(),
  }
}

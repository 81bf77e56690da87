import type { Now } from '../../base/clock.ts'
import type { Backend, BackendCall, BackendResult, Header } from './backend.ts'
import { SecretFile } from './credentials/secret-file.ts'
import { HttpTarget, type Authentication, type HttpTargetOptions } from './transport/http-call.ts'

export interface AzureFunctionOptions extends HttpTargetOptions {
  readonly name: string
  readonly region: string | undefined
  /** Undefined: the function asks for none. */
  readonly keyFile: string | undefined
  readonly wallNow: Now
}

/**
 * The load balancer before Azure Functions waits no longer for an answer
 * (learn.microsoft.com/azure/azure-functions/functions-scale#timeout).
 */
const azureTimeoutMs = 230_000

/** A function of Azure with a trigger by HTTP. Its key goes into a header: logs keep the query. */
export class AzureFunctionBackend implements Backend {
  readonly kind = 'azure-function'
  readonly name: string
  readonly region: string | undefined
  readonly #target: HttpTarget

  constructor(options: AzureFunctionOptions) {
    this.name = options.name
    this.region = options.region
    const timeoutMs = Math.min(options.timeoutMs, azureTimeoutMs)
    this.#target = new HttpTarget({ ...options, timeoutMs }, functionKey(options))
  }

  invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    return this.#target.invoke(call, signal)
  }
}

const keyHeader = 'x-functions-key'

function functionKey({ keyFile, wallNow }: AzureFunctionOptions): Authentication {
  const reserved = new Set([keyHeader])
  const file = keyFile === undefined ? undefined : new SecretFile(keyFile, wallNow)
  return {
    reserved,
    headers: async (signal): Promise<Header[]> =>
      file === undefined ? [] : [[keyHeader, await file.read(signal)]],
    onDenied: () => file?.forget(),
  }
}

import type { Backend, BackendCall, BackendResult, Header } from './backend.ts'
import type { SecretText } from './credentials/secret-text.ts'
import type { GoogleIdentity } from './google-identity.ts'
import { HttpTarget, type Authentication, type HttpTargetOptions } from './transport/http-call.ts'

export interface CloudRunOptions extends HttpTargetOptions {
  readonly name: string
  readonly region: string | undefined
  /** With the URL of the service as its audience. */
  readonly identity: GoogleIdentity
  /** The caller's own `Authorization` is for the function; Cloud Run gets ours by a header of its own. */
  readonly passAuthorization: boolean
}

/** A service or function of Google Cloud Run, called with an ID token. */
export class CloudRunBackend implements Backend {
  readonly kind = 'cloud-run'
  readonly name: string
  readonly region: string | undefined
  readonly #target: HttpTarget

  constructor(options: CloudRunOptions) {
    this.name = options.name
    this.region = options.region
    this.#target = new HttpTarget(options, new IdTokenAuthentication(options))
  }

  invoke(call: BackendCall, signal: AbortSignal): Promise<BackendResult> {
    return this.#target.invoke(call, signal)
  }
}

const serverless = 'x-serverless-authorization'

class IdTokenAuthentication implements Authentication {
  readonly reserved: ReadonlySet<string>
  readonly #identity: GoogleIdentity
  readonly #header: string
  #last: SecretText | undefined

  constructor({ identity, passAuthorization }: CloudRunOptions) {
    this.#identity = identity
    this.#header = passAuthorization ? serverless : 'authorization'
    this.reserved = new Set([this.#header, serverless])
  }

  async headers(signal: AbortSignal): Promise<Header[]> {
    this.#last = await this.#identity.get(signal)
    return [[this.#header, `Bearer ${this.#last.text}`]]
  }

  onDenied(): void {
    if (this.#last !== undefined) this.#identity.invalidate(this.#last)
  }
}

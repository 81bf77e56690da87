import { isIP } from 'node:net'
import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { SocketAddress } from '../../../model/bootstrap.ts'
import type { CertificateAuthority } from '../../certificate-authority.ts'
import { InjectionFile } from './injection-file.ts'
import { WebhookServer } from './webhook-server.ts'

export interface InjectorOptions {
  readonly address: SocketAddress
  /** Of the control plane. */
  readonly namespace: string
  /** YAML. Undefined: the defaults. */
  readonly injectionFile: string | undefined
  /** Of this software. */
  readonly version: string
  readonly authority: Pick<CertificateAuthority, 'issueServer' | 'trustDomain'>
  /** ms since 1970. */
  readonly now: Now
  readonly logger: Logger
}

/** Puts sidecars into pods as the API server creates them. */
export class Injector {
  readonly #webhook: WebhookServer
  readonly #file: InjectionFile

  private constructor(webhook: WebhookServer, file: InjectionFile) {
    this.#webhook = webhook
    this.#file = file
  }

  /** @throws Error that says what is wrong with the settings, or that the port cannot be had. */
  static async start(options: InjectorOptions): Promise<Injector> {
    const { address, namespace, injectionFile, version, authority, now, logger } = options
    const names = namesOf(namespace, address.host)
    const { trustDomain } = authority
    const file = await InjectionFile.open(injectionFile, logger)
    try {
      const webhook = await WebhookServer.listen({
        address,
        issue: () => authority.issueServer(names),
        // Of this control plane the sidecars will be, whatever the file leaves out.
        context: () => ({ settings: { trustDomain, ...file.settings }, version }),
        now,
        logger,
      })
      return new Injector(webhook, file)
    } catch (error) {
      file.close()
      throw error
    }
  }

  get port(): number {
    return this.#webhook.port
  }

  get counters(): WebhookServer['counters'] {
    return this.#webhook.counters
  }

  /** Of an edit of the settings that was not taken over. */
  get problems(): readonly string[] {
    return this.#file.problems
  }

  async close(): Promise<void> {
    this.#file.close()
    await this.#webhook.close()
  }
}

/** What the API server asks for: the Service's name, or, where a URL leads to the webhook, what stands in that. */
function namesOf(namespace: string, host: string): readonly string[] {
  const service = `weft-control.${namespace}.svc`
  const isReachable = isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::'
  return [service, `${service}.cluster.local`, 'localhost', ...(isReachable ? [host] : [])]
}

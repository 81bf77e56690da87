import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import type { KubernetesApi } from '../api/kubernetes-api.ts'
import { ListWatch } from '../api/list-watch.ts'
import { trustBundleName, webhookName } from '../cluster-names.ts'
import {
  installedWebhooks,
  webhookConfigurations,
  writeWebhookAuthority,
  type InstalledWebhook,
} from '../webhook/webhook-authority.ts'
import { Reconciliation } from './reconciliation.ts'
import { storedBundleOf, writeTrustBundles, type StoredBundle } from './trust-bundles.ts'

export interface ClusterTrustOptions {
  readonly api: Pick<KubernetesApi, 'request' | 'watch'>
  /** PEM: what all are to believe now. */
  readonly bundle: () => string
  /** Names of those that are not being deleted. */
  readonly namespaces: () => Iterable<string>
  /** Of several replicas one writes. */
  readonly leader: { readonly isLeader: boolean }
  /** Whether the API server is told as well, for the webhook. */
  readonly webhook: boolean
  readonly logger: Logger
  /** Monotonic. */
  readonly now: Now
  readonly random: Random
}

/** Keeps the CA known where it has to be: to pods, in each namespace, and to the API server that calls the webhook. */
export class ClusterTrust {
  readonly #options: ClusterTrustOptions
  readonly #bundles: ListWatch<StoredBundle>
  readonly #webhooks: ListWatch<readonly InstalledWebhook[]> | undefined
  readonly #duties: readonly Reconciliation[]

  static start(options: ClusterTrustOptions): ClusterTrust {
    return new ClusterTrust(options)
  }

  private constructor(options: ClusterTrustOptions) {
    const { api, bundle, namespaces, logger, now, random } = options
    this.#options = options
    // A role can allow to list and watch objects of one name where they are asked for so.
    this.#bundles = ListWatch.start({
      api,
      logger,
      now,
      random,
      path: '/api/v1/configmaps',
      what: `ConfigMaps ${trustBundleName}`,
      fieldSelector: `metadata.name=${trustBundleName}`,
      select: storedBundleOf,
      onChange: () => this.changed(),
    })
    const stored = () => this.#bundles.objects
    const writing = this.#reconcile('trust bundles', this.#bundles, signal =>
      writeTrustBundles({ api, bundle, namespaces, stored }, signal),
    )
    this.#webhooks = options.webhook ? this.#watchWebhooks() : undefined
    this.#duties = [
      writing,
      ...(this.#webhooks === undefined ? [] : [this.#telling(this.#webhooks)]),
    ]
    for (const watch of this.#watches) watch.synced.then(() => this.changed()).catch(() => {})
  }

  /** Of each kind that it watches. */
  get status(): readonly ListWatch<unknown>['status'][] {
    return this.#watches.map(({ status }) => status)
  }

  /** Leadership, the namespaces or the bundle are not what they were. */
  changed(): void {
    // A watch may bring the first change before all of it is there.
    for (const duty of this.#duties ?? []) duty.changed()
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map(watch => watch.close()))
    await Promise.all(this.#duties.map(duty => duty.close()))
  }

  get #watches(): readonly ListWatch<unknown>[] {
    return this.#webhooks === undefined ? [this.#bundles] : [this.#bundles, this.#webhooks]
  }

  #watchWebhooks(): ListWatch<readonly InstalledWebhook[]> {
    const { api, logger, now, random } = this.#options
    return ListWatch.start({
      api,
      logger,
      now,
      random,
      path: webhookConfigurations,
      what: `MutatingWebhookConfiguration ${webhookName}`,
      fieldSelector: `metadata.name=${webhookName}`,
      select: installedWebhooks,
      onChange: () => this.changed(),
    })
  }

  #telling(webhooks: ListWatch<readonly InstalledWebhook[]>): Reconciliation {
    const { api, bundle } = this.#options
    const installed = () => webhooks.objects.get(webhookName)
    return this.#reconcile("the webhook's CA", webhooks, signal =>
      writeWebhookAuthority({ api, bundle, installed }, signal),
    )
  }

  #reconcile(
    what: string,
    watch: Pick<ListWatch<unknown>, 'status'>,
    pass: (signal: AbortSignal) => Promise<void>,
  ): Reconciliation {
    const { leader, logger, random } = this.#options
    // What is not known yet would be taken for missing.
    const isActive = () => leader.isLeader && watch.status.synced
    return new Reconciliation({ what, pass, isActive, logger, random })
  }
}

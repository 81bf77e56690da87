import { monotonicNow, type Now } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { KubernetesBootstrap } from '../../model/bootstrap.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import type { Platform, PlatformMesh } from '../platform.ts'
import { inClusterOptions } from './api/in-cluster.ts'
import { KubernetesApi } from './api/kubernetes-api.ts'
import { LeaderElection } from './api/leader-election.ts'
import { controlName } from './cluster-names.ts'
import { AuthoritySecret } from './identity/authority-secret.ts'
import { ClusterTrust } from './identity/cluster-trust.ts'
import { ServiceAccountAttestor } from './identity/service-account-attestor.ts'
import { KubernetesSource } from './source/kubernetes-source.ts'
import { StatusWriter } from './status/status-writer.ts'
import { Injector } from './webhook/injector.ts'

export interface KubernetesPlatformOptions {
  /** Where the kubelet says how the API is reached. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly trustDomain: string
  /** Of this software. */
  readonly version: string
  readonly logger: Logger
  /** Wall clock. */
  readonly now: Now
  readonly random: Random
}

/** A Kubernetes cluster: its API has the configuration, says who pods are, keeps the CA's key, and gets pods injected. */
export class KubernetesPlatform implements Platform {
  readonly source: KubernetesSource
  readonly attestors: readonly [ServiceAccountAttestor]
  readonly authorityStore: AuthoritySecret
  readonly metrics = (): Iterable<MetricFamily> => this.#metrics()
  readonly #bootstrap: KubernetesBootstrap
  readonly #options: KubernetesPlatformOptions
  readonly #api: KubernetesApi
  readonly #closing = new AbortController()
  readonly #started = new AsyncDisposableStack()
  #leader: LeaderElection | undefined
  #trust: ClusterTrust | undefined
  #statuses: StatusWriter | undefined
  #injector: Injector | undefined

  /** @throws Error outside a cluster, when the bootstrap names no server. */
  constructor(bootstrap: KubernetesBootstrap, options: KubernetesPlatformOptions) {
    const { namespace, server, tokenFile, caFile } = bootstrap
    const { environment, trustDomain, logger, now, random } = options
    this.#bootstrap = bootstrap
    this.#options = options
    this.#api = new KubernetesApi(inClusterOptions(environment, { server, tokenFile, caFile }))
    const api = this.#api
    this.source = KubernetesSource.start({
      api,
      namespace,
      trustDomain,
      logger,
      random,
      now: monotonicNow,
    })
    const { pods } = this.source
    this.attestors = [new ServiceAccountAttestor({ api, pods, now, logger })]
    this.authorityStore = new AuthoritySecret({ api, namespace, signal: this.#closing.signal })
  }

  /** Of the webhook; undefined without one. */
  get webhookPort(): number | undefined {
    return this.#injector?.port
  }

  /** @throws Error that names what the injector cannot start with. */
  async start({ authority }: PlatformMesh): Promise<void> {
    const { source } = this
    const { webhook, injectionFile, namespace } = this.#bootstrap
    const { version, now, logger } = this.#options
    if (webhook !== undefined) {
      const settings = { address: webhook, namespace, injectionFile, version }
      this.#injector = await Injector.start({ ...settings, authority, now, logger })
      this.#started.adopt(this.#injector, injector => injector.close())
    }
    this.#startDuties(() => authority.bundle)
    source.onNamespacesChange(() => this.#trust?.changed())
    source.onObjectsChange(() => this.#statuses?.changed())
  }

  status(): object {
    const { kinds, leftOut } = this.source.status
    return {
      leader: this.#leader?.status,
      kinds: [...kinds, ...(this.#trust?.status ?? [])],
      leftOut,
      ...(this.#injector !== undefined && { injection: { problems: this.#injector.problems } }),
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.source.close()
    // What only the leader does ends before it gives the lease back.
    await this.#started.disposeAsync()
    await Promise.all(this.attestors.map(attestor => attestor.close()))
    await this.#api.close()
  }

  /** What one replica does for all. */
  #startDuties(bundle: () => string): void {
    const { source } = this
    const { namespace, replica, webhook } = this.#bootstrap
    const { logger, now, random } = this.#options
    const api = this.#api
    const leader = LeaderElection.start({
      api,
      namespace,
      logger,
      random,
      name: controlName,
      identity: replica,
      now: monotonicNow,
      onChange: () => {
        this.#trust?.changed()
        this.#statuses?.changed()
      },
    })
    this.#leader = this.#started.adopt(leader, election => election.close())
    const trust = ClusterTrust.start({
      api,
      bundle,
      leader,
      logger,
      random,
      namespaces: () => namesOfLiving(source.namespaces),
      webhook: webhook !== undefined,
      now: monotonicNow,
    })
    this.#trust = this.#started.adopt(trust, duty => duty.close())
    const updates = () => source.statusUpdates()
    const statuses = StatusWriter.start({ api, leader, updates, logger, now, random })
    this.#statuses = this.#started.adopt(statuses, writer => writer.close())
  }

  *#metrics(): Generator<MetricFamily> {
    const { kinds: watched, leftOut } = this.source.status
    const kinds = [...watched, ...(this.#trust?.status ?? [])]
    const each = (value: (kind: (typeof kinds)[number]) => number) =>
      kinds.map(kind => ({ labels: { kind: kind.what }, value: value(kind) }))
    yield {
      ...gauge('objects', 'Objects of the cluster that are held in memory.'),
      samples: each(({ objects }) => objects),
    }
    yield {
      ...gauge('synced', 'Whether all objects of a kind were read since the start: 1 or 0.'),
      samples: each(({ synced }) => (synced ? 1 : 0)),
    }
    yield {
      ...gauge('change_age_seconds', 'Since the last change of a kind.'),
      samples: watched.flatMap(({ what, ageMs }) =>
        ageMs === undefined ? [] : [{ labels: { kind: what }, value: ageMs / 1000 }],
      ),
    }
    yield {
      ...gauge('left_out', 'Problems of objects that are left out.'),
      samples: [{ labels: {}, value: leftOut.length }],
    }
    yield {
      ...counter('watch_failures', 'Lists and watches that failed.'),
      samples: each(({ failures }) => failures),
    }
    yield {
      ...gauge('leader', 'Whether this replica is the one that writes into the cluster: 1 or 0.'),
      samples: [{ labels: {}, value: this.#leader?.isLeader === true ? 1 : 0 }],
    }
    yield {
      ...counter('token_reviews_postponed', 'Sidecars that have to come again to be known.'),
      samples: this.attestors.map(({ failures }) => ({ labels: {}, value: failures })),
    }
    yield {
      ...counter('statuses', 'Statuses of objects, by what became of writing them.'),
      samples: Object.entries(this.#statuses?.counters ?? {}).map(([outcome, value]) => ({
        labels: { outcome },
        value,
      })),
    }
    if (this.#injector !== undefined) yield* this.#injector.counters.produce()
  }
}

function* namesOfLiving(namespaces: KubernetesSource['namespaces']): Generator<string> {
  for (const { name, isTerminating } of namespaces.values()) if (!isTerminating) yield name
}

function gauge(name: string, help: string) {
  return { type: 'gauge', name: `weft_control_kubernetes_${name}`, help } as const
}

function counter(name: string, help: string) {
  return { type: 'counter', name: `weft_control_kubernetes_${name}_total`, help } as const
}

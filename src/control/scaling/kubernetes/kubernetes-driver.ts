import { setTimeout as delay } from 'node:timers/promises'
import type { ScaledFunction, WorkloadDriver } from '../workload-driver.ts'
import { inClusterOptions } from '../../kubernetes/api/in-cluster.ts'
import {
  KubernetesApi,
  KubernetesError,
  type KubernetesRequest,
} from '../../kubernetes/api/kubernetes-api.ts'
import type { KubernetesSettings } from './kubernetes-settings.ts'

export interface KubernetesDriverOptions {
  readonly settings: KubernetesSettings
  /** Ours, for what the kubelet sets: where the API server of the cluster is. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** A wait that the server asks for is granted up to here; whoever waits for the function has no longer. */
const longestRetryAfterMs = 5000
const tries = 3

/**
 * Hosts are the pods of a Deployment that is there already: all that is needed of the API is `get` and `patch` of
 * `deployments/scale` (kubernetes.io/docs/reference/kubernetes-api, "Scale"). Pods announce themselves, so that
 * nothing is watched.
 */
export class KubernetesDriver implements WorkloadDriver {
  readonly instancesPerHost: number
  readonly #deployment: string
  readonly #api: KubernetesApi

  /** @throws Error when no server is named and this is no cluster. */
  constructor({ settings, environment }: KubernetesDriverOptions) {
    this.instancesPerHost = settings.instancesPerHost
    this.#deployment = settings.deployment
    this.#api = new KubernetesApi(inClusterOptions(environment, settings))
  }

  async ensure(fn: ScaledFunction, replicas: number, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const patch = { method: 'PATCH', body: { spec: { replicas } }, signal } as const
        await this.#request({ ...this.#scaleOf(fn), ...patch })
        return
      } catch (error) {
        const waitMs = repeatableAfterMs(error)
        if (waitMs === undefined || attempt === tries) throw error
        await delay(Math.min(waitMs, longestRetryAfterMs), undefined, { signal })
      }
    }
  }

  /** As the Deployment wants it: pods come and go as the cluster sees fit, and are replaced by it. */
  async current(fn: ScaledFunction, signal: AbortSignal): Promise<number> {
    const scale = await this.#request({ ...this.#scaleOf(fn), method: 'GET', signal })
    const { spec } = (scale ?? {}) as { spec?: { replicas?: unknown } }
    const replicas = spec?.replicas ?? 0
    if (typeof replicas === 'number') return replicas
    throw new KubernetesError(`${this.#scaleOf(fn).what} has no number of replicas`)
  }

  /** The cluster itself replaces pods that die. */
  watch(): void {}

  async close(): Promise<void> {
    await this.#api.close()
  }

  async #request(request: KubernetesRequest): Promise<unknown> {
    try {
      return await this.#api.request(request)
    } catch (error) {
      throw withHint(error)
    }
  }

  #scaleOf({ name, namespace }: ScaledFunction): { readonly path: string; readonly what: string } {
    const deployment = this.#deployment.replaceAll('{name}', name)
    return {
      path: `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment}/scale`,
      what: `Deployment ${deployment} in namespace ${namespace}`,
    }
  }
}

/** Undefined: it would not help. */
function repeatableAfterMs(error: unknown): number | undefined {
  if (!(error instanceof KubernetesError)) return undefined
  const { status, retryAfterMs } = error
  if (status === 409) return retryAfterMs ?? 50
  return status === 429 || status === 503 ? retryAfterMs : undefined
}

/** What to do about it: scaling needs little of the cluster, and that has to be there. */
function withHint(error: unknown): unknown {
  if (!(error instanceof KubernetesError)) return error
  const { status, reason, retryAfterMs, message } = error
  const hint = hints[status ?? 0]
  if (hint === undefined) return error
  return new KubernetesError(`${message}; ${hint}`, { status, reason, retryAfterMs, cause: error })
}

const create = 'create it with 0 replicas'
const hints: Readonly<Record<number, string>> = {
  403: 'scaling needs get and patch on deployments/scale',
  404: create,
  410: create,
}

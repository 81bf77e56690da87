import { setTimeout as delay } from 'node:timers/promises'
import type { ScaledFunction, WorkloadDriver } from '../workload-driver.ts'
import { KubernetesApi, KubernetesError } from './kubernetes-api.ts'
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
    const { tokenFile, caFile } = settings
    const server = (settings.server ?? serverOf(environment)).replace(/\/$/, '')
    this.#api = new KubernetesApi({ server, tokenFile, caFile })
  }

  async ensure(fn: ScaledFunction, replicas: number, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#api.request({
          ...this.#scaleOf(fn),
          method: 'PATCH',
          patch: { spec: { replicas } },
          signal,
        })
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
    const scale = await this.#api.request({ ...this.#scaleOf(fn), method: 'GET', signal })
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

function serverOf(environment: KubernetesDriverOptions['environment']): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment
  if (host === undefined)
    throw new Error('this is no pod of a cluster: name the API as kubernetes.server')
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

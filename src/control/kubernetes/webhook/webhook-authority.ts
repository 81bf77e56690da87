import type { KubernetesApi } from '../api/kubernetes-api.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { webhookName } from '../cluster-names.ts'

/** The MutatingWebhookConfiguration `weft-injector`, as far as it says whom the API server believes. */
export interface InstalledWebhook {
  readonly name: string
  /** PEM, base64. */
  readonly caBundle: string | undefined
}

export interface WebhookAuthorityOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  /** PEM: of the CA that the webhook's certificates are of. */
  readonly bundle: () => string
  /** Undefined while none is installed; it is `weft install` that does that. */
  readonly installed: () => readonly InstalledWebhook[] | undefined
}

export const webhookConfigurations =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

interface WrittenWebhook {
  readonly name?: unknown
  readonly clientConfig?: { readonly caBundle?: unknown } | null
}

/** As {@link WebhookAuthorityOptions.installed} wants it. */
export function installedWebhooks(object: KubernetesObject): InstalledWebhook[] {
  const { webhooks } = object as { readonly webhooks?: readonly WrittenWebhook[] | null }
  return (webhooks ?? []).map(({ name, clientConfig }) => ({
    name: String(name),
    caBundle: typeof clientConfig?.caBundle === 'string' ? clientConfig.caBundle : undefined,
  }))
}

/**
 * Tells the API server whom to believe when it calls the webhook. Nothing else of the configuration is touched, and
 * where it has been changed at the same time (a webhook stands elsewhere), nothing at all.
 * @throws KubernetesError
 */
export async function writeWebhookAuthority(
  { api, bundle, installed }: WebhookAuthorityOptions,
  signal: AbortSignal,
): Promise<void> {
  const value = Buffer.from(bundle()).toString('base64')
  const patch = (installed() ?? []).flatMap(({ name, caBundle }, index) => {
    if (caBundle === value) return []
    const webhook = `/webhooks/${index}`
    return [
      { op: 'test', path: `${webhook}/name`, value: name },
      // RFC 6902 §4.1: of a member that exists, this replaces the value.
      { op: 'add', path: `${webhook}/clientConfig/caBundle`, value },
    ]
  })
  if (patch.length === 0) return
  await api.request({
    method: 'PATCH',
    path: `${webhookConfigurations}/${webhookName}`,
    what: `MutatingWebhookConfiguration ${webhookName}`,
    body: patch,
    contentType: 'application/json-patch+json',
    signal,
  })
}

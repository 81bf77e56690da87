import { z } from 'zod'
import type { AuthorityStore } from '../../authority-store.ts'
import { KubernetesError, type KubernetesApi } from '../api/kubernetes-api.ts'
import { authoritySecretName as name } from '../cluster-names.ts'
import { managedByWeft } from './managed-object.ts'

export interface AuthoritySecretOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  /** Of the control plane. */
  readonly namespace: string
  readonly signal: AbortSignal
}

const key = 'ca.pem'

const secret = z.object({ data: z.record(z.string(), z.string()).default({}) })

/** Key and root of the CA in a Secret, which all replicas share. The first one that starts makes it. */
export class AuthoritySecret implements AuthorityStore {
  readonly place: string
  readonly #options: AuthoritySecretOptions
  readonly #collection: string

  constructor(options: AuthoritySecretOptions) {
    this.#options = options
    this.place = `Secret ${options.namespace}/${name}`
    this.#collection = `/api/v1/namespaces/${options.namespace}/secrets`
  }

  /** @throws KubernetesError; Error when it holds something else. */
  async read(): Promise<string | undefined> {
    const { api, signal } = this.#options
    const path = `${this.#collection}/${name}`
    try {
      return this.#textOf(await api.request({ method: 'GET', path, what: this.place, signal }))
    } catch (error) {
      if (error instanceof KubernetesError && error.status === 404) return undefined
      throw error
    }
  }

  async create(authority: string): Promise<string> {
    const { api, namespace, signal } = this.#options
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace, labels: managedByWeft },
      type: 'Opaque',
      data: { [key]: Buffer.from(authority).toString('base64') },
    }
    try {
      const path = this.#collection
      await api.request({ method: 'POST', path, what: this.place, body, signal })
      return authority
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 409) throw error
      const others = await this.read()
      if (others !== undefined) return others
      throw new Error(`${this.place} is made and deleted by others at the same time`, {
        cause: error,
      })
    }
  }

  #textOf(answer: unknown): string {
    const { [key]: encoded } = secret.parse(answer).data
    if (encoded === undefined)
      throw new Error(
        `${this.place} has no ${key}: delete it, and the control plane makes a CA of its own, or put a private key and its certificate there, PEM`,
      )
    return Buffer.from(encoded, 'base64').toString('utf8')
  }
}

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Api } from '../cluster/api.ts'
import type {
  Container,
  DownwardItem,
  KeySource,
  KubernetesObject,
  Pod,
  ProjectedSource,
  Volume,
} from '../cluster/objects.ts'
import { downwardField } from './downward.ts'
import type { Mount } from './process.ts'

/** Path in the volume, and what is in it. */
type Files = ReadonlyMap<string, Buffer>

interface Token {
  readonly text: string
  readonly renewAt: number
}

/** What a pod mounts, as folders of the node. What comes from the API follows it while the pod runs. */
export class Volumes {
  readonly #api: Api
  readonly #pod: Pod
  readonly #podIp: string
  readonly #folder: string
  readonly #tokens = new Map<string, Token>()

  constructor(api: Api, pod: Pod, { podIp, folder }: { podIp: string; folder: string }) {
    this.#api = api
    this.#pod = pod
    this.#podIp = podIp
    this.#folder = folder
  }

  /** Again and again: what has not changed is not written. @throws when an object that it needs is not there. */
  async write(): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) {
      const folder = this.#folderOf(volume)
      if (volume.emptyDir && !existsSync(folder)) makeEmpty(folder, this.#group)
      const files = await this.#files(volume)
      if (files !== undefined) writeVolume(folder, files, this.#group)
    }
  }

  mountsOf(container: Container): Mount[] {
    return (container.volumeMounts ?? []).map(mount => {
      const volume = this.#pod.spec.volumes?.find(({ name }) => name === mount.name)
      if (volume === undefined) throw new Error(`there is no volume ${mount.name}`)
      const source = join(this.#folderOf(volume), mount.subPath ?? '')
      if (mount.subPath && volume.emptyDir) makeEmpty(source, this.#group)
      const readOnly = mount.readOnly === true || !(volume.emptyDir ?? volume.hostPath)
      return { source, target: mount.mountPath, readOnly }
    })
  }

  get #group(): number | undefined {
    return this.#pod.spec.securityContext?.fsGroup
  }

  #folderOf({ name, hostPath }: Volume): string {
    return hostPath?.path ?? join(this.#folder, name)
  }

  async #files(volume: Volume): Promise<Files | undefined> {
    const { configMap, secret, downwardAPI, projected } = volume
    const sources: readonly ProjectedSource[] | undefined =
      projected?.sources ??
      (configMap && [{ configMap }]) ??
      (secret && [{ secret: { ...secret, name: secret.secretName } }]) ??
      (downwardAPI && [{ downwardAPI }])
    if (sources === undefined) return undefined
    const parts = await Promise.all(sources.map(source => this.#source(source)))
    return new Map(parts.flatMap(part => [...part]))
  }

  async #source(source: ProjectedSource): Promise<Files> {
    if (source.serviceAccountToken) {
      const { path } = source.serviceAccountToken
      return new Map([[path, Buffer.from(await this.#token(source.serviceAccountToken))]])
    }
    if (source.configMap) return this.#keys('configmaps', source.configMap, 'utf8')
    if (source.secret) return this.#keys('secrets', source.secret, 'base64')
    return this.#downward(source.downwardAPI?.items ?? [])
  }

  /** Bound to this pod; a new one when four fifths of its time are over. */
  async #token(source: {
    audience?: string
    expirationSeconds?: number
    path: string
  }): Promise<string> {
    const now = performance.now()
    const key = `${source.audience} ${source.path}`
    const known = this.#tokens.get(key)
    if (known !== undefined && now < known.renewAt) return known.text
    const { name, namespace, uid } = this.#pod.metadata
    const account = this.#pod.spec.serviceAccountName ?? 'default'
    const expirationSeconds = source.expirationSeconds ?? 3600
    const answer = await this.#api.create<{ status: { token: string } }>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          ...(source.audience && { audiences: [source.audience] }),
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    )
    const text = answer.status.token
    this.#tokens.set(key, { text, renewAt: now + expirationSeconds * 800 })
    return text
  }

  async #keys(kind: string, source: KeySource, encoding: 'utf8' | 'base64'): Promise<Files> {
    const { namespace } = this.#pod.metadata
    const path = `/api/v1/namespaces/${namespace}/${kind}/${source.name}`
    const object = await this.#api.find<KubernetesObject & { data?: Record<string, string> }>(path)
    if (object === undefined && source.optional !== true)
      throw new Error(`${kind} "${source.name}" not found`)
    const data = object?.data ?? {}
    const items = source.items ?? Object.keys(data).map(key => ({ key, path: key }))
    return new Map(
      items.flatMap(item => {
        const value = data[item.key]
        if (value !== undefined) return [[item.path, Buffer.from(value, encoding)] as const]
        if (source.optional === true) return []
        throw new Error(`${kind} "${source.name}" has no key ${item.key}`)
      }),
    )
  }

  #downward(items: readonly DownwardItem[]): Files {
    const value = (path = ''): Buffer => Buffer.from(downwardField(this.#pod, this.#podIp, path))
    return new Map(items.map(({ path, fieldRef }) => [path, value(fieldRef?.fieldPath)]))
  }
}

function makeEmpty(folder: string, group: number | undefined): void {
  mkdirSync(folder, { recursive: true })
  if (group !== undefined) chownSync(folder, 0, group)
  chmodSync(folder, group === undefined ? 0o777 : 0o2777)
}

/** As the kubelet does it: all files lie in a folder that a link leads to, so that they change at one moment. */
function writeVolume(folder: string, files: Files, group: number | undefined): void {
  const data = join(folder, '..data')
  if (existsSync(data) && isSame(data, files)) return
  const fresh = `..${process.hrtime.bigint()}`
  mkdirSync(join(folder, fresh), { recursive: true })
  for (const [path, content] of files) {
    const file = join(folder, fresh, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content, { mode: 0o644 })
    if (group !== undefined) chownSync(file, 0, group)
  }
  const link = join(folder, '..data_tmp')
  symlinkSync(fresh, link)
  const old = existsSync(data) ? readlinkSync(data) : undefined
  renameSync(link, data)
  for (const path of files.keys()) {
    const [top = ''] = path.split('/')
    if (!existsSync(join(folder, top))) symlinkSync(join('..data', top), join(folder, top))
  }
  if (old !== undefined) rmSync(join(folder, old), { recursive: true, force: true })
}

function isSame(folder: string, files: Files): boolean {
  return [...files].every(([path, content]) => {
    const file = join(folder, path)
    return existsSync(file) && readFileSync(file).equals(content)
  })
}

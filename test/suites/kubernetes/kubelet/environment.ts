import type { Api } from '../cluster/api.ts'
import { addresses } from '../cluster/network.ts'
import type {
  Container,
  EnvFrom,
  EnvVar,
  KeyRef,
  KubernetesObject,
  Pod,
} from '../cluster/objects.ts'
import { downwardField } from './downward.ts'

type Data = KubernetesObject & { readonly data?: Readonly<Record<string, string>> }

/** Of a container: what every pod of a cluster has, then what its spec says, in its order. */
export class Environment {
  readonly #api: Api
  readonly #pod: Pod
  readonly #podIp: string

  constructor(api: Api, pod: Pod, podIp: string) {
    this.#api = api
    this.#pod = pod
    this.#podIp = podIp
  }

  /** @throws when it names what there is not (CreateContainerConfigError). */
  async of(container: Container): Promise<Record<string, string>> {
    const values: Record<string, string> = {
      HOSTNAME: this.#pod.metadata.name,
      KUBERNETES_SERVICE_HOST: addresses.apiServer,
      KUBERNETES_SERVICE_PORT: '443',
    }
    for (const source of container.envFrom ?? []) Object.assign(values, await this.#from(source))
    for (const variable of container.env ?? []) {
      const value = await this.#value(variable, container, values)
      if (value !== undefined) values[variable.name] = value
    }
    return values
  }

  async #from({ prefix = '', configMapRef, secretRef }: EnvFrom): Promise<Record<string, string>> {
    const data = configMapRef
      ? await this.#data('configmaps', configMapRef)
      : secretRef
        ? await this.#data('secrets', secretRef)
        : {}
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [prefix + key, value]))
  }

  async #value(
    { value = '', valueFrom }: EnvVar,
    container: Container,
    known: Readonly<Record<string, string>>,
  ): Promise<string | undefined> {
    if (valueFrom === undefined) return expand(value, known)
    const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
    if (fieldRef) return downwardField(this.#pod, this.#podIp, fieldRef.fieldPath)
    if (resourceFieldRef) return resourceField(container, resourceFieldRef.resource)
    if (configMapKeyRef) return this.#key('configmaps', configMapKeyRef)
    if (secretKeyRef) return this.#key('secrets', secretKeyRef)
    return undefined
  }

  async #key(kind: string, { key, ...reference }: KeyRef): Promise<string | undefined> {
    const data = await this.#data(kind, reference)
    if (!(key in data) && reference.optional !== true)
      throw new Error(`couldn't find key ${key} in ${kind} ${reference.name}`)
    return data[key]
  }

  async #data(
    kind: string,
    { name, optional = false }: { readonly name: string; readonly optional?: boolean },
  ): Promise<Readonly<Record<string, string>>> {
    const { namespace } = this.#pod.metadata
    const object = await this.#api.find<Data>(`/api/v1/namespaces/${namespace}/${kind}/${name}`)
    if (object === undefined && !optional) throw new Error(`${kind} "${name}" not found`)
    const data = object?.data ?? {}
    if (kind === 'configmaps') return data
    const decode = (value: string): string => Buffer.from(value, 'base64').toString()
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]))
  }
}

/** `$(NAME)` becomes the value of NAME where there is one, and `$$` a dollar sign. */
export function expand(text: string, known: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (known[name] ?? whole),
  )
}

/** `limits.cpu` as a number of cores rounded up, memory in bytes; without a limit the node's own size. */
function resourceField({ resources = {} }: Container, resource: string): string {
  const [kind = '', name = ''] = resource.split('.')
  const values = kind === 'limits' ? resources.limits : resources.requests
  const text =
    values?.[name] ?? (kind === 'limits' ? { cpu: '2', memory: '4Gi' }[name] : '0') ?? '0'
  const [, digits = '0', unit = ''] = /^([\d.]+)(\w*)$/.exec(text) ?? []
  const factors: Record<string, number> = {
    m: 1e-3,
    k: 1e3,
    M: 1e6,
    G: 1e9,
    Ki: 2 ** 10,
    Mi: 2 ** 20,
  }
  return String(Math.ceil(Number(digits) * (factors[unit] ?? (unit === 'Gi' ? 2 ** 30 : 1))))
}

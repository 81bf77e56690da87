import { sidecarPorts } from '../../../model/bootstrap.ts'
import { fieldsOf } from '../../../base/fields.ts'
import { isAlias } from 'yaml'
import { readLabels } from '../../../control/docker/container-labels.ts'
import { type ComposeFile, type ComposeService, type Fields } from '../file/compose-file.ts'
import type { ServicePorts } from './container-ports.ts'
import type { InjectOptions } from './inject-options.ts'
import { dependencies, isNo, mountsAt, sidecarLabels, textOf } from './service-fields.ts'

export interface Examined {
  readonly service: ComposeService
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ServicePorts | undefined
}

/** Listened on by a sidecar. */
const { admin, outbound, captured, inbound, health } = sidecarPorts
const ownPorts: readonly number[] = [admin, outbound, captured, inbound, health]

/** Why a service gets no sidecar; undefined: it can have one. */
export function obstacleOf(
  file: ComposeFile,
  { services, mode }: InjectOptions,
  examined: Examined,
): string | undefined {
  const { service, labels } = examined
  if (services !== undefined && !services.includes(service.name)) return 'not named by --service'
  if (isNo(labels['weft.inject'])) return 'its label weft.inject says so'
  if (labels['weft.plain'] === 'true') return 'its label weft.plain says that it has no sidecar'
  if (mode === 'dns' && isResolver(service.value, examined.ports?.ports ?? [])) return noDns
  return obstacleInForm(file, service) ?? obstacleInPorts(file, examined)
}

/** Where Linux has the resolvers of a program. */
export const resolvConf = '/etc/resolv.conf'
const noDns = 'it answers DNS, or mounts a resolv.conf, as DNS mode does: take --mode transparent'

/** It has of its own what DNS mode brings. */
export function isResolver(service: Fields, ports: ServicePorts['ports']): boolean {
  return ports.some(({ target }) => target.number === 53) || mountsAt(service, resolvConf)
}

function obstacleInForm(file: ComposeFile, service: ComposeService): string | undefined {
  const { name, value, node } = service
  const { network_mode: network, provider, extends: base } = value
  if (Object.keys(value).length === 0) return 'it is empty'
  if (network !== undefined) return `it has network_mode ${textOf(network)}`
  if (provider !== undefined) return 'a provider runs it, and no container'
  if (base !== undefined) return `it extends ${nameOfBase(base)}: ${spellOut}`
  const heir = file.services.find(other => nameOfBase(other.value['extends']) === name)
  if (heir !== undefined) return `${heir.name} extends it: ${spellOut}`
  if (isAlias(node)) return 'it is an alias: write it out, with << to take over the rest'
  const taken = file.services.find(other => [`${name}-app`, `${name}-init`].includes(other.name))
  if (taken !== undefined) return `there is a service ${taken.name}, a name that injection needs`
  return obstacleInScale(value)
}

const spellOut = 'take over its keys by an anchor and << instead'

/** Of the same file; one of another file has another path in front. */
function nameOfBase(base: unknown): string | undefined {
  if (typeof base === 'string') return base
  const { service, file } = fieldsOf(base)
  if (typeof service !== 'string') return undefined
  return typeof file === 'string' ? `${file}#${service}` : service
}

/** Compose joins all containers of an application to the first of the sidecar's. */
function obstacleInScale({ scale, deploy }: Fields): string | undefined {
  const written = textOf(scale ?? fieldsOf(deploy)['replicas'] ?? 1)
  const count = /^\$\{\w+:?-(\d+)\}$/.exec(written)?.[1] ?? written
  return count === '1' || count === '0'
    ? undefined
    : `it has ${count} replicas: write a service for each, with the same label weft.service`
}

function obstacleInPorts(file: ComposeFile, { service, labels, ports }: Examined) {
  if (ports === undefined) return endsByItself(file, service) ? oneShot : noPorts
  const own = ports.ports.find(({ target }) => ownPorts.includes(target.number ?? 0))
  if (own !== undefined) return `port ${own.target.text} is one of its sidecar's own`
  return obstacleInLabels(sidecarLabels(service.name, labels, ports))
}

const noPorts =
  'nothing says where it serves: label it weft.port: "8080", or weft.port: none if it only calls others'
const oneShot = 'it runs once and ends: label it weft.port: none for a sidecar'

function endsByItself(file: ComposeFile, { name, value }: ComposeService): boolean {
  return (
    isNo(value['restart']) ||
    file.services.some(
      other =>
        dependencies(other.value['depends_on'])[name]?.['condition'] ===
        'service_completed_successfully',
    )
  )
}

/** What the control plane would refuse. For variables of compose some number stands, for each another. */
function obstacleInLabels(labels: Readonly<Record<string, string>>): string | undefined {
  const numbers = new Map<string, string>()
  const numberFor = (variable: string): string => {
    const number = numbers.get(variable) ?? String(60_000 + numbers.size)
    numbers.set(variable, number)
    return number
  }
  const certain = Object.entries(labels).map(([name, value]): [string, string] => [
    name,
    value.replaceAll(/\$\{[^{}]*\}|\$\w+/g, numberFor),
  ])
  const read = readLabels(Object.fromEntries(certain))
  if (read === undefined || 'service' in read) return undefined
  const [problem] = read
  return problem === undefined ? undefined : `label ${problem.label} ${problem.message}`
}

// Fields of a service that compose lets people write in two ways.
import { fieldsOf } from '../../../base/fields.ts'
import { type Fields } from '../file/compose-file.ts'
import type { ServicePorts } from './container-ports.ts'

/** Empty for what is no scalar. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''
}

export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : []
}

/** Of labels as a mapping, or as a list of `name=value`. */
export function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (!Array.isArray(value))
    return Object.fromEntries(
      Object.entries(fieldsOf(value)).map(([name, label]) => [name, textOf(label)]),
    )
  return Object.fromEntries(strings(value).map(text => pairOf(text, '=')))
}

function pairOf(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** One with a value too where it was a list. */
export function networksOf(value: unknown): Readonly<Record<string, Fields>> {
  const names = Array.isArray(value) ? strings(value) : Object.keys(fieldsOf(value))
  const fields = fieldsOf(Array.isArray(value) ? undefined : value)
  return Object.fromEntries(names.map(name => [name, fieldsOf(fields[name])]))
}

/** A service that names none is in `default`. */
export function networkNames({ networks }: Fields): readonly string[] {
  const names = Object.keys(networksOf(networks))
  return names.length === 0 ? ['default'] : names
}

/** Of `depends_on`, where a list of names says less. */
export function dependencies(value: unknown): Readonly<Record<string, Fields>> {
  if (!Array.isArray(value)) return (value as Record<string, Fields> | undefined) ?? {}
  return Object.fromEntries(strings(value).map(name => [name, { condition: 'service_started' }]))
}

/** What the control plane is to know of a service. */
export function sidecarLabels(
  name: string,
  labels: Readonly<Record<string, string>>,
  { ports, protocol }: ServicePorts,
): Readonly<Record<string, string>> {
  const given = Object.entries(labels).filter(
    ([label]) => isWeftLabel(label) && label !== 'weft.inject',
  )
  const numbers = ports.map(({ port, target }) =>
    port.text === target.text ? port.text : `${port.text}:${target.text}`,
  )
  return {
    'weft.service': name,
    'weft.port': numbers.length === 0 ? 'none' : numbers.join(','),
    ...(protocol !== undefined && { 'weft.protocol': protocol }),
    ...Object.fromEntries(given),
  }
}

/** Names that the mesh must not see on a container without a sidecar. */
export function isWeftLabel(name: string): boolean {
  return name.startsWith('weft.') && !name.startsWith('weft.dev/')
}

/** Whether YAML 1.1, which some read compose files by, or 1.2 takes it for `no`. */
export function isNo(value: unknown): boolean {
  return (
    value === false || (typeof value === 'string' && /^(?:no|off|false|disabled)$/i.test(value))
  )
}

/** Whether something of the host or a volume is mounted at a path. */
export function mountsAt({ volumes }: Fields, path: string): boolean {
  if (!Array.isArray(volumes)) return false
  return volumes.some(volume =>
    typeof volume === 'string'
      ? volume.split(':').includes(path)
      : fieldsOf(volume)['target'] === path,
  )
}

import { fieldsOf } from '../../../base/fields.ts'
import { type Fields } from '../file/compose-file.ts'
import { knownPort, knownProtocol } from './known-images.ts'
import { textOf } from './service-fields.ts'

/** A port as the file has it. */
interface WrittenPort {
  /** `8080`, or `${PORT:-8080}`. */
  readonly text: string
  /** What it is unless the environment says otherwise. */
  readonly number: number | undefined
}

interface ServicePort {
  /** Of the Service. */
  readonly port: WrittenPort
  /** Of the application. */
  readonly target: WrittenPort
}

export interface ServicePorts {
  /** Empty: it only calls others. */
  readonly ports: readonly ServicePort[]
  /** Undefined: the sidecar finds out. */
  readonly protocol: string | undefined
}

/** As many as a container may have by its labels. */
const maxPorts = 16
const variable = /^\$(?:\{\w+(?::?-(\d{1,5}))?\}|\w+$)$/

/** What is served, by label, else by `expose` and `ports`, else as images of its name do. Undefined: nothing says. */
export function servicePorts(
  service: Fields,
  labels: Readonly<Record<string, string>>,
): ServicePorts | undefined {
  const ports = portsOf(service, labels['weft.port'])
  if (ports === undefined) return undefined
  const protocol =
    labels['weft.protocol'] ??
    knownProtocol(
      service['image'],
      ports.flatMap(({ target }) => target.number ?? []),
    )
  return { ports, protocol }
}

function portsOf(service: Fields, label: string | undefined): ServicePort[] | undefined {
  if (label?.trim() === 'none') return []
  if (label !== undefined) return label.split(',').map(labelled)
  const written = [...listOf(service['expose']).flatMap(exposed), ...publishedPorts(service)]
  const known = knownPort(service['image'])
  const own = written.length > 0 || known === undefined ? written : [numbered(known)]
  const distinct = [...new Map(own.map(port => [port.text, port])).values()].slice(0, maxPorts)
  return distinct.length === 0 ? undefined : distinct.map(port => ({ port, target: port }))
}

/** Ports in the container that the host leads to. */
function publishedPorts(service: Fields): WrittenPort[] {
  return listOf(service['ports']).flatMap(published)
}

function labelled(text: string): ServicePort {
  const [port = '', target = port] = splitAtColons(text.trim())
  return { port: writtenPort(port), target: writtenPort(target) }
}

function exposed(value: unknown): WrittenPort[] {
  return tcpPorts(textOf(value))
}

function published(value: unknown): WrittenPort[] {
  if (typeof value === 'string' || typeof value === 'number')
    return tcpPorts(splitAtColons(String(value)).at(-1) ?? '')
  const { target, protocol = 'tcp' } = fieldsOf(value)
  return protocol === 'tcp' ? tcpPorts(textOf(target)) : []
}

/** `127.0.0.1:${PORT:-80}:80` has three parts. */
function splitAtColons(text: string): string[] {
  return text.match(/(?:\$\{[^{}]*\}|\[[^\]]*\]|[^:])+/g) ?? []
}

/** `80`, `80/tcp`, `8000-8003`, `${PORT}`; empty for anything else. */
function tcpPorts(text: string): WrittenPort[] {
  const [port = '', protocol = 'tcp'] = text.split('/')
  if (protocol !== 'tcp') return []
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(port) ?? []
  if (first !== undefined && last !== undefined) return range(Number(first), Number(last))
  const written = writtenPort(port)
  return written.number !== undefined || variable.test(port) ? [written] : []
}

function range(first: number, last: number): WrittenPort[] {
  const length = Math.min(maxPorts, Math.max(0, last - first + 1))
  return Array.from({ length }, (_, index) => numbered(first + index))
}

function writtenPort(text: string): WrittenPort {
  const digits = /^\d{1,5}$/.test(text) ? text : variable.exec(text)?.[1]
  return { text, number: digits === undefined ? undefined : Number(digits) }
}

function numbered(number: number): WrittenPort {
  return { text: String(number), number }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

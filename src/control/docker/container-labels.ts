import { declaredProtocol } from '../../model/app-protocol.ts'
import { namespace, objectName, serviceName } from '../../model/kinds/common.ts'
import { nearest } from '../../model/parsing/nearest.ts'

/** What the labels of a container say. */
export interface ContainerWord {
  readonly service: string
  readonly namespace: string
  readonly serviceAccount: string
  /** Empty, by `weft.port: none`: it only calls others, and there is no Service. */
  readonly ports: readonly LabelledPort[]
  /** Of the workload, `app` and {@link serviceLabel} among them. */
  readonly labels: Readonly<Record<string, string>>
  /** It has no sidecar, and is called as it is. */
  readonly plain: boolean
}

export interface LabelledPort {
  /** Of the Service. */
  readonly port: number
  /** Of the application. */
  readonly target: number
  readonly protocol: string | undefined
}

/** By which Services from labels select their workloads. */
export const serviceLabel = 'weft.dev/service'

const known = [
  'weft.service',
  'weft.port',
  'weft.protocol',
  'weft.namespace',
  'weft.service-account',
  'weft.labels',
  'weft.plain',
] as const

const maxValueLength = 1024
/** Of one that is shown. */
const maxLabelLength = 64
const maxPorts = 16
const maxLabels = 32
const labelKey =
  /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/
const labelValue = /^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/

/** Whether a label is one of ours; those of `weft.dev/` are not for people, and `weft.inject` is for the injector. */
export function isMeshLabel(label: string): boolean {
  return label.startsWith('weft.') && !label.startsWith('weft.dev/') && label !== 'weft.inject'
}

export interface LabelProblem {
  readonly label: string
  readonly message: string
}

/**
 * Reads the labels of a container. Undefined: it has none of ours. Otherwise what they say, or all that is wrong with
 * them: half of what was meant would be a surprise.
 */
export function readLabels(
  labels: Readonly<Record<string, string>>,
): ContainerWord | readonly LabelProblem[] | undefined {
  const own = Object.keys(labels).filter(isMeshLabel)
  if (own.length === 0) return undefined
  const problems = own.flatMap(label => problemsOf(label, labels[label] ?? ''))
  if (problems.length > 0) return problems
  const reading = new Reading(labels)
  const word = reading.read()
  return reading.problems.length > 0 ? reading.problems : word
}

function problemsOf(label: string, value: string): LabelProblem[] {
  const cut = label.slice(0, maxLabelLength)
  if (value.length > maxValueLength)
    return [{ label: cut, message: `is longer than ${maxValueLength} characters` }]
  if ((known as readonly string[]).includes(label)) return []
  const near = nearest(cut, known)
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
  return [{ label: cut, message: `unknown label; ${hint}` }]
}

/** The labels of one container, and what was found wrong with them. */
class Reading {
  readonly problems: LabelProblem[] = []
  readonly #labels: Readonly<Record<string, string>>

  constructor(labels: Readonly<Record<string, string>>) {
    this.#labels = labels
  }

  read(): ContainerWord {
    const service = this.#checked('weft.service', serviceName, '')
    return {
      service,
      namespace: this.#checked('weft.namespace', namespace, 'default'),
      serviceAccount: this.#checked('weft.service-account', objectName, service),
      ports: this.#ports(),
      labels: { app: service, ...this.#further(), [serviceLabel]: service },
      plain: this.#flag('weft.plain'),
    }
  }

  #checked(label: Label, schema: typeof serviceName, without: string): string {
    const value = this.#labels[label] ?? without
    const { error } = schema.safeParse(value)
    if (error === undefined) return value
    const given = this.#labels[label] === undefined ? 'is missing; it' : `is ${shown(value)}; it`
    this.#report(label, `${given} ${error.issues[0]?.message}`)
    return value
  }

  #ports(): LabelledPort[] {
    const text = this.#labels['weft.port']
    if (text === undefined) {
      this.#report('weft.port', 'is missing; give the port of the Service, as 80:8080, or none')
      return []
    }
    if (text.trim() === 'none') return []
    const protocols = this.#protocols()
    const ports = text.split(',').map((part, index) => ({
      ...this.#port(part.trim()),
      protocol: protocols.length > 1 ? protocols[index] : protocols[0],
    }))
    if (protocols.length > 1 && protocols.length !== ports.length)
      this.#report('weft.protocol', `names ${protocols.length} for ${ports.length} ports`)
    if (new Set(ports.map(({ port }) => port)).size < ports.length)
      this.#report('weft.port', `gives a port twice: ${shown(text)}`)
    if (ports.length > maxPorts) this.#report('weft.port', `gives more than ${maxPorts} ports`)
    return ports
  }

  #port(text: string): Pick<LabelledPort, 'port' | 'target'> {
    const [, port = '', target = port] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? []
    const numbers = { port: Number(port), target: Number(target) }
    if (![numbers.port, numbers.target].every(number => number >= 1 && number <= 65_535))
      this.#report('weft.port', `${shown(text)} is no port; write 80:8080, or 80,9090, or none`)
    return numbers
  }

  #protocols(): string[] {
    const text = this.#labels['weft.protocol']
    if (text === undefined) return []
    const protocols = text.split(',').map(part => part.trim())
    for (const protocol of protocols)
      if (declaredProtocol({ appProtocol: protocol }) === undefined)
        this.#report('weft.protocol', `${shown(protocol)} is not known; write http, grpc or tcp`)
    return protocols
  }

  #further(): Record<string, string> {
    const pairs = (this.#labels['weft.labels'] ?? '').split(',').filter(pair => pair.trim() !== '')
    if (pairs.length > maxLabels) this.#report('weft.labels', `gives more than ${maxLabels}`)
    return Object.fromEntries(pairs.slice(0, maxLabels).map(pair => this.#pair(pair.trim())))
  }

  #pair(text: string): [string, string] {
    const at = text.indexOf('=')
    const [key, value] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)]
    if (!labelKey.test(key) || !labelValue.test(value))
      this.#report('weft.labels', `${shown(text)} is no label; write version=v2,track=canary`)
    // They say what a workload is to the mesh.
    else if (/(?:^|\.)weft\.dev\//.test(key))
      this.#report('weft.labels', `${shown(key)} can't be given by hand`)
    return [key, value]
  }

  #flag(label: Label): boolean {
    const value = this.#labels[label] ?? 'false'
    if (value !== 'true' && value !== 'false')
      this.#report(label, `is ${shown(value)}; it must be true or false`)
    return value === 'true'
  }

  #report(label: Label, message: string): void {
    this.problems.push({ label, message })
  }
}

type Label = (typeof known)[number]

/** Quoted, so that nothing in it can pass for our own words, and cut. */
function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text)
}

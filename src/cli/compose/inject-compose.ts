import { fieldsOf } from '../../base/fields.ts'
import { isDeepStrictEqual } from 'node:util'
import { applicationOf, droppedFields, networkFields } from './application-service.ts'
import { ComposeError, ComposeFile, type Entry, type Fields } from './file/compose-file.ts'
import { applyEdits, removeFences, type Edit } from './file/fence.ts'
import type { InjectOptions } from './plan/inject-options.ts'
import { makePlan, type Plan } from './plan/plan.ts'
import { ServiceEditor } from './service-edits.ts'
import {
  anchors,
  controlLines,
  controlService,
  sharedLines,
  volumeNames,
} from './sidecar-service.ts'
import { yamlLines } from './file/yaml-lines.ts'

export interface InjectedCompose {
  readonly text: string
  /** What is to become of each service. */
  readonly plan: Plan
}

const byteOrderMark = '\uFEFF'

/**
 * Puts sidecars into the services of a compose file. A file that has them gets them anew, which changes nothing where
 * nothing else did.
 * @param name of the file, for messages.
 * @throws ComposeError
 */
export function injectCompose(name: string, text: string, options: InjectOptions): InjectedCompose {
  const [mark, original] = splitMark(uninjectCompose(name, text).text)
  const file = new ComposeFile(name, original)
  checkNames(file, options)
  const plan = makePlan(file, options)
  if (plan.injected.size === 0) return { text: mark + original, plan }
  const editor = new ServiceEditor(file, plan)
  const wanted = new Map(
    file.services.map(service => [service, applicationOf(service.name, service.value, plan)]),
  )
  const edits = [
    ...commonEdits(file, plan, options),
    ...[...wanted].flatMap(([service, fields]) => editor.edits(service, fields)),
  ]
  const injected = applyEdits(original, edits)
  const named = [...wanted].map(([service, fields]) => ({
    entry: service,
    name: plan.injected.get(service.name)?.application ?? service.name,
    fields,
  }))
  verify(file, injected, named)
  return { text: mark + injected, plan }
}

export interface UninjectedCompose {
  readonly text: string
  /** Blocks of ours that were taken out. */
  readonly count: number
}

/**
 * Takes out what {@link injectCompose} has put in: byte for byte what was there, with what was changed elsewhere since.
 * @throws ComposeError where that is no longer certain
 */
export function uninjectCompose(name: string, text: string): UninjectedCompose {
  const [mark, marked] = splitMark(text)
  const { text: original, count, problems } = removeFences(marked)
  if (problems.length > 0)
    throw new ComposeError(
      problems.map(({ line, message }) => ({ file: name, line, column: 1, path: '', message })),
    )
  return { text: mark + original, count }
}

/** What is added at the top of a file would come before it. */
function splitMark(text: string): [string, string] {
  return text.startsWith(byteOrderMark) ? [byteOrderMark, text.slice(1)] : ['', text]
}

/** @throws ComposeError for names that are taken, or asked for and not there */
function checkNames(file: ComposeFile, { services = [] }: InjectOptions): void {
  const unknown = services.find(name => file.services.every(service => service.name !== name))
  const all = [
    ...file.services.filter(({ name }) => name === controlService),
    ...file.root.entries.filter(({ name }) => anchors.some(anchor => name === `x-${anchor}`)),
    ...file.root.entries
      .filter(({ name }) => name === 'volumes')
      .flatMap(entry => file.blockIn(entry)?.entries ?? [])
      .filter(({ name }) => (volumeNames as readonly string[]).includes(name)),
  ]
  const [servicesEntry] = file.root.entries.filter(({ name }) => name === 'services')
  const problems = all.map(entry =>
    file.problem(
      entry,
      `"${entry.name}" is a name that injection needs: give it another, or take it out if it is left of an earlier injection`,
    ),
  )
  if (unknown !== undefined && servicesEntry !== undefined)
    problems.push(
      file.problem(
        servicesEntry,
        `has no service ${JSON.stringify(unknown)}, which --service names`,
      ),
    )
  if (problems.length > 0) throw new ComposeError(problems)
}

function commonEdits(file: ComposeFile, plan: Plan, options: InjectOptions): Edit[] {
  const { indent } = file.root
  const { first = 0 } = file.root.entries.find(({ name }) => name === 'services') ?? {}
  const inner = file.servicesBlock.indent
  const at = (line: number, lines: readonly string[]): Edit => ({
    first: line,
    end: line,
    lines,
    indent,
  })
  return [
    at(first, sharedLines(options, indent)),
    at(first + 1, controlLines(plan, options, inner)),
    ...additionsTo(file, 'volumes', Object.fromEntries(volumeNames.map(name => [name, {}]))),
    ...(plan.isNetworkNew ? additionsTo(file, 'networks', { [plan.network]: {} }) : []),
  ]
}

/** Adds to a mapping at the top of the file, which may not be there yet. */
function additionsTo(file: ComposeFile, name: string, added: Fields): Edit[] {
  const { entries, indent } = file.root
  const entry = entries.find(other => other.name === name)
  if (entry === undefined) {
    const end = Math.max(...entries.map(other => other.end))
    return [{ first: end, end, lines: yamlLines({ [name]: added }, indent), indent }]
  }
  const block = file.blockIn(entry)
  if (block === undefined && entry.node !== undefined) {
    const lines = yamlLines({ [name]: { ...added, ...fieldsOf(file.value[name]) } }, indent)
    return [{ first: entry.first, end: entry.end, lines, indent }]
  }
  const inner = block?.indent ?? indent + 2
  const after = entry.first + 1
  return [{ first: after, end: after, lines: yamlLines(added, inner), indent: inner }]
}

interface Wanted {
  readonly entry: Entry
  /** Of the service in the new file. */
  readonly name: string
  readonly fields: Fields
}

/** @throws ComposeError where the new file does not say what was meant, because of anchors that were moved */
function verify(file: ComposeFile, injected: string, wanted: readonly Wanted[]): void {
  const services = readServices(injected)
  const problems = wanted
    .filter(({ name, fields }) => !isDeepStrictEqual(said(services[name]), said(fields)))
    .map(({ entry }) =>
      file.problem(
        entry,
        'cannot be injected as it is written: move its anchors to an "x-" key at the top of the file',
      ),
    )
  if (problems.length > 0) throw new ComposeError(problems)
}

/** Empty where it can't be read. */
function readServices(text: string): Fields {
  try {
    return fieldsOf(new ComposeFile('', text).value['services'])
  } catch (error) {
    if (error instanceof ComposeError) return {}
    throw error
  }
}

/** Without fields that are there to say nothing. */
function said(service: unknown): Fields {
  const silent = { ...networkFields, ...droppedFields }
  const isSilent = ([name, value]: [string, unknown]): boolean =>
    (name in silent || ['volumes', 'labels', 'sysctls'].includes(name)) && isEmpty(value)
  return Object.fromEntries(Object.entries(fieldsOf(service)).filter(entry => !isSilent(entry)))
}

function isEmpty(value: unknown): boolean {
  return value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
}

import { isDeepStrictEqual } from 'node:util'
import { isDocument, parseDocument, type Document } from 'yaml'
import { maxFileBytes } from '../../../../model/parsing/document.ts'
import type { ConfigurationProblem } from '../../../../model/problem.ts'
import { injectPod, uninjectPod } from '../inject-pod.ts'
import type { InjectionContext, SkipReason } from '../injection.ts'
import type { PodProblem } from '../pod/pod-problem.ts'
import { editNode } from './edit-node.ts'
import { isJson, layoutOf, readValue, splitText } from './manifest-text.ts'
import { PlacedDocument } from './placed-document.ts'
import { spellOut } from './plain-document.ts'
import { contextOf, findWorkloads, strayAnnotations, type Workload } from './workload.ts'
import { dialect } from './yaml-dialect.ts'

/** What became of one workload. */
export interface WorkloadReport {
  /** `deployment/orders` */
  readonly workload: string
  readonly outcome: 'injected' | 'unchanged' | 'uninjected' | 'refused' | SkipReason
  readonly notes: readonly string[]
}

export interface InjectedManifest {
  readonly text: string
  readonly reports: readonly WorkloadReport[]
  /** With any, `text` is the one that was given. */
  readonly problems: readonly ConfigurationProblem[]
}

/** What is to become of each pod template. */
type Change = (workload: Workload) => {
  readonly outcome: WorkloadReport['outcome']
  readonly notes?: readonly string[]
  readonly problems?: readonly PodProblem[]
  /** Absent: nothing changes. */
  readonly pod?: unknown
}

/** Puts a sidecar into all workloads of a manifest; all else of it stays as it is, byte for byte. */
export function injectManifest(
  file: string,
  text: string,
  context: InjectionContext,
): InjectedManifest {
  return changeManifest(file, text, workload => {
    const result = injectPod(workload.template, {
      ...contextOf(workload, context),
      present: 'replace',
    })
    const stray = strayAnnotations(workload)
    if (stray.length > 0) return { outcome: 'refused', problems: stray }
    if ('skipped' in result) return { outcome: result.skipped }
    if ('refused' in result) return { outcome: 'refused', problems: result.refused }
    const { injected: pod, notes } = result
    const same = pod === workload.template
    return { outcome: same ? 'unchanged' : 'injected', notes, pod }
  })
}

/** Takes the sidecars out again. */
export function uninjectManifest(file: string, text: string): InjectedManifest {
  return changeManifest(file, text, ({ template }) => {
    const result = uninjectPod(template)
    if (result === undefined) return { outcome: 'unchanged' }
    return 'refused' in result
      ? { outcome: 'refused', problems: result.refused }
      : { outcome: 'uninjected', pod: result.uninjected }
  })
}

function changeManifest(file: string, text: string, change: Change): InjectedManifest {
  const problems: ConfigurationProblem[] = []
  const reports: WorkloadReport[] = []
  let linesBefore = 0
  try {
    if (Buffer.byteLength(text) > maxFileBytes)
      throw new Error(`is larger than ${maxFileBytes} bytes`)
    const pieces = splitText(text).map(({ text: piece, isDocument }) => {
      const outcome = isDocument
        ? changeDocument(new PlacedDocument(piece, { file, linesBefore }), change)
        : { text: piece, reports: [], problems: [] }
      linesBefore += piece.split('\n').length - 1
      problems.push(...outcome.problems)
      reports.push(...outcome.reports)
      return outcome.text
    })
    return { text: problems.length > 0 ? text : pieces.join(''), reports, problems }
  } catch (error) {
    // Too large, or nested deeper than the stack.
    const { message } = error as Error
    const problem = { file, line: linesBefore + 1, column: 1, path: '', message }
    return { text, reports, problems: [problem] }
  }
}

function changeDocument(document: PlacedDocument, change: Change): InjectedManifest {
  const { text, problems, isEmpty } = document
  if (isEmpty || problems.length > 0) return { text, reports: [], problems }
  try {
    return changeWorkloads(document, { value: document.value, change })
  } catch (error) {
    // Merge keys and aliases that YAML's grammar lets through.
    return { text, reports: [], problems: [document.problem([], (error as Error).message)] }
  }
}

interface Work {
  readonly value: unknown
  readonly change: Change
}

interface Edit {
  readonly path: readonly PropertyKey[]
  readonly before: unknown
  readonly after: unknown
}

function changeWorkloads(document: PlacedDocument, { value, change }: Work): InjectedManifest {
  const { text } = document
  const reports: WorkloadReport[] = []
  const problems: ConfigurationProblem[] = []
  const edits: Edit[] = []
  for (const workload of findWorkloads(value)) {
    const { path, template: before, name } = workload
    const { outcome, notes = [], pod: after = before, problems: own = [] } = change(workload)
    reports.push({ workload: name, outcome, notes })
    for (const { path: inner, message } of own)
      problems.push(document.problem([...path, ...inner], message))
    if (after !== before) edits.push({ path, before, after })
  }
  if (problems.length > 0 || edits.length === 0) return { text, reports, problems }
  const changed = isJson(text) ? editJson(text, value, edits) : editYaml(text, value, edits)
  if (changed !== undefined) return { text: changed, reports, problems }
  const message = 'cannot be changed as it is written: spell out its anchors and tags'
  return { text, reports, problems: [document.problem([], message)] }
}

function editJson(text: string, value: unknown, edits: readonly Edit[]): string {
  const [, indent = ''] = /^\s*\{\s*?\n([ \t]+)"/.exec(text) ?? []
  const [end = ''] = /\s*$/.exec(text) ?? []
  return JSON.stringify(withEdits(value, edits), undefined, indent) + end
}

/** Undefined: what would be written does not say what was meant. */
function editYaml(text: string, value: unknown, edits: readonly Edit[]): string | undefined {
  const unix = text.replaceAll('\r\n', '\n')
  const document: Document = parseDocument(unix, dialect)
  if (!isDocument(document)) return undefined
  spellOut(document)
  for (const { path, before, after } of edits) {
    const node: unknown = document.getIn(path, true)
    const edited = editNode(document, node, { before, after })
    if (edited !== node) document.setIn(path, edited)
  }
  const changed = document.toString(layoutOf(unix))
  if (!isDeepStrictEqual(readValue(changed), withEdits(value, edits))) return undefined
  return unix === text ? changed : changed.replaceAll('\n', '\r\n')
}

function withEdits(value: unknown, edits: readonly Edit[]): unknown {
  return edits.reduce((whole, { path, after }) => replaceAt(whole, path, after), value)
}

function replaceAt(value: unknown, path: readonly PropertyKey[], after: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return after
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? replaceAt(item, rest, after) : item))
  const fields = value as Readonly<Record<PropertyKey, unknown>>
  return { ...fields, [key]: replaceAt(fields[key], rest, after) }
}

/** One thing that is wrong with the configuration, and where. */
export interface ConfigurationProblem {
  /** Or the name of an object, `HTTPRoute shop/orders`. */
  readonly file: string
  /** From 1; 0 where there are no lines, as in an object of a cluster. */
  readonly line: number
  readonly column: number
  /** `spec.rules[0].backendRefs[0].port`; empty for the whole document. */
  readonly path: string
  readonly message: string
}

/** `config/mesh.yaml:12:7 spec.ports[0].prot: unknown field; did you mean "port"?` */
export function formatProblem(problem: ConfigurationProblem): string {
  return `${placeOf(problem)} ${textOf(problem)}`
}

/** The same for what is no problem: `config/mesh.yaml:12:7 warning: spec.rules[1]: is never reached`. */
export function formatNotice(kind: 'warning' | 'ignored', notice: ConfigurationProblem): string {
  return `${placeOf(notice)} ${kind}: ${textOf(notice)}`
}

/** An object of a cluster has a name and no lines. */
function placeOf({ file, line, column }: ConfigurationProblem): string {
  return line === 0 ? file : `${file}:${line}:${column}`
}

function textOf({ path, message }: ConfigurationProblem): string {
  return path === '' ? message : `${path}: ${message}`
}

/** A path as people write it. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

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
export function formatProblem({ file, line, column, path, message }: ConfigurationProblem): string {
  // An object of a cluster has a name and no lines.
  const where = line === 0 ? file : `${file}:${line}:${column}`
  return path === '' ? `${where} ${message}` : `${where} ${path}: ${message}`
}

/** A path as people write it. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map(key => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

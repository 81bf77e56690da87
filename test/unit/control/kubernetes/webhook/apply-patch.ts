import type { PatchOperation } from '../../../../../src/control/kubernetes/webhook/json-patch.ts'

type Container = Record<string, unknown> | unknown[]

/** What a JSON patch makes of a document (RFC 6902). @throws Error where an operation does not apply. */
export function applyPatch(operations: readonly PatchOperation[], document: unknown): unknown {
  const root = { document: structuredClone(document) }
  for (const operation of operations) apply(operation, root)
  return root.document
}

function apply(operation: PatchOperation, root: { document: unknown }): void {
  const names = operation.path.split('/').slice(1).map(unescaped)
  const last = names.pop()
  if (last === undefined) {
    if (operation.op === 'remove') throw new Error('the whole document cannot be removed')
    root.document = structuredClone(operation.value)
    return
  }
  let at = root.document
  for (const name of names) at = existing(at, name)
  if (Array.isArray(at)) applyToList(at, last, operation)
  else applyToFields(at as Record<string, unknown>, last, operation)
}

function applyToList(list: unknown[], name: string, operation: PatchOperation): void {
  const index = indexOf(name)
  const beyond = operation.op === 'add' ? list.length + 1 : list.length
  if (index >= beyond) throw new Error(`no place ${operation.path}`)
  if (operation.op === 'remove') list.splice(index, 1)
  else list.splice(index, operation.op === 'add' ? 0 : 1, structuredClone(operation.value))
}

function applyToFields(
  fields: Record<string, unknown>,
  name: string,
  operation: PatchOperation,
): void {
  if (operation.op !== 'add') existing(fields, name)
  if (operation.op === 'remove') delete fields[name]
  else
    Object.defineProperty(fields, name, {
      value: structuredClone(operation.value),
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

function existing(at: unknown, name: string): unknown {
  const container = at as Container
  const key = Array.isArray(container) ? indexOf(name) : name
  if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key))
    throw new Error(`nothing at ${name}`)
  return (container as Record<string | number, unknown>)[key]
}

function indexOf(name: string): number {
  if (!/^(0|[1-9]\d*)$/.test(name)) throw new Error(`no index: ${name}`)
  return Number(name)
}

function unescaped(name: string): string {
  return name.replaceAll('~1', '/').replaceAll('~0', '~')
}

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { startFunctionMesh, type FunctionMesh } from './mesh.ts'

const root = resolve(import.meta.dirname, '../../..')
const client = resolve(
  root,
  'node_modules/.cache/weft-runtime/node_modules/aws-lambda-ric/index.mjs',
)

/** Handlers for AWS's runtime client for Node. */
const nodeHandlers = resolve(import.meta.dirname, 'node')

/** A function whose runtime breaks the rules as its events say. `spec`: further lines of YAML, indented by two. */
export function badFunctionYaml(name: string, spec = ''): string {
  return `
---
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: ${name} }
spec:
  command: ['${process.execPath}', 'bad-runtime.mjs']
  code: ${nodeHandlers}
${spec}
`
}

export function startBadMesh(t: Test, spec?: string): Promise<FunctionMesh> {
  return startFunctionMesh(t, { document: badFunctionYaml('echo', spec) })
}

/** Why tests with AWS's runtime client for Node can't run here; undefined: they can. */
export function nodeRuntimeObstacle(): string | undefined {
  return existsSync(client)
    ? undefined
    : 'needs bash test/support/functions/install-node-runtime.sh'
}

/**
 * The function `echo`, run by aws-lambda-ric. `spec`: further lines of YAML, indented by two. `code`: a folder with
 * other handlers than those next to this file.
 */
export function startNodeMesh(
  t: Test,
  handler: string,
  spec = '',
  code = nodeHandlers,
): Promise<FunctionMesh> {
  const document = `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  command: ['${process.execPath}', '${client}']
  code: ${code}
  handler: ${handler}
${spec}`
  return startFunctionMesh(t, { document })
}

import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { FunctionSpec } from '../../model/function/function.ts'

const clientPackage = 'aws-lambda-ric'
/** Where versions of AWS's client for Node begin: 4, then 3 and older. */
const clientEntries = ['index.mjs', 'bin/index.mjs']

export interface CodeLocation {
  /** Of the code, on our disk. */
  readonly directory: string
  /** The same directory as the program sees it. Default: the same path. */
  readonly taskRoot?: string
}

/**
 * The program that runs a function: its own command, or AWS's client for its runtime.
 * @throws Error that says what to install.
 */
export function programOf(spec: FunctionSpec, taskRoot?: string): readonly string[] {
  const { runtime, command, handler, directory } = spec
  if (command.length > 0 || runtime === undefined) return command
  return runtimeCommand(runtime, handler, {
    directory,
    ...(taskRoot !== undefined && { taskRoot }),
  })
}

/**
 * Names of runtimes are AWS's: `python3.11`, `nodejs22.x`, `provided.al2023`. Python's client is found by the
 * interpreter; Node's lies in a `node_modules` of the code directory or, where the program sees them, one above.
 * @throws Error that says what to install.
 */
export function runtimeCommand(runtime: string, handler: string, location: CodeLocation): string[] {
  if (runtime.startsWith('provided')) return ['./bootstrap']
  if (runtime.startsWith('python')) return [runtime, '-m', 'awslambdaric', handler]
  if (runtime.startsWith('nodejs')) return ['node', nodeClient(location), handler]
  throw new Error(
    `there is no runtime ${runtime}: take python3, nodejs or provided, or give the function a command`,
  )
}

function nodeClient({ directory, taskRoot }: CodeLocation): string {
  const inside = resolve(directory)
  const folders = taskRoot === undefined ? ancestors(inside) : [inside]
  for (const folder of folders)
    for (const entry of clientEntries) {
      const path = join('node_modules', clientPackage, entry)
      if (existsSync(join(folder, path))) return join(taskRoot ?? folder, path)
    }
  throw new Error(`${clientPackage} is missing: run npm install ${clientPackage} in ${inside}`)
}

function ancestors(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...ancestors(parent)]
}

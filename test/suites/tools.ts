import { execFile } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Missing } from './suite.ts'

const execute = promisify(execFile)
const folder = resolve(import.meta.dirname, '../../node_modules/.cache/weft-suites')

/**
 * A Go program, built once. `module` as `go install` takes it.
 * @returns its path. @throws Missing without Go, or when the module can't be fetched.
 */
export async function goProgram(name: string, module: string): Promise<string> {
  // Different modules build programs of the same name.
  const bin = join(folder, name)
  const program = join(bin, programName(module))
  if (existsSync(program)) return program
  mkdirSync(bin, { recursive: true })
  try {
    await execute('go', ['install', module], { env: { HOME: folder, ...process.env, GOBIN: bin } })
  } catch (error) {
    throw new Missing(`needs Go and ${module}: ${(error as Error).message.trim()}`)
  }
  return program
}

/**
 * A program of a Python package, in an environment of its own that is made once. `requirement` as `pip` takes it.
 * @returns its path. @throws Missing without Python, or when the package can't be fetched.
 */
export async function pythonProgram(name: string, requirement: string): Promise<string> {
  const environment = join(folder, name)
  const program = join(environment, 'bin', name)
  if (existsSync(program)) return program
  try {
    await execute('python3', ['-m', 'venv', environment])
    await execute(join(environment, 'bin', 'pip'), ['install', '--quiet', requirement])
  } catch (error) {
    throw new Missing(
      `needs Python 3 with venv and ${requirement}: ${(error as Error).message.trim()}`,
    )
  }
  return program
}

/** The last part of the module's path that is no version. */
function programName(module: string): string {
  const path = module.slice(0, module.indexOf('@'))
  return path.slice(path.lastIndexOf('/') + 1)
}

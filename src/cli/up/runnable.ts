import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FunctionResource } from '../../model/kinds/function/function.ts'

const run = promisify(execFile)

/** Prints the names of distributions that are not installed. */
const findMissing = `
import importlib.metadata, sys
for name in sys.argv[1:]:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        print(name)
`
const timeoutMs = 10_000
/** What runs a handler, whether or not the function lists it. */
const runtimeClient = 'awslambdaric'

/** A sentence that says why this machine can't run a function, and what to do; undefined when it can. */
export async function obstacleOf({ spec }: FunctionResource): Promise<string | undefined> {
  const { runtime, code = '.' } = spec
  if (runtime?.startsWith('python') !== true) return undefined
  const list = join(code, 'requirements.txt')
  const wanted = new Set([runtimeClient, ...(await readRequirements(list))])
  try {
    const { stdout } = await run(runtime, ['-c', findMissing, ...wanted], { timeout: timeoutMs })
    const missing = stdout.split(/\s+/).filter(name => name !== '')
    if (missing.length === 0) return undefined
    return `${runtime} lacks ${missing.join(' and ')}: ${runtime} -m pip install ${missing.join(' ')}`
  } catch (error) {
    const { code: reason, message } = error as NodeJS.ErrnoException
    return reason === 'ENOENT'
      ? `there is no ${runtime} on the PATH: install Python`
      : `${runtime} does not work: ${message}`
  }
}

/** The distributions that a requirements.txt names, without versions; none when there is no such file. */
async function readRequirements(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split('\n').flatMap(line => /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line.trim()) ?? [])
}

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { workPath } from '../setting/work-folder.ts'

/** An unmodified runtime of AWS that runs the handler in `echo/`. */
export interface Runtime {
  readonly name: string
  readonly command: readonly string[]
  readonly handler: string
  /** Why it can't be used here, and what to do; undefined: it can. */
  missing(): string | undefined
}

const nodeClient = workPath('runtime', 'node_modules', 'aws-lambda-ric', 'index.mjs')
const pythonHandler = 'lambda_function.lambda_handler'

export const runtimes: readonly Runtime[] = [
  {
    name: 'Python (awslambdaric)',
    command: ['python3', '-m', 'awslambdaric', pythonHandler],
    handler: pythonHandler,
    missing: () => (importsClient() ? undefined : 'python3 -m pip install awslambdaric'),
  },
  {
    name: 'Node (aws-lambda-ric)',
    command: [process.execPath, nodeClient],
    handler: 'index.handler',
    missing: () => (existsSync(nodeClient) ? undefined : 'bash bench/functions/runtime.sh'),
  },
]

function importsClient(): boolean {
  try {
    execFileSync('python3', ['-c', 'import awslambdaric'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

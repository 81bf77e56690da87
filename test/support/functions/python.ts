import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { startFunctionMesh, type FunctionMesh } from './mesh.ts'
import type { Test } from 'tap'

const run = promisify(execFile)

/** Why tests with AWS's Python programs can't run here; undefined: they can. */
export function pythonObstacle(): string | undefined {
  try {
    execFileSync('python3', ['-c', 'import awslambdaric, boto3'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'needs python3 -m pip install awslambdaric boto3'
  }
}

/** The function `echo`, run by awslambdaric. `spec`: further lines of YAML, indented by two. */
export function startPythonMesh(
  t: Test,
  code: string,
  handler: string,
  spec = '',
): Promise<FunctionMesh> {
  const document = `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  runtime: python3
  code: ${code}
  handler: ${handler}
${spec}`
  return startFunctionMesh(t, { document })
}

/** Runs a script whose AWS SDK knows nothing but the address of a sidecar. */
export async function runPython(port: number, script: string): Promise<string> {
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
    AWS_DEFAULT_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
  }
  const { stdout } = await run('python3', ['-c', script], { env })
  return stdout
}

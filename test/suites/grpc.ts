import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { cases as ownCases, failureOfCase } from './grpc-js/cases.ts'
import { MeshPair, type Application } from './mesh-pair.ts'
import type { Outcome, Suite } from './suite.ts'
import { goProgram } from './tools.ts'

const version = 'v1.85.0'

/** Of `grpc/interop/client`, those that need neither TLS nor a cloud. */
const goCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'pick_first_unary',
  'orca_per_rpc',
  'orca_oob',
] as const

const timeoutMs = 10_000

/** @returns why a case failed. */
type Run = (name: string, port: number) => Promise<string | undefined>

async function goServer(): Promise<Application> {
  const server = await goProgram('grpc-server', `google.golang.org/grpc/interop/server@${version}`)
  return { command: [server, '-use_tls=false', '-port=$PORT'], appProtocol: 'grpc' }
}

async function goClient(): Promise<Run> {
  const client = await goProgram('grpc-client', `google.golang.org/grpc/interop/client@${version}`)
  return (name, port) =>
    new Promise(done => {
      const server = ['-use_tls=false', '-server_host=127.0.0.1', `-server_port=${port}`]
      const options = { timeout: timeoutMs }
      execFile(client, [...server, `-test_case=${name}`], options, (error, _output, stderr) =>
        done(error === null ? undefined : (stderr.trim().split('\n').at(-1) ?? error.message)),
      )
    })
}

const jsServer: Application = {
  command: [process.execPath, resolve(import.meta.dirname, 'grpc-js/server.ts')],
  appProtocol: 'grpc',
}

/** Each case without sidecars first: what fails so is not counted. */
async function compare(
  application: Application,
  run: Run,
  cases: readonly string[],
): Promise<Outcome> {
  await using pair = await MeshPair.start(application)
  const failures: string[] = []
  let passed = 0
  let total = 0
  for (const name of cases) {
    const direct = await run(name, pair.direct)
    if (direct !== undefined) {
      failures.push(`${name}: not counted, it fails without sidecars: ${direct}`)
      continue
    }
    total++
    const through = await run(name, pair.through)
    if (through === undefined) passed++
    else failures.push(`${name}: ${through}`)
  }
  return { passed, total, failures }
}

/** The interoperability cases of gRPC with two sidecars between client and server, in Go and in JavaScript. */
export const grpcSuites: readonly Suite[] = [
  {
    name: 'grpc-go',
    run: async () => compare(await goServer(), await goClient(), goCases),
  },
  {
    name: 'grpc-js client',
    run: async () => compare(await goServer(), failureOfCase, Object.keys(ownCases)),
  },
  {
    name: 'grpc-js server',
    run: async () => compare(jsServer, await goClient(), goCases),
  },
]

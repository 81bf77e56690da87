import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Test } from 'tap'
import { functionLabel } from '../../../src/model/function/function.ts'
import {
  call,
  runProxy,
  startMesh,
  startSidecar,
  type Answer,
  type TestMesh,
  type TestProxy,
} from '../mesh.ts'

const folder = import.meta.dirname

/** A function of the runtime next to this file. `spec`: further lines of YAML, indented by two. */
export function functionYaml(name: string, spec = ''): string {
  return `
---
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: ${name} }
spec:
  command: ['${process.execPath}', '${resolve(folder, 'runtime.mjs')}']
  code: ${folder}
${spec}`
}

interface CallOptions {
  readonly method?: string
  readonly path?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface FunctionMesh {
  readonly mesh: TestMesh
  /** Of the caller. */
  readonly caller: TestProxy
  readonly host: TestProxy
  /** By HTTP, through both sidecars. */
  call(options?: CallOptions): Promise<Answer>
  /** Ends the host's sidecar, and starts it again with what it has on disk. */
  restartHost(): Promise<void>
  /** Replaces what {@link startFunctionMesh} was given. */
  configure(spec: string): void
  /** By the Lambda Invoke API of the caller's sidecar. */
  invoke(event: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>
}

/**
 * A caller's sidecar, and one that hosts the function `echo`: of the runtime next to this file with further lines of
 * its `spec`, or of a document of its own. `more`: further documents.
 */
export async function startFunctionMesh(
  t: Test,
  settings: string | { readonly document: string } = '',
  more = '',
): Promise<FunctionMesh> {
  const yaml = typeof settings === 'string' ? functionYaml('echo', settings) : settings.document
  const mesh = await startMesh(t, yaml + more)
  const caller = await startSidecar(t, mesh, { name: 'caller' })
  const host = await hostFunction(t, mesh, 'echo')
  const { outbound } = caller.ports
  const callByHttp: FunctionMesh['call'] = ({ headers, ...options } = {}) =>
    call(outbound, { ...options, headers: { host: 'echo.fn.mesh', ...headers } })
  await reachable(() => callByHttp({ path: '/ready' }))
  return {
    mesh,
    caller,
    host,
    call: callByHttp,
    restartHost: async () => {
      await host.close()
      await runProxy(t, host.bootstrap)
    },
    configure: changed => writeFileSync(mesh.configPath, functionYaml('echo', changed)),
    invoke: (event, headers = {}) => invoke(outbound, 'echo', { event, headers }),
  }
}

/** A sidecar that hosts a function of the mesh. */
export function hostFunction(t: Test, mesh: TestMesh, name: string): Promise<TestProxy> {
  return startSidecar(t, mesh, {
    name,
    labels: { [functionLabel]: name },
    overrides: { hostsFunction: true },
  })
}

export function invoke(
  port: number,
  name: string,
  { event, headers }: { event: unknown; headers?: Readonly<Record<string, string>> },
): Promise<Answer> {
  const body = typeof event === 'string' ? event : JSON.stringify(event)
  const path = `/2015-03-31/functions/${encodeURIComponent(name)}/invocations`
  return call(port, { method: 'POST', path, body, headers: { ...headers } })
}

/** The caller learns of the host by a push. */
async function reachable(attempt: () => Promise<Answer>): Promise<void> {
  for (;;) {
    const { headers } = await attempt()
    if (
      !['no_healthy_endpoint', 'not_ready', 'no_route'].includes(String(headers['x-weft-reason']))
    )
      return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { MeshPair } from './mesh-pair.ts'
import type { Outcome, Suite } from './suite.ts'
import { goProgram } from './tools.ts'

/** A later version of the module counts 147 cases, but does not build from its tag. */
const module = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'

/** Strict conformance of the server's side of HTTP/2, at the port to which an application speaks. */
export const h2spec: Suite = {
  name: 'h2spec',
  run: async () => {
    const program = await goProgram('h2spec', module)
    const echo = resolve(import.meta.dirname, 'echo.ts')
    await using pair = await MeshPair.start({
      command: [process.execPath, echo],
      appProtocol: 'kubernetes.io/h2c',
    })
    const output = await new Promise<string>(done => {
      const options = ['--strict', '--host', '127.0.0.1', '--port', String(pair.through)]
      // Its exit code says no more than its last line.
      execFile(program, options, (_error, stdout) => done(stdout))
    })
    return parse(output)
  },
}

function parse(output: string): Outcome {
  const [, total, passed] = /(\d+) tests, (\d+) passed/.exec(output) ?? []
  if (total === undefined) throw new Error(`h2spec printed no result:\n${output}`)
  const failures = output.split('\n').filter(line => line.includes('×'))
  return {
    passed: Number(passed),
    total: Number(total),
    failures: failures.map(line => line.trim()),
  }
}

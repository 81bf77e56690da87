import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { MeshPair } from './mesh-pair.ts'
import type { Outcome, Suite } from './suite.ts'
import { pythonProgram } from './tools.ts'

const execute = promisify(execFile)

/** They send megabytes in frames of 64 bytes, for which the server behind takes longer than the cases wait. */
const excluded = ['9.3.1', '9.4.1']

/** The Autobahn cases, against an echo server of `ws`: what they find must be the same with sidecars as without. */
export const webSocket: Suite = {
  name: 'websocket',
  run: async () => {
    const kosoku = await pythonProgram('kosoku', 'kosoku==0.1.0')
    const server = resolve(import.meta.dirname, 'websocket-echo.ts')
    await using pair = await MeshPair.start({
      command: [process.execPath, server],
      appProtocol: 'kubernetes.io/ws',
    })
    const direct = await verdicts(kosoku, pair.direct)
    const through = await verdicts(kosoku, pair.through)
    return compare(direct, through)
  },
}

/** By case, how it went and how it closed. */
async function verdicts(kosoku: string, port: number): Promise<ReadonlyMap<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-websocket-'))
  try {
    const options = ['--mode', 'fuzzingclient', '--parallelism', '8', '--outdir', folder]
    for (const name of excluded) options.push('--exclude', name)
    // Its exit code is 1 when any case fails.
    await execute(kosoku, [...options, `127.0.0.1:${port}`], { maxBuffer: 2 ** 24 }).catch(() => {})
    const report = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Report
    const cases = Object.values(report)[0] ?? {}
    return new Map(
      Object.entries(cases).map(([name, { behavior, behaviorClose, remoteCloseCode }]) => [
        name,
        `${behavior}, close ${behaviorClose} ${remoteCloseCode ?? 'without a code'}`,
      ]),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Verdict {
  readonly behavior: string
  readonly behaviorClose: string
  readonly remoteCloseCode: number | null
}

type Report = Readonly<Record<string, Readonly<Record<string, Verdict>>>>

function compare(
  direct: ReadonlyMap<string, string>,
  through: ReadonlyMap<string, string>,
): Outcome {
  const failures = [...direct].flatMap(([name, verdict]) => {
    const other = through.get(name)
    return other === verdict ? [] : [`${name}: ${verdict} without sidecars, ${other} with them`]
  })
  return { passed: direct.size - failures.length, total: direct.size, failures }
}

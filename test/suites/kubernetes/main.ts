// Weft in a real cluster on this machine: `npm run e2e:kubernetes [-- CASE ...]`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Missing } from '../suite.ts'
import type { Extra } from './case.ts'
import { cases } from './cases.ts'
import { clientProgram, clusterPrograms, gatewayApi, kwok } from './cluster/programs.ts'

const inside = resolve(import.meta.dirname, 'inside.ts')
const wanted = process.argv.slice(2)
const unknown = wanted.find(name => !cases.some(each => each.name === name))
if (unknown !== undefined)
  throw new Error(
    `there is no case ${unknown}; there are ${cases.map(({ name }) => name).join(', ')}`,
  )
const chosen = wanted.length === 0 ? cases : cases.filter(({ name }) => wanted.includes(name))

/** Everything of the cluster lies in namespaces of its own, and ends with the first process in them, however that ends. */
async function run(folder: string): Promise<number> {
  const plan = JSON.stringify({
    programs: await clusterPrograms(),
    extras: await makeExtras(),
    cases: chosen.map(({ name }) => name),
    folder,
  })
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const command = ['--pdeathsig', 'KILL', 'unshare', ...apart, process.execPath, inside, plan]
  const child = spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit'] })
  const end = (): boolean => child.kill('SIGKILL')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

async function makeExtras(): Promise<Partial<Record<Extra, string>>> {
  const needed = new Set(chosen.flatMap(({ needs = [] }) => needs))
  const made: Partial<Record<Extra, string>> = {}
  for (const extra of needed) made[extra] = await makers[extra]()
  return made
}

const makers: Readonly<Record<Extra, () => Promise<string>>> = {
  'gateway-api': gatewayApi,
  helm: () => clientProgram('helm'),
  kubectl: () => clientProgram('kubectl'),
  kwok,
}

const folder = mkdtempSync(join(tmpdir(), 'weft-kubernetes-'))
try {
  process.exitCode = await run(folder)
  if (process.exitCode !== 0) console.log(`logs and state: ${folder}`)
} catch (error) {
  if (!(error instanceof Missing)) throw error
  console.log(`skipped: ${error.message}`)
  console.log('0 passed, 0 failed')
}
if (process.exitCode === 0 || process.exitCode === undefined) rmSync(folder, { recursive: true })

// Weft in containers of a Docker engine of its own: `npm run e2e:compose [-- CASE ...]`.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { cases } from './cases.ts'
import { composeEnvironment } from './engine/compose.ts'

const inside = resolve(import.meta.dirname, 'inside.ts')
const wanted = process.argv.slice(2)
const unknown = wanted.find(name => !cases.some(each => each.name === name))
if (unknown !== undefined)
  throw new Error(
    `there is no case ${unknown}; there are ${cases.map(({ name }) => name).join(', ')}`,
  )
const chosen = cases.map(({ name }) => name).filter(name => !wanted[0] || wanted.includes(name))

function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux, whose namespaces keep the engine apart'
  if (process.getuid?.() !== 0) return 'needs root, for an engine of its own'
  const tools = ['dockerd', 'docker', 'iptables', 'ip', 'unshare', 'setpriv', 'mount', 'sysctl']
  const missing = tools.filter(tool => spawnSync('which', [tool]).status !== 0)
  if (missing.length > 0)
    return `needs ${missing.join(', ')} (Debian: docker.io, iproute2, iptables, util-linux)`
  const compose = spawnSync('docker-compose', ['version'], { env: composeEnvironment() })
  if (compose.status !== 0) return "needs docker-compose (Debian's package of that name)"
  return existsSync('node_modules') ? undefined : 'needs what `npm ci` installs'
}

/** Engine and containers lie in namespaces of their own, and end with the first process in them, however that ends. */
async function run(folder: string): Promise<number> {
  const apart = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const plan = JSON.stringify({ cases: chosen, folder })
  const command = ['--pdeathsig', 'KILL', 'unshare', ...apart, process.execPath, inside, plan]
  const child = spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit'] })
  const end = (): boolean => child.kill('SIGKILL')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

process.chdir(resolve(import.meta.dirname, '../../..'))
const reason = obstacle()
if (reason === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'weft-compose-'))
  process.exitCode = await run(folder)
  const failed = process.exitCode !== 0
  rmSync(failed ? join(folder, 'data-root') : folder, { recursive: true, force: true })
  if (failed) console.log(`files and logs: ${folder}`)
} else {
  console.log(`skipped: ${reason}`)
  console.log('0 passed, 0 failed')
}

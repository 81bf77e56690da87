// Runs the suite with node-tap and ends with one plain line that a script can read.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const files = process.argv.slice(2)
const tap = spawn('tap', ['run', '--reporter=tap', ...files], {
  stdio: ['ignore', 'pipe', 'inherit'],
})

/** tap's own count, of assertions alone, at the end of its output. */
const summary = /^# \{ total: \d+(?:, pass: (\d+))?(?:, fail: (\d+))?/

let passed = 0
let failed = 0
let failing = false
for await (const line of createInterface({ input: tap.stdout })) {
  const count = summary.exec(line)
  if (count !== null) [passed, failed] = [Number(count[1] ?? 0), Number(count[2] ?? 0)]
  const point = /^( *)(not ok|ok) \d*(.*)$/.exec(line)
  if (point === null) {
    if (failing && line.trim() !== '') console.log(line)
    continue
  }
  const [, indent = '', verdict, rest = ''] = point
  failing = verdict === 'not ok' && !/# (SKIP|TODO)/i.test(rest)
  if (indent === '') console.log(`${verdict}${rest}`)
  else if (failing || /# SKIP/i.test(rest)) console.log(line)
}

const code = await new Promise<number>(resolve => {
  if (tap.exitCode !== null) resolve(tap.exitCode)
  else tap.once('close', status => resolve(status ?? 1))
})
// A file that died before its first assertion fails the run although no point says so.
if (code !== 0 && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

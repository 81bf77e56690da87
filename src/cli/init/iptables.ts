import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { CommandError } from '../command-error.ts'
import type { Family } from './nat-rules.ts'

const programs = { 4: 'iptables', 6: 'ip6tables' } as const

const otherModes =
  'The explicit mode and DNS mode need neither: see README, "How an application calls another".'

/** What the `nat` table holds now. @throws CommandError that says what is missing. */
export function saveTable(family: Family): Promise<string> {
  return run(`${programs[family]}-save`, ['-t', 'nat'], '')
}

/** All of `script`, or nothing of it. @throws CommandError that says what is missing. */
export async function restoreTable(family: Family, script: string): Promise<void> {
  // --wait: another program may hold the lock just now.
  await run(`${programs[family]}-restore`, ['--noflush', '--wait=5'], script)
}

async function run(program: string, options: readonly string[], input: string): Promise<string> {
  const child = spawn(program, options, { stdio: 'pipe' })
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', error => reject(explain(program, error.message)))
  })
  const exited = new Promise<number | null>(resolve => child.once('close', resolve))
  // It may have ended before it read; its exit code says why.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const output = Promise.all([exited, text(child.stdout), text(child.stderr)])
  const [code, printed, complaint] = await Promise.race([output, failed])
  if (code !== 0) throw explain(program, complaint)
  return printed
}

function explain(program: string, complaint: string): CommandError {
  if (/ENOENT/.test(complaint))
    return new CommandError(`${program} is not here: install the package iptables. ${otherModes}`)
  if (/permission denied|operation not permitted|must be root/i.test(complaint))
    return new CommandError(
      `${program} needs root, or the capabilities NET_ADMIN and NET_RAW, in this network namespace. ${otherModes}`,
    )
  const [first = 'it failed without a word'] = complaint.trim().split('\n')
  return new CommandError(`${program}: ${first}. ${otherModes}`)
}

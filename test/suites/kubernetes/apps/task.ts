// A job's work: prints what it sees of its pod, asks what it is told to ask, and ends with the exit code that it is told.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { reportProxy } from './first-look.ts'

const list = (name: string): string[] => (process.env[name] ?? '').split(',').filter(Boolean)

process.once('SIGTERM', () => process.exit(0))
await reportProxy()
console.log(`uid=${process.getuid?.()}`)
for (const file of list('SHOW')) console.log(`${file}: ${readFileSync(file, 'utf8').trim()}`)
for (const name of list('PRINT')) console.log(`${name}=${process.env[name]}`)
for (const url of list('ASK'))
  console.log(
    await fetch(url).then(
      async response => `${url}: ${response.status} ${await response.text()}`,
      (error: Error) => `${url}: ${String(error.cause)}`,
    ),
  )
await sleep(Number(process.env['WAIT_MS'] ?? 0))
process.exit(Number(process.env['EXIT'] ?? 0))

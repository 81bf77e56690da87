import { writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { testFolder } from '../test-folder.ts'

/** What an API server answers, by `GET /path?query` without paging; a number is a status with a message. */
export type FakeAnswers = Readonly<Record<string, unknown>>

/**
 * A program that does as `kubectl proxy --unix-socket` does. Lists come in pages of `pageSize`; what nothing is said of is
 * not found.
 */
export function fakeKubectl(t: Test, answers: FakeAnswers, pageSize = 2): string {
  const folder = testFolder(t, {})
  const program = join(folder, 'kubectl')
  writeFileSync(join(folder, 'answers.json'), JSON.stringify(answers))
  writeFileSync(
    program,
    `#!${process.execPath}
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const socket = process.argv.find(text => text.startsWith('--unix-socket=')).slice(14)
if (process.argv.includes('--context=unknown')) {
  console.error('error: context "unknown" does not exist')
  process.exit(1)
}
const answers = JSON.parse(readFileSync(${JSON.stringify(join(folder, 'answers.json'))}, 'utf8'))
createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const next = Number(url.searchParams.get('continue') ?? 0)
  for (const name of ['limit', 'continue']) url.searchParams.delete(name)
  const answer = answers[request.method + ' ' + decodeURIComponent(url.pathname + url.search)] ?? 404
  if (answer === 'hang up') return void request.socket.destroy()
  const status = typeof answer === 'number' ? answer : 200
  response.writeHead(status, { 'content-type': 'application/json' })
  if (status !== 200) return void response.end(JSON.stringify({ message: 'it says ' + status }))
  if (!answer.items) return void response.end(JSON.stringify(answer))
  const items = answer.items.slice(next, next + ${pageSize})
  const end = next + ${pageSize}
  const metadata = end < answer.items.length ? { continue: String(end) } : {}
  response.end(JSON.stringify({ metadata, items }))
}).listen(socket, () => console.log('Starting to serve on ' + socket))
`,
  )
  // As a program it cannot be an ES module of the package around it.
  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}')
  chmodSync(program, 0o755)
  return program
}

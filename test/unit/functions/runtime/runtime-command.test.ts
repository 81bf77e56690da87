import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { programOf, runtimeCommand } from '../../../../src/functions/runtime/runtime-command.ts'
import { functionSpec } from '../../../support/functions/sandbox.ts'

function install(folder: string, entry: string): string {
  const path = join(folder, 'node_modules/aws-lambda-ric', entry)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, '')
  return path
}

t.test('a function’s own command goes before all', async t => {
  t.same(programOf(functionSpec({ command: ['./run', 'it'], runtime: 'python3' })), ['./run', 'it'])
  t.same(programOf(functionSpec({ command: [] })), [])
})

t.test('Python’s client is found by the interpreter of that version', async t => {
  const location = { directory: '/nowhere' }
  for (const name of ['python3', 'python3.11'])
    t.same(runtimeCommand(name, 'a.b', location), [name, '-m', 'awslambdaric', 'a.b'])
})

t.test('a provided runtime brings its program along', async t => {
  for (const name of ['provided', 'provided.al2023'])
    t.same(runtimeCommand(name, '', { directory: '/nowhere' }), ['./bootstrap'])
})

t.test('Node’s client lies by the code or above it, new or old', async t => {
  const above = t.testdir({ code: {} })
  const code = join(above, 'code')
  const old = install(above, 'bin/index.mjs')
  t.same(runtimeCommand('nodejs', 'a.b', { directory: code }), ['node', old, 'a.b'])
  const own = install(code, 'index.mjs')
  for (const name of ['nodejs22', 'nodejs22.x'])
    t.same(runtimeCommand(name, 'a.b', { directory: code }), ['node', own, 'a.b'])
})

t.test('a program that sees the code elsewhere sees nothing above it', async t => {
  const above = t.testdir({ code: {} })
  const code = join(above, 'code')
  install(above, 'index.mjs')
  const location = { directory: code, taskRoot: '/var/task' }
  t.throws(() => runtimeCommand('nodejs', 'a.b', location), {
    message: `aws-lambda-ric is missing: run npm install aws-lambda-ric in ${code}`,
  })
  install(code, 'index.mjs')
  t.same(runtimeCommand('nodejs', 'a.b', location), [
    'node',
    '/var/task/node_modules/aws-lambda-ric/index.mjs',
    'a.b',
  ])
})

t.test('what is missing is said', async t => {
  t.throws(() => runtimeCommand('nodejs22.x', 'a.b', { directory: '/' }), /npm install .* in \/$/)
  t.throws(() => runtimeCommand('cobol', '', { directory: '/' }), /there is no runtime cobol/)
})

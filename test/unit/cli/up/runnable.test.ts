import { execFileSync } from 'node:child_process'
import t from 'tap'
import { obstacleOf } from '../../../../src/cli/up/runnable.ts'
import { functionKind } from '../../../../src/model/kinds/function/function.ts'

function functionWith(spec: object) {
  const head = { apiVersion: 'weft.dev/v1alpha1', kind: 'Function', metadata: { name: 'hello' } }
  return functionKind.parse({ ...head, spec: { code: t.testdirName, ...spec } })
}

const withoutPython = ((): string | undefined => {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'there is no python3'
  }
})()

t.test('a command of its own is taken at its word', async t => {
  t.equal(await obstacleOf(functionWith({ command: ['no-such-program'] })), undefined)
})

t.test('a Python that is not there is named', async t => {
  t.equal(
    await obstacleOf(functionWith({ runtime: 'python3.99' })),
    'there is no python3.99 on the PATH: install Python',
  )
})

const options = withoutPython === undefined ? {} : { skip: withoutPython }

t.test('what requirements.txt lists and is not installed is named', options, async t => {
  const code = t.testdir({ 'requirements.txt': '# comment\npip\nno-such-thing>=1.0\n' })
  const obstacle = (await obstacleOf(functionWith({ runtime: 'python3', code }))) ?? ''
  t.match(obstacle, /^python3 lacks (?:awslambdaric and )?no-such-thing: python3 -m pip install /)
})

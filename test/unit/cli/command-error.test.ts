import { readFileSync } from 'node:fs'
import t from 'tap'
import { CommandError, toCommandError } from '../../../src/cli/command-error.ts'

function thrownBy(action: () => void): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return undefined
}

t.test('a refusal of the operating system is shown as its message', async t => {
  const shown = toCommandError(thrownBy(() => readFileSync('/nowhere/at/all')))
  t.equal(shown?.message, "ENOENT: no such file or directory, open '/nowhere/at/all'")
  t.equal(shown?.exitCode, 1)
})

t.test('what is meant for its reader stays as it is', async t => {
  const error = new CommandError('no such workload', 2)
  t.equal(toCommandError(error), error)
})

t.test('a bug is not', async t => {
  t.equal(toCommandError(new TypeError('x is not a function')), undefined)
  t.equal(toCommandError('thrown text'), undefined)
})

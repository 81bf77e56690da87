import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ociError, OciRuntime } from '../../../../../src/functions/runtime/oci/oci-runtime.ts'

const environment = { PATH: process.env['PATH'] ?? '' }

/** In the place of runc: writes down how it was called. `answers`: shell, with the command in `$3`. */
function scene(t: Test, answers = '') {
  const root = t.testdir({
    runc: `#!/bin/sh\necho "$@" >> "$(dirname "$0")/calls"\n${answers}`,
    calls: '',
    state: { bundles: { 'weft-old': { 'config.json': '{}' } } },
  })
  const program = join(root, 'runc')
  chmodSync(program, 0o755)
  const directory = join(root, 'state')
  return {
    runtime: new OciRuntime({ directory, environment, program }),
    directory,
    calls: () =>
      readFileSync(join(root, 'calls'), 'utf8')
        .trim()
        .split('\n')
        .map(line => line.replace(`--root ${directory}/containers `, '')),
  }
}

t.test('what was left behind is removed before the first container, once', async t => {
  const { runtime, directory, calls } = scene(
    t,
    'if [ $3 = list ]; then echo weft-gone; echo mine; fi',
  )
  const bundle = await runtime.createBundle()
  t.same(calls(), ['list --quiet', 'delete --force weft-gone', 'delete --force weft-old'])
  t.notOk(existsSync(join(directory, 'bundles/weft-old')))
  const other = await runtime.createBundle()
  t.equal(calls().length, 3)
  t.not(other.id, bundle.id)
  for (const { gate } of [bundle, other]) await gate.close()
})

t.test('what was missing is looked for again', async t => {
  const { runtime, directory } = scene(t, '[ -e "$(dirname "$0")/installed" ]')
  await t.rejects(runtime.createBundle())
  writeFileSync(join(directory, '../installed'), '')
  const { gate } = await runtime.createBundle()
  await gate.close()
})

t.test('a bundle is for nobody else to read, and its gate opens for a word', async t => {
  const { runtime } = scene(t)
  const { id, directory, gate, gatePath } = await runtime.createBundle()
  t.match(id, /^weft-[0-9a-f-]{36}$/)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  t.ok(statSync(gatePath).isFIFO())
  await gate.write('go\n')
  await gate.close()
  t.match(
    runtime.runCommand({ id, directory, gate, gatePath }).join(' '),
    / run --keep --bundle .* weft-/,
  )
})

t.test('what is removed leaves nothing on disk, and closing waits for it', async t => {
  const { runtime, calls } = scene(t)
  const { id, directory, gate } = await runtime.createBundle()
  let closed = false
  const closing = runtime.close().then(() => (closed = true))
  await new Promise(setImmediate)
  t.notOk(closed)
  await gate.close()
  await runtime.remove(id)
  await closing
  t.equal(calls().at(-1), `delete --force ${id}`)
  t.notOk(existsSync(directory))
})

t.test('a container that can’t be removed is left to the next start', async t => {
  const { runtime } = scene(t, '[ $3 != delete ]')
  const { id, directory, gate } = await runtime.createBundle()
  await gate.close()
  await runtime.remove(id)
  t.ok(existsSync(directory))
})

t.test('killing says whether there was anything', async t => {
  t.ok(await scene(t).runtime.kill('weft-1'))
  t.notOk(await scene(t, '[ $3 != kill ]').runtime.kill('weft-1'))
})

t.test('what is missing is said', async t => {
  const runtime = new OciRuntime({ directory: t.testdir({}), environment, program: 'no-runc' })
  await t.rejects(runtime.createBundle(), {
    message: 'no-runc is missing: apt-get install no-runc',
  })
  t.match(
    ociError('runc', { message: 'rootless container requires user namespaces' }).message,
    /^runc needs the rights of root: /,
  )
  t.equal(ociError('runc', { message: 'other' }).message, 'other')
})

import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import { InjectionFile } from '../../../../../src/control/kubernetes/webhook/injection-file.ts'

async function open(t: Test, text: string) {
  const path = join(t.testdir({ 'injection.yaml': text }), 'injection.yaml')
  const errors: object[] = []
  const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) }
  const file = await InjectionFile.open(path, logger)
  t.teardown(() => file.close())
  return { path, file, errors }
}

t.test('without a file the injector has its defaults', async t => {
  const file = await InjectionFile.open(undefined, silentLogger)
  t.match(file.settings, { mode: 'dns', controlPlane: 'weft-control.weft-system.svc:15012' })
  await file.look()
  file.close()
})

t.test('an edit is taken over, a bad one changes nothing and is told once', async t => {
  const { path, file, errors } = await open(t, 'mode: transparent\n')
  t.equal(file.settings.mode, 'transparent')
  writeFileSync(path, 'image: shop/weft:2\n')
  await file.look()
  t.match(file.settings, { mode: 'dns', image: 'shop/weft:2' })
  for (const [text, problem] of [
    ['image: shop/weft:3\nmode: magic\n', /injection.yaml:2:1 mode: /],
    ['imge: shop/weft\n', /imge/],
    ['mode: [\n', /injection.yaml:/],
    ['mode: dns\n---\nmode: dns\n', /a second document/],
    ['- mode\n', /injection.yaml/],
  ] as const) {
    writeFileSync(path, text)
    await file.look()
    await file.look()
    t.match(file.problems, [problem], text)
    t.equal(file.settings.image, 'shop/weft:2')
  }
  t.equal(errors.length, 5)
  writeFileSync(path, '# all defaults\n')
  await file.look()
  t.equal(file.settings.image, undefined)
  t.strictSame(file.problems, [])
})

t.test('a file that is gone leaves the last good settings, until it is back', async t => {
  const { path, file } = await open(t, 'mode: transparent\n')
  rmSync(path)
  await file.look()
  t.match(file.problems, [/ENOENT/])
  t.equal(file.settings.mode, 'transparent')
  writeFileSync(path, 'mode: transparent\nlogLevel: debug\n')
  await file.look()
  t.equal(file.settings.logLevel, 'debug')
  t.strictSame(file.problems, [])
})

t.test('a mounted ConfigMap that is replaced is seen', async t => {
  const folder = t.testdir({ one: { f: 'logLevel: info\n' }, two: { f: 'logLevel: debug\n' } })
  symlinkSync('one', join(folder, '..data'))
  symlinkSync(join('..data', 'f'), join(folder, 'f'))
  const file = await InjectionFile.open(join(folder, 'f'), silentLogger)
  t.equal(file.settings.logLevel, 'info')
  symlinkSync('two', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  await file.look()
  t.equal(file.settings.logLevel, 'debug')
  file.close()
})

t.test('at the start there is no last good file to go on with', async t => {
  await t.rejects(
    open(t, 'mode: magic\nlogLevel: loud\n'),
    /injection.yaml:1:1 mode: [\s\S]*injection.yaml:2:1 logLevel: /,
  )
  await t.rejects(InjectionFile.open('/nowhere/injection.yaml', silentLogger), { code: 'ENOENT' })
})

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FileWatch } from '../../../../src/functions/triggers/file-watch.ts'

t.test('the folder that is there now is watched, after another was in its place', async t => {
  const root = mkdtempSync(join(tmpdir(), 'weft-file-watch-'))
  const folder = join(root, 'events')
  let onChange = (): void => {}
  const watch = new FileWatch(folder, () => onChange())
  t.teardown(() => {
    watch.close()
    rmSync(root, { recursive: true })
  })
  await t.rejects(watch.renew(), { code: 'ENOENT' })
  for (let round = 0; round < 2; round++) {
    mkdirSync(folder)
    await watch.renew()
    const changed = new Promise<void>(resolve => (onChange = resolve))
    writeFileSync(join(folder, 'a'), '')
    await changed
    renameSync(folder, join(root, `old${round}`))
  }
})

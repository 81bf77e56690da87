import { execFileSync } from 'node:child_process'
import t from 'tap'
import { tarArchive } from '../../../../../src/control/scaling/docker/tar-archive.ts'

t.test('tar reads what it makes, of any length', async t => {
  for (const length of [0, 1, 511, 512, 513, 5000]) {
    const content = 'ü'.repeat(length)
    const input = tarArchive([
      { path: 'etc/weft/a', content: 'a', mode: 0o600, uid: 0, gid: 0 },
      { path: 'etc/weft/b', content, mode: 0o644, uid: 65_534, gid: 1 },
    ])
    t.equal(input.length % 512, 0)
    t.equal(execFileSync('tar', ['-xO', 'etc/weft/b'], { input, encoding: 'utf8' }), content)
    t.match(
      execFileSync('tar', ['-tv', '--numeric-owner'], { input, encoding: 'utf8' }),
      /-rw-r--r-- 65534\/1 /,
    )
  }
})

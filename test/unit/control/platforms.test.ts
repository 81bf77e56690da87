import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sourceOf } from '../../../src/control/platforms.ts'
import { testFolder } from '../../support/test-folder.ts'

t.test('files of others are passed over where the control plane is told so', async t => {
  const configPath = join(testFolder(t), 'mesh.yaml')
  writeFileSync(configPath, 'apiVersion: apps/v1\nkind: Deployment\n')
  const address = { host: '127.0.0.1', port: 0 }
  const bootstrap = {
    configPath,
    stateDirectory: '/nowhere',
    trustDomain: 'weft.local',
    push: address,
    admin: address,
    leaseMs: 1,
  }
  const strict = await sourceOf(bootstrap, []).load()
  t.match(strict.problems, [{ message: /unknown kind "Deployment"/ }])
  const lenient = await sourceOf({ ...bootstrap, ignoresUnknownKinds: true }, []).load()
  t.same(lenient.problems, [])
})

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Drivers } from '../../../../src/functions/runtime/drivers.ts'
import { functionSpec, GuardRecord } from '../../../support/functions/sandbox.ts'

t.test('each function has the driver that it names, and containers one between them', async t => {
  const containerDirectory = join(t.testdir({}), 'oci')
  const drivers = new Drivers({
    guard: new GuardRecord(),
    own: { PATH: '/bin', TOKEN: 'secret' },
    containerDirectory,
    onTrouble: () => {},
  })
  const process = drivers.for(functionSpec())
  t.equal(drivers.for(functionSpec({ name: 'other' })), process)
  t.match(process, { preparesAhead: false, runtimeApiPort: undefined })
  t.match(drivers.for(functionSpec({ driver: 'oci' })), { preparesAhead: true })
  for (const driver of ['docker', 'kubernetes'] as const)
    t.match(drivers.for(functionSpec({ driver })), { preparesAhead: false, runtimeApiPort: 9001 })
  await drivers.close()
  t.notOk(existsSync(containerDirectory), 'nothing is made for what nobody uses')
})

import { once } from 'node:events'
import tls from 'node:tls'
import t, { type Test } from 'tap'
import { wallNow } from '../../../../../src/base/clock.ts'
import { silentLogger } from '../../../../../src/base/log.ts'
import { Injector } from '../../../../../src/control/kubernetes/webhook/injector.ts'
import { openAuthority } from '../../../../support/authority.ts'

async function start(t: Test, injectionFile: string | undefined) {
  const authority = await openAuthority(t, { trustDomain: 'shop.local' })
  const injector = await Injector.start({
    address: { host: '127.0.0.1', port: 0 },
    namespace: 'mesh',
    injectionFile,
    version: '1.2.3',
    authority,
    now: wallNow,
    logger: silentLogger,
  })
  t.teardown(() => injector.close())
  return { injector, authority }
}

t.test('it is who the API server asks for, by Service or by address', async t => {
  t.testdir()
  const { injector, authority } = await start(t, undefined)
  for (const servername of ['weft-control.mesh.svc', 'localhost', '']) {
    const options = { host: '127.0.0.1', port: injector.port, ca: authority.bundle, servername }
    const socket = tls.connect(options)
    await once(socket, 'secureConnect')
    t.ok(socket.authorized, servername)
    socket.destroy()
  }
  t.strictSame(injector.problems, [])
})

t.test('settings that cannot be used end the start, and leave nothing open', async t => {
  const folder = t.testdir({ 'injection.yaml': 'mode: magic\n' })
  await t.rejects(start(t, `${folder}/injection.yaml`), /injection.yaml:1:1 mode: /)
})

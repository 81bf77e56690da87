import { createPublicKey } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Logger } from '../../../../src/base/log.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { KeyRequest } from '../../../../src/identity/key-request.ts'
import type { ProxyBootstrap } from '../../../../src/model/bootstrap.ts'
import { joinMesh } from '../../../../src/proxy/membership/mesh-identity.ts'
import { bootstrapOf, startMesh } from '../../../support/mesh.ts'

const mesh = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80 }] }
`

async function start(t: Test, overrides: Partial<ProxyBootstrap> = {}) {
  const started = await startMesh(t, mesh)
  const bootstrap = await bootstrapOf(started, { name: 'orders', overrides })
  const warnings: { error?: Error & { cause?: Error } }[] = []
  const warned: (() => void)[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: fields => {
      warnings.push(fields)
      warned.shift()?.()
    },
  }
  const abort = new AbortController()
  t.teardown(() => abort.abort())
  const join = (changed: Partial<ProxyBootstrap> = {}) =>
    joinMesh({ ...bootstrap, ...changed }, { logger, random: () => 0, signal: abort.signal })
  const nextWarning = () => new Promise<void>(resolve => warned.push(resolve))
  return { bootstrap, warnings, join, nextWarning, folder: started.folder }
}

t.test('a token is exchanged once; after that the state says who we are', async t => {
  const { join, bootstrap } = await start(t)
  t.equal((await join()).uri, 'spiffe://weft.local/ns/default/sa/orders')
  rmSync(bootstrap.joinTokenFile ?? '')
  t.equal((await join()).uri, 'spiffe://weft.local/ns/default/sa/orders')
})

t.test('a process that ended before its certificate came asks with the same key again', async t => {
  const { join: joinAgain, bootstrap } = await start(t)
  const { stateDirectory } = bootstrap
  mkdirSync(stateDirectory, { recursive: true })
  const { publicKey } = await KeyRequest.pending(stateDirectory)
  const { privateKey } = await joinAgain()
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  t.equal(der.toString('base64'), publicKey)
  t.not((await KeyRequest.pending(stateDirectory)).publicKey, publicKey, 'and not once more')
})

t.test('a token that is not taken is final, and says how to get another', async t => {
  const { join, bootstrap } = await start(t)
  writeFileSync(bootstrap.joinTokenFile ?? '', 'made up')
  await t.rejects(join(), { message: /join-token is not taken: .*weft token create orders/ })
})

t.test('without a token, or with an empty one, it says so before it asks', async t => {
  const { join, bootstrap } = await start(t)
  const { joinTokenFile: _, ...rest } = bootstrap
  await t.rejects(
    joinMesh(rest, { logger: silentLogger, random: () => 0, signal: new AbortController().signal }),
    { message: /no join token: make one with `weft token create orders`/ },
  )
  writeFileSync(bootstrap.joinTokenFile ?? '', '\n')
  await t.rejects(join(), { message: /is empty/ })
  await t.rejects(join({ joinTokenFile: '/nowhere' }), { code: 'ENOENT' })
})

t.test('a token for somebody else is no use', async t => {
  const { join, bootstrap } = await start(t)
  const workload = { ...bootstrap.workload, serviceAccount: 'payments' }
  await t.rejects(join({ workload }), {
    message: /is for .*sa\/orders, this workload is .*payments/,
  })
})

t.test('as a container it shows no token, and a refusal is final', async t => {
  const { join } = await start(t)
  await t.rejects(join({ join: 'container' }), {
    message: /^this container is not taken: .*weft\.service/,
  })
})

t.test('a trust bundle that is not there yet is waited for', async t => {
  const { join, bootstrap, folder, warnings, nextWarning } = await start(t)
  const later = join({ trustBundleFile: `${folder}/later/trust-bundle.pem` })
  await nextWarning()
  mkdirSync(`${folder}/later`)
  writeFileSync(`${folder}/later/trust-bundle.pem`, '')
  await nextWarning()
  writeFileSync(`${folder}/later/trust-bundle.pem`, readFileSync(bootstrap.trustBundleFile))
  t.equal((await later).uri, 'spiffe://weft.local/ns/default/sa/orders')
  t.match(warnings, [
    { error: { message: /no trust bundle in/, cause: { code: 'ENOENT' } } },
    { error: { message: /no trust bundle in/, cause: { message: /no certificate/ } } },
  ])
})

t.test('a state directory that cannot be written costs no token', async t => {
  const { join: ask, bootstrap, folder } = await start(t)
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  await t.rejects(ask({ stateDirectory: join(file, 'state') }), {
    message: /nothing can be written to the state directory.*mount a volume/,
  })
  if (process.getuid?.() !== 0) {
    chmodSync(dirname(bootstrap.joinTokenFile ?? ''), 0o500)
    await t.rejects(ask(), { message: /nothing can be written/ })
    chmodSync(dirname(bootstrap.joinTokenFile ?? ''), 0o700)
  }
  t.ok(await ask(), 'the token is still good')
})
